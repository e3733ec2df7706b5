import assert from "node:assert/strict";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { type Caller, frameReply, parseRequest } from "../../src/mq/envelope.ts";

const MAX = 1024 * 1024;

function parse(message: unknown, properties = {}, maxBytes = MAX) {
  return parseRequest(Buffer.from(JSON.stringify(message)), properties, maxBytes);
}

Deno.test("parseRequest tells the three dialects apart by the message alone", () => {
  const rows = [
    [{ mqkey: "a.heartbeat.x", mqtype: "call.ID" }, {}, ["seed", "ID", undefined]],
    [{ mqkey: "a.heartbeat.x", mqtype: "call" }, { replyTo: "q" }, ["v033", undefined, "q"]],
    [{ mqkey: "a.heartbeat.x.ID", mqtype: "call" }, {}, ["keyed", "ID", undefined]],
    [{ mqkey: "a.heartbeat.x", mqtype: "call.ID" }, { replyTo: "q" }, ["seed", "ID", "q"]],
    [{ mqkey: "a.heartbeat.x.ID", mqtype: "call" }, { replyTo: "q" }, ["keyed", "ID", "q"]],
    [{ mqkey: "a.heartbeat.x.ID", mqtype: "call.OTHER" }, {}, ["keyed", "ID", undefined]],
  ] as const;
  for (const [message, properties, expected] of rows) {
    const parsed = parse(message, properties);
    assert.ok(parsed.kind === "call");
    assert.deepEqual([parsed.caller.dialect, parsed.caller.callId, parsed.caller.replyTo], expected);
    assert.deepEqual([parsed.action, parsed.caller.from], ["x", "a"]);
  }
});

Deno.test("parseRequest takes ids of 64 characters and not of 65", () => {
  const call = (id: string) => parse({ mqkey: "a.heartbeat.x", mqtype: `call.${id}` }).kind;
  assert.equal(call("x".repeat(64)), "call");
  assert.equal(call("x".repeat(65)), "ignored");
});

Deno.test("parseRequest reads a body at the limit and not above it", () => {
  const message = { mqkey: "a.heartbeat.x", mqtype: "call" };
  const size = JSON.stringify(message).length;
  assert.equal(parse(message, { replyTo: "q" }, size).kind, "call");
  const above = parse(message, { replyTo: "q" }, size - 1);
  assert.ok(above.kind === "refused" && above.error.startsWith("[413] "));
});

Deno.test("parseRequest merges the fields of the keyed dialect with mqbody, which wins", () => {
  const parsed = parse({ mqkey: "a.heartbeat.x.ID", mqtype: "call", ip: "1", asset: "2", mqbody: { asset: "3" } });
  assert.ok(parsed.kind === "call");
  assert.deepEqual(parsed.params, { ip: "1", asset: "3" });
});

Deno.test("parseRequest takes a cast whatever its reply_to", () => {
  const parsed = parse({ mqkey: "supervisor.heartbeat.x", mqtype: "cast", mqbody: { a: 1 } }, {
    replyTo: "supervisor",
  });
  assert.deepEqual(parsed, { kind: "cast", from: "supervisor", action: "x", params: { a: 1 } });
});

Deno.test("parseRequest refuses what is not UTF-8, and takes U+FFFD and a byte order mark for what they are", () => {
  const call = (asset: Uint8Array) => [
    ...[Buffer.from('{"mqkey":"a.heartbeat.x","mqtype":"call","mqbody":{"asset":"'), asset, Buffer.from('"}}')],
  ];
  const read = (parts: readonly Uint8Array[]) => parseRequest(Buffer.concat(parts), { replyTo: "q" }, MAX);
  for (const bytes of [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xc0, 0xaf]]) {
    const refused = read(call(Uint8Array.from(bytes)));
    assert.ok(refused.kind === "refused" && refused.error === "[400] the message must be JSON in UTF-8");
  }
  for (const asset of ["\ufffd", "\u8cc7\u7522", "a"]) {
    const parsed = read(call(Buffer.from(asset)));
    assert.ok(parsed.kind === "call");
    assert.deepEqual(parsed.params, { asset });
  }
  assert.equal(read([Buffer.from("\ufeff"), ...call(Buffer.from("a"))]).kind, "call");
});

Deno.test("parseRequest answers any bytes that name a reply queue and throws for none", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }).map((bytes) => Buffer.from(bytes)), (content) => {
    const answered = parseRequest(content, { replyTo: "q" }, MAX);
    assert.ok(answered.kind === "refused" && answered.error.startsWith("[400] "));
    assert.equal(parseRequest(content, {}, MAX).kind, "ignored");
  }));
});

