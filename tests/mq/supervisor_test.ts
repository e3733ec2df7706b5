import assert from "node:assert/strict";
import { type Channel, connect, type ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";
import { Supervisor } from "../../src/mq/supervisor.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { Harness } from "./harness.ts";

/** How long each form waits in these tests, ms. */
const TIMEOUT_MS = 400;
const CATALOG = { result: [{ app: "a", version: "1", agentList: ["10.0.0.1"] }] };

Deno.test("Supervisor is asked in the form that it understands", async (t) => {
  await using rabbit = await startRabbit();
  for (const [name, run] of Object.entries(CASES)) await t.step(name, () => run(rabbit));
});

const CASES: Record<string, (rabbit: RabbitServer) => Promise<void>> = {
  "supervisor v0.3.3 answers to reply_to": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using supervisor = await StubSupervisor.start(rabbit, V033);
    assert.deepEqual(await asking(harness).ask(), CATALOG);
    const [question, ...more] = supervisor.questions;
    assert.deepEqual(more, []);
    assert.deepEqual(JSON.parse(question?.content.toString() ?? ""), {
      mqkey: "heartbeat.supervisor.appAuthInfo",
      mqtype: "call",
      mqbody: {},
    });
    assert.equal(question?.fields.routingKey, "heartbeat.supervisor");
    assert.equal(question?.properties.expiration, String(TIMEOUT_MS));
    assert.match(question?.properties.replyTo, /^heartbeat\.reply\.test-1\./);
  },

  "supervisor v0.3.2 answers to an id, which is remembered": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using supervisor = await StubSupervisor.start(rabbit, V032);
    const asked = asking(harness);
    assert.deepEqual(await asked.ask(), CATALOG);
    assert.deepEqual(await asked.ask(), CATALOG);
    const types = supervisor.questions.map(({ content }) => JSON.parse(content.toString()).mqtype);
    assert.equal(types.length, 3);
    assert.equal(types[0], "call");
    for (const type of types.slice(1)) assert.match(type, /^call\.[0-9A-F]{16}$/);
  },

  "a supervisor that was updated is found again": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    const asked = asking(harness);
    {
      await using _former = await StubSupervisor.start(rabbit, V032);
      await asked.ask();
    }
    await using supervisor = await StubSupervisor.start(rabbit, V033);
    assert.deepEqual(await asked.ask(), CATALOG);
    assert.deepEqual(await asked.ask(), CATALOG);
    assert.equal(supervisor.questions.length, 3);
  },

  "without supervisor the question fails at once": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    // With this timeout only the broker's return can be in time.
    await assert.rejects(
      asking(harness, 3_600_000).ask(),
      /supervisor is not there: nothing is bound to heartbeat\.supervisor on elves/,
    );
  },

  "a silent supervisor fails it after both forms": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using supervisor = await StubSupervisor.start(rabbit, () => {});
    await assert.rejects(asking(harness).ask(), /supervisor did not answer within 400 ms, asked in both forms/);
    assert.equal(supervisor.questions.length, 2);
  },

  "an error of supervisor is told": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using _supervisor = await StubSupervisor.start(rabbit, (question, channel) => {
      answer(channel, question, { flag: "false", error: "[500]no database", result: [] });
    });
    await assert.rejects(asking(harness).ask(), /supervisor answers with an error: \[500\]no database/);
  },

  "foreign and unreadable answers are counted and not taken": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using _supervisor = await StubSupervisor.start(rabbit, (question, channel) => {
      const { replyTo } = question.properties;
      const good = JSON.stringify({ mqbody: { result: "foreign" } });
      channel.sendToQueue(replyTo, Buffer.from(good), { correlationId: "somebody else's" });
      for (const text of ["{", "[]", '{"mqbody":null}']) channel.sendToQueue(replyTo, Buffer.from(text));
      answer(channel, question, CATALOG);
    });
    assert.deepEqual(await asking(harness).ask(), CATALOG);
    assert.equal(harness.broker.stats.foreignReplies, 4);
  },

  "a late answer is never taken for the answer to a later question": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    const late: (() => void)[] = [];
    await using supervisor = await StubSupervisor.start(rabbit, (question, channel) => {
      if (late.length < 2) late.push(() => answer(channel, question, { result: ["late"] }, false));
      else {
        for (const send of late) send();
        answer(channel, question, CATALOG, false);
      }
    });
    const asked = asking(harness);
    await assert.rejects(asked.ask(), /did not answer/);
    assert.deepEqual(await asked.ask(), CATALOG);
    assert.equal(supervisor.questions.length, 3);
  },

  "questions at the same time get their own answers": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using _supervisor = await StubSupervisor.start(rabbit, V033);
    const asked = asking(harness);
    assert.deepEqual(await Promise.all([asked.ask(), asked.ask(), asked.ask()]), [CATALOG, CATALOG, CATALOG]);
  },

  "a lost connection ends the question, the next one works, and nothing stays behind": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    await using harness = await (await Harness.start(rabbit, { settings: { hosts: [proxy] } })).up();
    let answers = false;
    await using supervisor = await StubSupervisor.start(rabbit, (question, channel) => {
      if (answers) V033(question, channel);
    });
    const asked = asking(harness, 60_000);
    const lost = assert.rejects(asked.ask(), /supervisor cannot be asked: /);
    await waitFor(() => supervisor.questions.length === 1, { timeoutMs: 5_000, what: "the question" });
    proxy.cut();
    await lost;
    await assert.rejects(asked.ask(), /there is no connection to RabbitMQ/);
    await harness.up();
    answers = true;
    assert.deepEqual(await asked.ask(), CATALOG);
    await waitFor(async () => !(await rabbit.rabbitmqctl(["list_queues", "name"])).includes("heartbeat.reply"), {
      timeoutMs: 10_000,
      what: "the reply queues to be gone",
    });
  },
};

