import assert from "node:assert/strict";
import fc from "fast-check";
import { type Call, CallDecoder } from "../../src/thrift/decoder.ts";
import { DEFAULT_MAX_MESSAGE_BYTES } from "../../src/thrift/limits.ts";
import { WireError } from "../../src/thrift/wire.ts";
import { beatCall, concat } from "../support/beat_client.ts";
import * as wire from "./messages.ts";

const MAX = DEFAULT_MAX_MESSAGE_BYTES;
const AGENT = { asset: "CX0001", ip: "10.0.0.1", version: "1.2.3", apps: '{"app1":"1.0.1"}' };

/** What a decoder says about bytes, in a form that can be compared. */
type Outcome = { call: Call; length: number } | { error: string } | "more";

function decodeWhole(bytes: Uint8Array, maxBytes = MAX): Outcome {
  return outcome(() => {
    const decoder = new CallDecoder(maxBytes);
    const call = decoder.decode(bytes, 0, bytes.length);
    return call === undefined ? "more" : { call, length: decoder.length };
  });
}

/** Gives the decoder one byte more at a time, each time in a fresh buffer and at another place in it. */
function decodeBytewise(bytes: Uint8Array, maxBytes = MAX): Outcome {
  return outcome(() => {
    const decoder = new CallDecoder(maxBytes);
    const buffers = [0, 3].map((start) => ({ start, bytes: new Uint8Array(start + bytes.length).fill(0xee) }));
    for (let end = 1; end <= bytes.length; end++) {
      const buffer = buffers[end % 2]!;
      buffer.bytes.set(bytes.subarray(0, end), buffer.start);
      const call = decoder.decode(buffer.bytes, buffer.start, buffer.start + end);
      if (call !== undefined) return { call, length: decoder.length };
    }
    return "more";
  });
}

function outcome(decode: () => Outcome): Outcome {
  try {
    return decode();
  } catch (error) {
    if (error instanceof WireError) return { error: error.code };
    throw error;
  }
}

function decoded(bytes: Uint8Array): Call {
  const result = decodeWhole(bytes);
  assert.ok(typeof result === "object" && "call" in result, JSON.stringify(result));
  assert.equal(result.length, bytes.length);
  return result.call;
}

const anyText = fc.string({ unit: "grapheme", maxLength: 40 });
const anyAgent = fc.record({
  asset: anyText,
  ip: anyText,
  version: anyText.filter((v) => !v.startsWith("{")),
  apps: anyText,
});

Deno.test("CallDecoder reads what a client wrote, with either header, whole or byte by byte", () => {
  fc.assert(fc.property(anyAgent, fc.integer(), fc.boolean(), (agent, seqid, strict) => {
    const bytes = beatCall({ ...agent, seqid: seqid | 0, strict });
    const expected: Outcome = {
      call: { method: "heartbeatPackage", seqid: seqid | 0, oneway: false, info: { ...agent } },
      length: bytes.length,
    };
    assert.deepEqual(decodeWhole(bytes), expected);
    assert.deepEqual(decodeBytewise(bytes), expected);
  }));
});

Deno.test("CallDecoder says the same of a changed message, whole or byte by byte, and never anything but a WireError", () => {
  const messages = [beatCall(AGENT), beatCall({ ...AGENT, strict: false }), wire.call(wire.unknownFields())];
  const change = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }) });
  const changes = fc.array(change, { minLength: 1, maxLength: 3 });
  fc.assert(
    fc.property(fc.constantFrom(...messages), changes, fc.nat(), (message, changes, cut) => {
      const bytes = message.slice(0, message.length - cut % 3);
      for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
      assert.deepEqual(decodeBytewise(bytes), decodeWhole(bytes));
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("CallDecoder takes any bytes without an error of another kind", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const afterHeader = concat([beatCall(AGENT).subarray(0, 28), bytes]);
      assert.deepEqual(decodeBytewise(bytes), decodeWhole(bytes));
      assert.deepEqual(decodeBytewise(afterHeader), decodeWhole(afterHeader));
    }),
    { numRuns: 1_000 },
  );
});

Deno.test("CallDecoder asks for more at every cut of a message, and takes nothing of the next one", () => {
  const bytes = concat([wire.call([wire.text(2, "10.0.0.1"), ...wire.unknownFields()])]);
  for (let end = 0; end < bytes.length; end++) {
    assert.equal(decodeWhole(bytes.subarray(0, end)), "more", `cut at ${end}`);
  }
  const [one, two] = [beatCall({ ...AGENT, seqid: 1 }), beatCall({ ...AGENT, seqid: 2 })];
  const both = concat([one, two]);
  const decoder = new CallDecoder(MAX);
  assert.equal(decoder.decode(both, 0, both.length)?.seqid, 1);
  assert.equal(decoder.length, one.length);
  assert.equal(decoder.decode(both, one.length, both.length)?.seqid, 2);
});

for (const { what, bytes, reason } of wire.badMessages()) {
  Deno.test(`CallDecoder refuses ${what} as ${reason}`, () => {
    assert.deepEqual(decodeWhole(bytes), { error: reason });
    assert.deepEqual(decodeBytewise(bytes), { error: reason });
  });
}

