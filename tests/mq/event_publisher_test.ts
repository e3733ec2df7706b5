import { getLogger } from "@logtape/logtape";
import { connect } from "amqplib";
import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { EventDispatcher } from "../../src/events/dispatcher.ts";
import { eventRow } from "../../src/events/row.ts";
import { EVENT_KINDS, type FleetEvent } from "../../src/fleet/events.ts";
import { EventPublisher, type EventPublisherOptions } from "../../src/mq/event_publisher.ts";
import { agentEventOf, eventsOf, idsOf } from "../events/events.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { bindEventQueue, deleteQueue, EventReader } from "./event_reader.ts";
import { Harness, type HarnessOptions } from "./harness.ts";

/** Name of the durable queue that each case finds bound and empty. */
const QUEUE = "test.events";

Deno.test("EventPublisher tells every event whatever RabbitMQ does", async (t) => {
  await using rabbit = await startRabbit();
  for (const [name, run] of Object.entries(CASES)) {
    await t.step(name, async () => {
      await bindEventQueue(rabbit.url, QUEUE);
      try {
        await run(rabbit);
      } finally {
        await deleteQueue(rabbit.url, QUEUE);
      }
    });
  }
});

/** A broker connection, maybe through a proxy, with a dispatcher that publishes on it. */
class Bench implements AsyncDisposable {
  readonly sent: string[] = [];
  readonly harness: Harness;
  readonly dispatcher: EventDispatcher;

  private constructor(harness: Harness, options: Partial<EventPublisherOptions>) {
    this.harness = harness;
    const publisher = new EventPublisher({ broker: harness.broker, exchange: "elves", ...options });
    const onSent = (events: readonly FleetEvent[]) => this.sent.push(...events.map(({ id }) => id));
    const log = getLogger("elves-heartbeat");
    this.dispatcher = new EventDispatcher({
      ...{ sinks: [publisher], log, clock: systemClock, random: () => 0, onSent },
    });
  }

  /** Begins to publish; without a proxy there is a connection already. */
  static async start(
    rabbit: RabbitServer,
    { proxy, ...options }: Partial<EventPublisherOptions> & { proxy?: TcpProxy } = {},
  ): Promise<Bench> {
    const settings: HarnessOptions["settings"] = proxy === undefined ? {} : { hosts: [proxy] };
    const harness = await Harness.start(rabbit, { settings });
    if (proxy === undefined) await harness.up();
    const bench = new Bench(harness, options);
    bench.dispatcher.start();
    return bench;
  }

  /** Waits until so many events are sent or dropped. */
  async settled(count: number): Promise<void> {
    await waitFor(() => this.sent.length >= count, { timeoutMs: 30_000, what: `${count} events to be done with` });
    assert.equal(this.sent.length, count);
  }

  get stats() {
    const { mq } = this.dispatcher.stats;
    assert.ok(mq !== undefined);
    return mq;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.stop();
    await this.harness[Symbol.asyncDispose]();
  }
}

/** Five agents that come and go in turn: many small messages, and an order that shows every mistake. */
function restlessEvents(count: number): FleetEvent[] {
  return Array.from({ length: count }, (_, i) => {
    return agentEventOf(i, Math.floor(i / 5) % 2 === 0 ? "agentOffline" : "agentOnline", `10.0.0.${i % 5}`);
  });
}

function assertEveryEventOnce(reader: EventReader, events: readonly FleetEvent[]): void {
  assert.deepEqual([...reader.ids].sort(), idsOf(events).sort());
  const idsOfAgent = (rows: readonly { readonly ip?: unknown; readonly id?: unknown }[], ip: string) =>
    rows.filter((row) => row.ip === ip).map(({ id }) => id);
  for (const ip of new Set(events.map((event) => event.ip))) {
    assert.deepEqual(idsOfAgent(reader.fresh, ip), idsOfAgent(events, ip));
  }
}

/** Runs code in the broker. */
async function evaluate(rabbit: RabbitServer, code: string): Promise<void> {
  await rabbit.rabbitmqctl(["eval", code]);
}

