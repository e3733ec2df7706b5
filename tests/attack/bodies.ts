import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { startApp } from "../support/app.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { fuzz, nastyText, PROTOTYPE_NAMES } from "./fuzz.ts";
import { mqSettings, type Stage } from "./stage.ts";

/** Call ids to which the fuzzer listens, and texts that are none. */
const IDS = ["CCCEF718FCC41307", "a-b_c", "heartbeat", "__proto__"];
const NO_IDS = ["", "no id", "*", "#", "x".repeat(65), "ü"];

/** A message as it is put on the bus. */
interface Message {
  readonly body: string | Uint8Array;
  readonly replyTo: "own" | "gone" | "heartbeat" | "supervisor.x" | undefined;
}

const id = fc.constantFrom(...IDS, ...IDS, ...NO_IDS);
const action = fc.constantFrom("agentInfo", "agentList", "updateAppInfo", "toString", "", "agentinfo", "__proto__");
const part = fc.oneof({ weight: 5, arbitrary: fc.constant("heartbeat") }, fc.constantFrom("", "queue", "Heartbeat"));
const mqkey = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(part, action).map(([to, name]) => `openapi.${to}.${name}`) },
  { weight: 3, arbitrary: fc.tuple(part, action, id).map(([to, name, last]) => `openapi.${to}.${name}.${last}`) },
  { weight: 1, arbitrary: fc.tuple(action, id).map(([name, last]) => `a.heartbeat.${name}.more.${last}`) },
  fc.constantFrom<unknown>(null, undefined, 7, {}, [], "", ".", "......"),
  nastyText,
);
const mqtype = fc.oneof(
  { weight: 3, arbitrary: fc.constant("call") },
  { weight: 3, arbitrary: id.map((each) => `call.${each}`) },
  fc.constantFrom<unknown>("cast", "Call", "", null, 1, undefined, "call.call.call"),
);
const parameter = fc.oneof(
  nastyText,
  fc.constantFrom<unknown>("10.0.0.1", "10.0.0.0/8", 0, 1, -1, 1e308, null, true, [], {}, "1", "1e9", "all", "-ip"),
);
const names = ["ip", "asset", "id", "pagesize", "pagenumber", "state", "app", "cidr", "q", "sort", "result", "mqbody"];
const parameters = fc.dictionary(fc.constantFrom(...names, ...PROTOTYPE_NAMES), parameter, { maxKeys: 4 });
const mqbody = fc.oneof(
  { weight: 6, arbitrary: parameters },
  fc.constantFrom<unknown>(null, undefined, [], "", 0, "text", [{ ip: "10.0.0.1" }]),
);
const json = fc.tuple(mqkey, mqtype, mqbody, parameters, fc.boolean()).map(([key, type, body, fields, more]) =>
  JSON.stringify({ ...(more ? fields : {}), mqkey: key, mqtype: type, mqbody: body })
);
const broken = fc.tuple(json, fc.nat(), fc.constantFrom("", '"', "{", "}", "\\", "\0", "\ufeff", "é", "1e999", "[[["))
  .map(([text, place, put]) => text.slice(0, place % text.length) + put + text.slice(place % text.length + 1));
const message: fc.Arbitrary<Message> = fc.record({
  body: fc.oneof(
    { weight: 6, arbitrary: json },
    { weight: 3, arbitrary: broken },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 100 }) },
  ),
  replyTo: fc.constantFrom(undefined, "own", undefined, "own", "gone", "heartbeat", "supervisor.x"),
});