const part = fc.constantFrom("", "a", "heartbeat", "queue", "agentInfo", "ID", "a b", "é");
const mqkey = fc.oneof(fc.array(part, { maxLength: 6 }).map((parts) => parts.join(".")), fc.jsonValue());
const mqtype = fc.oneof(fc.constantFrom("call", "call.", "call.ID", "call.a b", "cast"), fc.jsonValue());
const replyTo = fc.constantFrom(undefined, "", "q", "heartbeat", "heartbeat.x", "supervisor", "heartbeats");
const message = fc.record({ mqkey, mqtype, mqbody: fc.jsonValue(), ip: fc.jsonValue() }, { requiredKeys: [] });

Deno.test("parseRequest gives every message the documented outcome", () => {
  fc.assert(
    fc.property(message, replyTo, (body, address) => {
      const parsed = parse(body, { replyTo: address });
      if (parsed.kind === "ignored") return;
      if (body.mqtype === "cast") return assert.equal(parsed.kind, "cast");
      assert.ok(parsed.kind === "call" || parsed.kind === "refused");
      const { caller } = parsed;
      assert.ok(
        caller.replyTo === undefined
          ? caller.callId !== undefined
          : !/^(heartbeat|supervisor)(\.|$)/.test(caller.replyTo),
      );
      assert.match(caller.callId ?? "ID", /^[A-Za-z0-9_-]{1,64}$/);
      const parts = typeof body.mqkey === "string" ? body.mqkey.split(".") : [];
      if (parsed.kind === "refused") assert.match(parsed.error, /^\[(400|404)\] /);
      else assert.ok(parts[1] === "heartbeat" && (parts.length === 3 || parts.length === 4));
      if (caller.dialect === "keyed") assert.equal(caller.mqkey, body.mqkey);
    }),
    { numRuns: 2_000 },
  );
});

Deno.test("frameReply makes JSON of whatever the caller calls itself", () => {
  const caller = fc.record({
    dialect: fc.constantFrom("seed", "v033", "keyed"),
    from: fc.string({ unit: "binary" }),
    mqkey: fc.string({ unit: "binary" }),
    replyTo: fc.constant(undefined),
    callId: fc.constant("ID"),
    correlationId: fc.constant(undefined),
  }) as fc.Arbitrary<Caller>;
  const head = fc.record({ count: fc.nat(), error: fc.string(), flagged: fc.boolean() }, { requiredKeys: [] });
  fc.assert(fc.property(caller, head, (caller, head) => {
    const { before, after } = frameReply(caller, head);
    const reply = JSON.parse(`${before}[7]${after}`);
    const keyed = caller.dialect === "keyed";
    const body = keyed ? reply : reply.mqbody;
    assert.deepEqual(keyed ? body.info : body.result, [7]);
    assert.equal(reply.mqkey, keyed ? caller.mqkey : `heartbeat.${caller.from}`);
    assert.equal(body.count, head.count);
    if (head.error !== undefined) assert.equal(body.error, head.error);
    if (keyed) assert.equal(reply.mqflag, head.error === undefined ? 1 : 0);
    else assert.deepEqual([reply.mqtype, reply.mqflag], ["cast", "cast"]);
  }));
});

Deno.test("parseRequest refuses JSON that nobody could parse in time, by its shape", () => {
  const read = (text: string) => parseRequest(Buffer.from(text), { replyTo: "q" }, 4 * MAX);
  const call = (params: string) => read(`{"mqkey":"a.heartbeat.x","mqtype":"call","mqbody":${params}}`);
  const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const rows: [string, string, RegExp][] = [
    [`{"a":${lists(30)}}`, `{"a":${lists(31)}}`, /^\[400\] .* 32 levels/],
    [`{"a":[${"[],".repeat(99_996)}[]]}`, `{"a":[${"[],".repeat(99_997)}[]]}`, /^\[400\] .* 100000 objects and lists/],
    [
      `{${'"a":1,'.repeat(99_000)}"b":2}`,
      `{${'"":1,'.repeat(150_000)}"b":${`{${'"":1,'.repeat(150_000)}"c":3}`}}`,
      /keys/,
    ],
    [`{"a":"${"x".repeat(8_192)}"}`, `{"a":"${"x".repeat(8_193)}"}`, /^\[400\] .* text of more than 8192 bytes/],
    ['{"a":"\\"[{:\\\\"}', `{"${'\\"'.repeat(5_000)}":1}`, /text of more/],
  ];
  for (const [good, bad, error] of rows) {
    assert.equal(call(good).kind, "call", good.slice(0, 40));
    const refused = call(bad);
    assert.ok(refused.kind === "refused");
    assert.match(refused.error, error);
  }
  assert.equal(read(lists(200_000)).kind, "refused");
  assert.equal(call(lists(20)).kind, "refused");
});
