import assert from "node:assert/strict";
import fc from "fast-check";
import { ReplyWriter } from "../../src/thrift/encoder.ts";
import { type BeatReply, parseReply } from "../support/beat_client.ts";

const utf8 = new TextEncoder();
const anyText = fc.string({ unit: "grapheme", maxLength: 3_000 });
const anyReply = fc.record({
  method: fc.constantFrom("heartbeatPackage", "x", "Service:other"),
  seqid: fc.integer({ min: -0x80000000, max: 0x7fffffff }),
  text: anyText,
  type: fc.option(fc.integer({ min: 0, max: 10 })),
});

/** All replies in the bytes, read by the tests' own client. */
function parseAll(bytes: Uint8Array): BeatReply[] {
  const replies: BeatReply[] = [];
  for (let rest = bytes; rest.length > 0;) {
    const parsed = parseReply(rest);
    assert.ok(parsed !== undefined, "a whole reply");
    replies.push(parsed.reply);
    rest = rest.subarray(parsed.length);
  }
  return replies;
}

Deno.test("ReplyWriter encodes replies and exceptions that a client reads, one after the other, batch after batch", () => {
  const writer = new ReplyWriter();
  fc.assert(fc.property(fc.array(anyReply, { maxLength: 8 }), (replies) => {
    for (const { text, type, ...call } of replies) {
      if (type === null) writer.reply(call, utf8.encode(text));
      else writer.exception(call, type, text);
    }
    const length = writer.length;
    const bytes = writer.take();
    assert.equal(bytes.length, length);
    assert.equal(writer.length, 0);
    const expected = replies.map(({ method, seqid, text, type }) =>
      type === null ? { method, seqid, text } : { method, seqid, exception: { type, message: text } }
    );
    assert.deepEqual(parseAll(bytes), expected);
  }));
});

Deno.test("ReplyWriter gives bytes away that later replies do not touch", () => {
  const writer = new ReplyWriter();
  const call = { method: "heartbeatPackage", seqid: 1 };
  writer.reply(call, utf8.encode("first"));
  const first = writer.take();
  writer.reply(call, utf8.encode("later"));
  assert.equal(parseAll(first)[0]?.text, "first");
});

Deno.test("ReplyWriter gives its bytes in the caller's memory, and in memory of their own where that is too small", () => {
  const writer = new ReplyWriter();
  const call = { method: "heartbeatPackage", seqid: 1 };
  const memory = new Uint8Array(64);
  for (const [text, isIn] of [["short", true], ["x".repeat(64), false]] as const) {
    writer.reply(call, utf8.encode(text));
    const bytes = writer.takeInto(memory);
    assert.equal(bytes.buffer === memory.buffer, isIn, text);
    assert.deepEqual(parseAll(bytes).map((reply) => reply.text), [text]);
    assert.equal(writer.length, 0);
  }
});