type Respond = (question: ConsumeMessage, channel: Channel) => void;

/** Knows only `mqtype: "call"` with reply_to. */
const V033: Respond = (question, channel) => {
  const { mqtype } = JSON.parse(question.content.toString());
  if (mqtype === "call" && question.properties.replyTo !== undefined) answer(channel, question, CATALOG);
};

/** Knows only `mqtype: "call.<id>"`. */
const V032: Respond = (question, channel) => {
  const { mqtype } = JSON.parse(question.content.toString());
  const id = /^call\.(.+)$/.exec(mqtype)?.[1];
  if (id === undefined) return;
  const reply = { mqkey: "supervisor.heartbeat", mqtype: "cast", mqbody: CATALOG };
  channel.publish("elves", id, Buffer.from(JSON.stringify(reply)));
};

function answer(channel: Channel, { properties }: ConsumeMessage, mqbody: unknown, correlated = true): void {
  const { replyTo, correlationId } = properties;
  if (replyTo === undefined) return;
  const reply = { mqkey: "supervisor.heartbeat", mqflag: "cast", mqbody };
  channel.sendToQueue(replyTo, Buffer.from(JSON.stringify(reply)), correlated ? { correlationId } : {});
}

/** An elves-supervisor as far as the bus shows it. */
class StubSupervisor implements AsyncDisposable {
  readonly questions: ConsumeMessage[] = [];
  readonly #close: () => Promise<void>;

  private constructor(close: () => Promise<void>) {
    this.#close = close;
  }

  static async start(rabbit: RabbitServer, respond: Respond): Promise<StubSupervisor> {
    const model = await connect(rabbit.url, { noDelay: true });
    const channel = await model.createChannel();
    await channel.assertExchange("elves", "topic", { durable: true });
    const { queue } = await channel.assertQueue("supervisor", { durable: false, autoDelete: true });
    await channel.bindQueue(queue, "elves", "*.supervisor");
    const stub = new StubSupervisor(() => model.close());
    await channel.consume(queue, (message) => {
      if (message === null) return;
      stub.questions.push(message);
      respond(message, channel);
    }, { noAck: true });
    return stub;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}

function asking({ broker }: Harness, timeoutMs = TIMEOUT_MS): Supervisor {
  return new Supervisor({ broker, exchange: "elves", instance: "test-1", maxBodyBytes: 1024 * 1024, timeoutMs });
}