Deno.test("CallDecoder refuses a claimed length from the header alone, with no byte of the value there", () => {
  const head = wire.call([]).subarray(0, -2);
  for (const length of [32 * 1024 + 1, 0x7fffffff]) {
    const bytes = concat([head, Uint8Array.of(wire.STRING, 0, 4), wire.i32(length)]);
    assert.deepEqual(decodeWhole(bytes), { error: "string_too_long" });
  }
  // 32 KiB are taken, but two of them and the rest are more than a message may have.
  const first = concat([head, wire.text(3, "x".repeat(32 * 1024))]);
  const bytes = concat([first, Uint8Array.of(wire.STRING, 0, 4), wire.i32(32 * 1024)]);
  assert.deepEqual(decodeWhole(bytes), { error: "message_too_long" });
});

Deno.test("CallDecoder takes a message of the limit and none that is a byte longer", () => {
  const bytes = beatCall(AGENT);
  assert.equal(typeof decodeWhole(bytes, bytes.length), "object");
  assert.ok("call" in (decodeWhole(bytes, bytes.length) as object));
  assert.deepEqual(decodeWhole(bytes, bytes.length - 1), { error: "message_too_long" });
  assert.deepEqual(decodeBytewise(bytes, bytes.length - 1), { error: "message_too_long" });
});

Deno.test("CallDecoder skips unknown fields of every type, in the info and in other methods", () => {
  const known = [wire.text(1, "a"), wire.text(2, "i"), wire.text(3, "v"), wire.text(4, "{}")];
  const unknown = wire.unknownFields();
  const mixed = known.flatMap((field, index) => [...unknown.slice(4 * index, 4 * index + 4), field]);
  assert.deepEqual(decoded(wire.call(mixed)).info, { asset: "a", ip: "i", version: "v", apps: "{}" });
  const other = decoded(wire.message(wire.struct(...unknown), { name: "otherMethod", seqid: -7 }));
  assert.deepEqual(other, { method: "otherMethod", seqid: -7, oneway: false, info: undefined });
});

Deno.test("CallDecoder takes 64 fields and 8 nested structs, the most it may", () => {
  const fields = Array.from({ length: 64 }, (_, index) => wire.text(100 + index, "x"));
  assert.deepEqual(decoded(wire.call(fields)).info, { asset: "", ip: "", version: "", apps: "" });
  assert.equal(decoded(wire.message(wire.nested(8))).info, undefined);
});

Deno.test("CallDecoder reads the old IDL: an integer id, and apps in field 3", () => {
  const id = wire.field(wire.I32, 1, wire.i32(-42));
  const old = [id, wire.text(2, "10.0.0.1"), wire.text(3, '{"a":"1"}')];
  assert.deepEqual(decoded(wire.call(old)).info, { asset: "-42", ip: "10.0.0.1", version: "", apps: '{"a":"1"}' });
  const both = [wire.text(3, "{odd"), wire.text(4, "")];
  assert.deepEqual(decoded(wire.call(both)).info, { asset: "", ip: "", version: "{odd", apps: "" });
});

Deno.test("CallDecoder lets the last of equal fields count, and a field of another type not at all", () => {
  const twice = [wire.text(2, "first"), wire.text(4, "x"), wire.text(2, "last")];
  assert.equal(decoded(wire.call(twice)).info?.ip, "last");
  const typed = [wire.text(2, "kept"), wire.field(wire.I32, 2, wire.i32(5)), wire.field(wire.STRUCT, 4, wire.struct())];
  assert.deepEqual(decoded(wire.call(typed)).info, { asset: "", ip: "kept", version: "", apps: "" });
  const [one, two] = ["1", "2"].map((ip) =>
    wire.field(wire.STRUCT, 1, wire.struct(wire.text(2, ip), wire.text(4, ip)))
  );
  assert.equal(decoded(wire.message(wire.struct(one!, two!))).info?.ip, "2");
});

Deno.test("CallDecoder gives no info when it is missing, of another type, or in another field", () => {
  const string = wire.text(1, "no struct");
  const elsewhere = wire.field(wire.STRUCT, 2, wire.struct(wire.text(2, "10.0.0.1")));
  for (const args of [wire.struct(), wire.struct(string), wire.struct(elsewhere)]) {
    assert.equal(decoded(wire.message(args)).info, undefined);
  }
});

Deno.test("CallDecoder replaces bad UTF-8 and keeps a byte order mark", () => {
  const bytes = wire.field(wire.STRING, 2, concat([wire.i32(3), Uint8Array.of(0x61, 0xff, 0x62)]));
  assert.equal(decoded(wire.call([bytes])).info?.ip, "a\ufffdb");
  assert.equal(decoded(wire.call([wire.text(2, "\ufeff1")])).info?.ip, "\ufeff1");
});

Deno.test("CallDecoder tells oneway calls", () => {
  assert.equal(decoded(wire.call([], { type: wire.ONEWAY })).oneway, true);
});