const CASES: Record<string, (rabbit: RabbitServer) => Promise<void>> = {
  "every kind comes in the modules' envelope, one kind a message": async (rabbit) => {
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit);
    const events = EVENT_KINDS.map((kind, i) => agentEventOf(i, kind, `10.0.0.${i}`));
    bench.dispatcher.enqueue(events);
    await reader.read(EVENT_KINDS.length);
    assert.deepEqual(
      reader.messages.map(({ mqkey, mqtype, rows }) => ({ mqkey, mqtype, rows })),
      events.map((event) => ({ mqkey: `heartbeat.event.${event.kind}`, mqtype: "cast", rows: [eventRow(event)] })),
    );
    const { fields, properties } = reader.messages[0]?.message ?? {};
    assert.deepEqual([fields?.exchange, fields?.routingKey], ["elves", "heartbeat.event"]);
    assert.deepEqual([properties?.contentType, properties?.deliveryMode], ["application/json", 2]);
    await bench.settled(EVENT_KINDS.length);
    assert.deepEqual(bench.sent.sort(), idsOf(events).sort());
  },

  "10,000 events at once come in messages of 500": async (rabbit) => {
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit);
    const events = eventsOf(10_000);
    bench.dispatcher.enqueue(events);
    await reader.read(10_000);
    await bench.settled(10_000);
    assert.deepEqual(reader.messages.map(({ rows }) => rows.length), Array.from({ length: 20 }, () => 500));
    assert.deepEqual(reader.ids, idsOf(events));
    assert.deepEqual(bench.stats, {
      queued: 0,
      oldestAtMs: undefined,
      delivered: 10_000,
      messages: 20,
      retries: 0,
      dropped: { overflow: 0, refused: 0 },
    });
  },

  "events that no queue wants are done with": async (rabbit) => {
    await deleteQueue(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit);
    bench.dispatcher.enqueue(eventsOf(3));
    await bench.settled(3);
    assert.equal(bench.stats.delivered, 3);
  },

  "connections that are cut: every event once for who drops repeated ids, in every agent's order": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit, { proxy });
    const events = restlessEvents(3_000);
    bench.dispatcher.enqueue(events);
    const { stats } = bench.harness.broker;
    for (const count of [500, 1_000, 2_000]) {
      await reader.read(count);
      await bench.harness.up();
      const lost = stats.disconnections + 1;
      proxy.cut();
      await waitFor(() => stats.disconnections === lost, { timeoutMs: 10_000, what: "the end of the connection" });
    }
    await bench.settled(3_000);
    await reader.read(3_000);
    assertEveryEventOnce(reader, events);
    assert.ok(bench.stats.retries > 0, "no message was under way when a connection was cut");
  },

  "a broker that is killed and started again: the same, and nothing that it confirmed is lost": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    await using bench = await Bench.start(rabbit, { proxy });
    const events = restlessEvents(3_000);
    bench.dispatcher.enqueue(events.slice(0, 2_000));
    await waitFor(() => bench.sent.length > 500, { timeoutMs: 30_000, what: "the first confirms" });
    await rabbit.kill();
    proxy.stall();
    bench.dispatcher.enqueue(events.slice(2_000));
    assert.ok(bench.sent.length < 2_000, "all was told before the kill");
    await rabbit.start();
    // RabbitMQ 3.10 forgot the binding, which was made a second before the kill, in 4 of 53 runs.
    await bindEventQueue(rabbit.url, QUEUE);
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    proxy.resume();
    await bench.settled(3_000);
    await reader.read(3_000);
    assertEveryEventOnce(reader, events);
  },

  "a broker that is not there: the newest events wait, the others are counted": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    proxy.stall();
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit, { proxy, maxQueued: 1_000 });
    const events = eventsOf(5_000);
    for (let first = 0; first < 5_000; first += 250) bench.dispatcher.enqueue(events.slice(first, first + 250));
    assert.equal(bench.stats.dropped.overflow, 4_000);
    assert.deepEqual(bench.sent, idsOf(events.slice(0, 4_000)));
    proxy.resume();
    await bench.settled(5_000);
    await reader.read(1_000);
    assert.deepEqual(reader.ids, idsOf(events.slice(4_000)));
    assert.equal(bench.harness.log.filter((line) => line.includes("more than 1000 events wait for mq")).length, 1);
  },

  "an exchange that was deleted is declared again": async (rabbit) => {
    await using bench = await Bench.start(rabbit);
    bench.dispatcher.enqueue(eventsOf(1));
    await bench.settled(1);
    const model = await connect(rabbit.url);
    const channel = await model.createChannel();
    await channel.deleteExchange("elves");
    bench.dispatcher.enqueue(eventsOf(1, 1));
    await bench.settled(2);
    await channel.checkExchange("elves");
    await model.close();
    await bench.harness.logged(/events: mq takes no events, 1 wait and it is tried again: .*no exchange 'elves'/);
    assert.equal(bench.stats.delivered, 2);
  },

  "a permission that is missing is named, and the events come when it is granted": async (rabbit) => {
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await rabbit.rabbitmqctl(["set_topic_permissions", "-p", "/", rabbit.user, "elves", "^$", ".*"]);
    await using bench = await Bench.start(rabbit);
    bench.dispatcher.enqueue(eventsOf(2));
    await bench.harness.logged(/events: mq takes no events, 2 wait .* lacks a permission for topic 'heartbeat\.event'/);
    assert.deepEqual(bench.sent, []);
    await rabbit.rabbitmqctl(["clear_topic_permissions", "-p", "/", rabbit.user]);
    await reader.read(2);
    await bench.settled(2);
  },

  "a message above the broker's limit comes in parts, an event above it is dropped": async (rabbit) => {
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await evaluate(rabbit, "application:set_env(rabbit, max_message_size, 40000).");
    try {
      await using bench = await Bench.start(rabbit);
      const events = eventsOf(600);
      const giant = { ...events[300] as FleetEvent, details: { reason: "x".repeat(50_000) } };
      bench.dispatcher.enqueue(events.with(300, giant));
      await bench.settled(600);
      await reader.read(599);
      assert.deepEqual(reader.ids, idsOf(events).filter((id) => id !== giant.id));
      assert.equal(reader.repeated, 0);
      assert.deepEqual(bench.stats.dropped, { overflow: 0, refused: 1 });
      await bench.harness.logged(/events: mq refuses 1 events, they are dropped: .*max size 40000/);
    } finally {
      await evaluate(rabbit, "application:unset_env(rabbit, max_message_size).");
    }
  },

  "a full queue of one module does not keep events from another": async (rabbit) => {
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await bindEventQueue(rabbit.url, "test.full", {
      arguments: { "x-max-length": 1, "x-overflow": "reject-publish" },
    });
    try {
      await using bench = await Bench.start(rabbit, { patienceMs: 0 });
      const events = eventsOf(1_500);
      bench.dispatcher.enqueue(events);
      await bench.settled(1_500);
      await reader.read(1_500);
      assert.deepEqual(reader.ids, idsOf(events));
      assert.deepEqual(bench.stats.dropped, { overflow: 0, refused: 1_000 });
      await bench.harness.logged(/events: mq takes no events, 1000 wait .*RabbitMQ did not take a message/);
    } finally {
      await deleteQueue(rabbit.url, "test.full");
    }
  },

  "a message that is not confirmed in time is published again": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    await using reader = await EventReader.connect(rabbit.url, QUEUE);
    await using bench = await Bench.start(rabbit, { proxy, confirmMs: 200 });
    bench.dispatcher.enqueue(eventsOf(1));
    await bench.settled(1);
    proxy.stall();
    bench.dispatcher.enqueue(eventsOf(1, 1));
    await bench.harness.logged(/mq takes no events, 1 wait .*RabbitMQ did not confirm a message in time/);
    proxy.resume();
    await bench.settled(2);
    await waitFor(() => reader.repeated === 1, { timeoutMs: 10_000, what: "the second copy" });
    assert.deepEqual(reader.ids, idsOf(eventsOf(2)));
  },

  "the stop does not wait for a broker that stands still": async (rabbit) => {
    await using bench = await Bench.start(rabbit);
    rabbit.pause();
    try {
      bench.dispatcher.enqueue(eventsOf(3));
      await bench.dispatcher.stop();
      assert.deepEqual(bench.sent, []);
      assert.equal(bench.stats.queued, 3);
    } finally {
      rabbit.resume();
    }
  },
};
