import assert from "node:assert/strict";
import fc from "fast-check";
import { startApp } from "../support/app.ts";
import { BeatConnection, concat, parseReply } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { badMessages, call, field, ONEWAY, STRING, text, unknownFields } from "../thrift/messages.ts";
import { proxyHeader2 } from "../thrift/proxy_headers.ts";
import { Bystanders } from "./bystanders.ts";
import { fuzz, nastyText } from "./fuzz.ts";
import { mqSettings, type Stage } from "./stage.ts";

const utf8 = new TextEncoder();

/** What one peer sends: good calls, then something else. */
interface Conversation {
  readonly header: Uint8Array;
  readonly good: number;
  readonly bytes: Uint8Array;
  readonly pieces: number;
}

const address = fc.oneof(fc.constantFrom("10.1.2.3", "::1", "fd00::7", "10.1.2.3 "), nastyText);
const apps = fc.oneof(fc.constantFrom("{}", '{"a":"1"}', '{"__proto__":"1"}', '{"a":{"b":1}}', "["), nastyText);
const info = fc.tuple(nastyText, address, nastyText, apps).map((texts) => texts.map((each, i) => text(i + 1, each)));

/** A call that is right but for what an agent says about itself. */
const oddCall = fc.tuple(info, fc.subarray(unknownFields()), fc.boolean()).map(([fields, more, oneway]) =>
  call([...more, ...fields], oneway ? { type: ONEWAY } : {})
);

/** A right call with some bytes changed, left out, doubled or cut. */
const brokenCall = fc.tuple(
  oddCall,
  fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom("set", "drop", "double", "cut")), { maxLength: 5 }),
).map(([bytes, changes]) => changes.reduce((now, change) => changed(now, change), bytes));

function changed(
  bytes: Uint8Array<ArrayBuffer>,
  [place, value, how]: [number, number, string],
): Uint8Array<ArrayBuffer> {
  if (bytes.length === 0) return bytes;
  const at = place % bytes.length;
  if (how === "set") return bytes.with(at, value);
  if (how === "cut") return bytes.slice(0, at);
  if (how === "drop") return concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
  return concat([bytes.subarray(0, at + 1), bytes.subarray(at)]);
}

const header: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 4, arbitrary: fc.constant(new Uint8Array()) },
  fc.constantFrom("PROXY TCP4 10.1.2.3 10.0.0.1 1 2\r\n", "PROXY UNKNOWN x\r\n", "PROXY TCP6 ::1 ::2 1 2\r\n").map((
    line,
  ) => utf8.encode(line)),
  nastyText.map((line) => utf8.encode(`PROXY ${line}\r\n`)),
  fc.tuple(fc.nat({ max: 3 }), fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 60 })).map(([command, family, bytes]) =>
    proxyHeader2(command, family, bytes)
  ),
);

const conversation: fc.Arbitrary<Conversation> = fc.record({
  header,
  good: fc.nat({ max: 3 }),
  bytes: fc.oneof(
    { weight: 3, arbitrary: brokenCall },
    { weight: 1, arbitrary: oddCall },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    { weight: 1, arbitrary: fc.constantFrom(...badMessages().map(({ bytes }) => bytes)) },
    {
      weight: 1,
      arbitrary: fc.integer().map((claimed) => call([field(STRING, 2, new Uint8Array(Int32Array.of(claimed).buffer))])),
    },
  ),
  pieces: fc.integer({ min: 1, max: 40 }),
});

const GOOD = call([text(1, "fuzzer"), text(2, "10.66.66.66"), text(3, "1"), text(4, "{}")]);
const GOOD_REPLY = '{"data":{"app1":"1.0.1"}}';

/** Fuzzes the beat port while others use it. */
export async function fuzzBeatPort({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(mqSettings(rabbit));
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  let replies = 0;
  await fuzz("beat port", {
    cases: fc.array(conversation, { minLength: 1, maxLength: 8 }),
    check: async (conversations) => {
      const counts = await Promise.all(conversations.map((each) => converse(service.beatAddress, each)));
      replies += counts.reduce((sum, count) => sum + count, 0);
    },
  }, { seconds: 6 });
  await bystanders.served("fuzzing of the beat port");
  const { stats } = service.app.beats;
  await waitFor(() => stats.connections.open === 0, { timeoutMs: 10_000, what: "the end of all connections" });
  const { answered, refused, internal_error } = stats.calls;
  assert.equal(stats.beats, answered + refused + internal_error);
  assert.equal(internal_error, 0);
  assert.ok(Object.values(stats.calls).reduce((sum, count) => sum + count) >= replies);
  assert.ok(Object.values(stats.refusals).reduce((sum, count) => sum + count) <= stats.connections.total);
  assert.deepEqual(service.log.matching(/the (handler|connection) failed/), []);
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
}

/** Says it all and reads to the end. @returns how many replies came, each of which must be one */
async function converse(
  port: { hostname: string; port: number },
  { header, good, bytes, pieces }: Conversation,
): Promise<number> {
  using connection = await BeatConnection.open(port, { timeoutMs: 10_000 });
  await connection.send(concat([header, ...Array.from({ length: good }, () => GOOD), bytes]), { pieces })
    .then(() => connection.closeWrite()).catch(mayBeGone);
  const answer = await connection.closed();
  const texts: (string | undefined)[] = [];
  for (let at = 0; at < answer.length;) {
    const parsed = parseReply(answer.subarray(at));
    // A reset that follows on bytes which were not read can take the end of the last reply with it.
    if (parsed === undefined) break;
    texts.push(parsed.reply.text);
    at += parsed.length;
  }
  assert.ok(texts.length <= good + 1 + bytes.length / 20);
  for (const each of texts.slice(0, good)) if (header.length === 0) assert.equal(each, GOOD_REPLY);
  return texts.length;
}

/** The server closes on the first bad byte, and what is written after that breaks. */
function mayBeGone(cause: unknown): void {
  const gone = cause instanceof Deno.errors.BrokenPipe || cause instanceof Deno.errors.ConnectionReset ||
    cause instanceof Deno.errors.NotConnected;
  if (!gone) throw cause;
}