/** Which answer a message is to get, told by PROTOCOL.md section 2 alone; undefined for none. */
function expected({ body, replyTo }: Message): "seed" | "v033" | "keyed" | undefined {
  const own = replyTo === "own";
  let parsed: unknown;
  try {
    parsed = JSON.parse(typeof body === "string" ? body : new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch {
    return own ? "v033" : undefined;
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return own ? "v033" : undefined;
  const { mqkey, mqtype } = parsed as Record<string, unknown>;
  if (mqtype === "cast" || (replyTo !== undefined && !own)) return undefined;
  const parts = typeof mqkey === "string" ? mqkey.split(".") : [];
  const typeId = typeof mqtype === "string" && mqtype.startsWith("call.") ? mqtype.slice(5) : undefined;
  const keyed = parts.length === 4 || (parts.length > 4 && typeId === undefined && replyTo === undefined);
  const dialect = keyed ? "keyed" : typeId === undefined ? "v033" : "seed";
  const callId = keyed ? parts.at(-1) : typeId;
  return own || (callId !== undefined && IDS.includes(callId)) ? dialect : undefined;
}

/** The messages under way and the answers that came. */
class Exchange {
  readonly #answers = new Map<string, Record<string, unknown>[]>();
  readonly #due = new Set<string>();
  readonly #peer: ModulePeer;
  #sent = 0;

  constructor(peer: ModulePeer) {
    this.#peer = peer;
  }

  /** Sends all, and checks that each is answered as it must be. */
  async run(messages: readonly Message[]): Promise<void> {
    const awaited = messages.map((each) => ({ id: this.#publish(each), dialect: expected(each), message: each }));
    const due = awaited.filter(({ dialect }) => dialect !== undefined);
    const missing = () => due.filter(({ id }) => this.#take(id) === undefined);
    await waitFor(() => missing().length === 0, { timeoutMs: 5_000, what: "answers" }).catch((cause) => {
      throw new Error(`no answer to ${JSON.stringify(missing())}`, { cause });
    });
    for (const { id, dialect } of due) {
      this.#due.add(id);
      checkAnswer(dialect, this.#take(id)![0]!);
    }
  }

  /** Checks that nothing was answered twice, or that wanted no answer. */
  end(): void {
    this.#take("");
    const wrong = [...this.#answers].filter(([id, answers]) => answers.length !== 1 || !this.#due.has(id));
    assert.deepEqual(wrong, []);
    assert.equal(this.#answers.size, this.#due.size);
  }

  #publish({ body, replyTo }: Message): string {
    const correlationId = `fuzz-${++this.#sent}`;
    const content = typeof body === "string" ? Buffer.from(body) : Buffer.from(body);
    const queue = replyTo === "own" ? this.#peer.queue : replyTo === "gone" ? "no.such.queue" : replyTo;
    const properties = { correlationId, ...(queue === undefined ? {} : { replyTo: queue }) };
    this.#peer.channel.publish("elves", "openapi.heartbeat", content, properties);
    return correlationId;
  }

  #take(id: string): Record<string, unknown>[] | undefined {
    for (const { message, json } of this.#peer.replies.splice(0)) {
      const { correlationId } = message.properties;
      const known = this.#answers.get(correlationId) ?? [];
      this.#answers.set(correlationId, [...known, json as unknown as Record<string, unknown>]);
    }
    return this.#answers.get(id);
  }
}

function checkAnswer(dialect: string | undefined, answer: Record<string, unknown>): void {
  const shown = JSON.stringify(answer).slice(0, 300);
  if (dialect === "keyed") {
    assert.ok(answer.mqflag === 0 || answer.mqflag === 1, shown);
    assert.ok(Array.isArray(answer.info) || answer.mqflag === 1, shown);
    return assert.equal(answer.mqflag === 0, typeof answer.error === "string", shown);
  }
  assert.deepEqual([answer.mqtype, answer.mqflag], ["cast", "cast"], shown);
  assert.match(String(answer.mqkey), /^heartbeat\./);
  const body = answer.mqbody as Record<string, unknown>;
  assert.ok(typeof body.result === "object" && body.result !== null, shown);
  if (dialect === "v033") assert.match(String(body.flag), /^(true|false)$/);
  if (body.flag === "false") assert.match(String(body.error), /^\[\d{3}/);
}

/** Fuzzes the module queue while others use it. */
export async function fuzzBodies({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(mqSettings(rabbit));
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  await using peer = await ModulePeer.connect(rabbit.url);
  for (const each of IDS) await peer.channel.bindQueue(peer.queue, "elves", each);
  const exchange = new Exchange(peer);
  await fuzz("MQ bodies", {
    cases: fc.array(message, { minLength: 1, maxLength: 40 }),
    check: (messages) => exchange.run(messages),
  }, { seconds: 6 });
  await bystanders.served("fuzzing of MQ bodies");
  assert.match(await rabbit.rabbitmqctl(["list_queues", "name", "messages"]), /^heartbeat\t0$/m);
  const { stats } = service.app.broker;
  const failed = Object.values(stats.calls).reduce((sum, outcomes) => sum + outcomes.failed, 0);
  assert.deepEqual([failed, stats.disconnections], [0, 0]);
  assert.deepEqual(service.log.matching(/closed the channel|failed:/), []);
  exchange.end();
}
