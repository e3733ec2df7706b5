import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/clock.ts";
import { EventDispatcher } from "../../src/events/dispatcher.ts";
import { groupInOrder } from "../../src/events/grouping.ts";
import type { Delivery, EventSink, SinkName } from "../../src/events/sink.ts";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { eventsOf, idsOf } from "./events.ts";

const DELIVERED: Delivery = { outcome: "delivered" };
const LATER: Delivery = { outcome: "retry", fault: "not now", afterMs: 1 };

type Answer = (events: readonly FleetEvent[], signal: AbortSignal) => Delivery | Promise<Delivery>;

/** A sink that answers as the test says and remembers what it was given. */
class ScriptedSink implements EventSink {
  readonly name: SinkName;
  readonly maxQueued: number;
  /** The ids of every message that was tried, and of those that were taken. */
  readonly tried: string[][] = [];
  readonly taken: string[][] = [];
  answer: Answer;

  constructor({ name = "mq", maxQueued = 1000, answer = () => DELIVERED }: Partial<ScriptedSink> = {}) {
    this.name = name;
    this.maxQueued = maxQueued;
    this.answer = answer;
  }

  plan(events: readonly FleetEvent[]): FleetEvent[][] {
    return groupInOrder(events, 10);
  }

  async deliver(events: readonly FleetEvent[], signal: AbortSignal): Promise<Delivery> {
    this.tried.push(idsOf(events));
    const delivery = await this.answer(events, signal);
    if (delivery.outcome === "delivered") this.taken.push(idsOf(events));
    return delivery;
  }
}

/** A dispatcher with its log, and what it has called sent. */
class Bench implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly sent: string[] = [];
  readonly dispatcher: EventDispatcher;

  constructor(sinks: readonly EventSink[], clock: Clock = systemClock) {
    const onSent = (events: readonly FleetEvent[]) => this.sent.push(...events.map(({ id }) => id));
    this.dispatcher = new EventDispatcher({ sinks, log: this.log.logger, clock, random: () => 0, onSent });
  }

  /** Waits until this many events are sent or dropped. */
  async settled(count: number): Promise<void> {
    await waitFor(() => this.sent.length >= count, { timeoutMs: 10_000, what: `${count} events to be done with` });
    assert.equal(this.sent.length, count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.dispatcher.stop();
    this.log[Symbol.dispose]();
  }
}

function macrotask(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

Deno.test("EventDispatcher tells the first event at once and collects those that follow", async () => {
  const sink = new ScriptedSink();
  // No time passes, so that nothing but the dispatcher's own timer ends the collecting.
  await using bench = new Bench([sink], new FakeClock());
  const [a, b, c] = eventsOf(3) as [FleetEvent, FleetEvent, FleetEvent];
  bench.dispatcher.start();
  bench.dispatcher.enqueue([a]);
  await macrotask();
  assert.deepEqual(sink.taken, [[a.id]]);
  bench.dispatcher.enqueue([b]);
  await macrotask();
  bench.dispatcher.enqueue([c]);
  await bench.settled(3);
  assert.deepEqual(sink.taken, [[a.id], [b.id, c.id]]);
});

Deno.test("EventDispatcher tells events of a former run that came before the start, in full messages", async () => {
  const sink = new ScriptedSink({ maxQueued: 100_000 });
  await using bench = new Bench([sink], new FakeClock());
  const events = eventsOf(30_005);
  bench.dispatcher.enqueue(events);
  assert.equal(sink.tried.length, 0);
  assert.equal(bench.dispatcher.stats.mq?.queued, 30_005);
  bench.dispatcher.start();
  await bench.settled(30_005);
  assert.deepEqual(sink.taken.flat(), idsOf(events));
  assert.deepEqual(bench.sent, idsOf(events));
  assert.equal(sink.taken.length, 3001);
});

Deno.test("EventDispatcher repeats what failed before anything newer is told", async () => {
  let failures = 3;
  const sink = new ScriptedSink({ answer: () => failures-- > 0 ? LATER : DELIVERED });
  await using bench = new Bench([sink]);
  const events = eventsOf(25);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(events.slice(0, 5));
  bench.dispatcher.enqueue(events.slice(5));
  await bench.settled(25);
  assert.deepEqual(sink.taken.flat(), idsOf(events));
  assert.equal(sink.tried.length - sink.taken.length, 3);
  const { mq } = bench.dispatcher.stats;
  assert.deepEqual(mq, {
    queued: 0,
    oldestAtMs: undefined,
    delivered: 25,
    messages: sink.taken.length,
    retries: 3,
    dropped: { overflow: 0, refused: 0 },
  });
  assert.equal(bench.log.matching(/mq takes no events, \d+ wait and it is tried again: not now/).length, 1);
});

Deno.test("EventDispatcher tells since when the oldest event waits, also one under way", async () => {
  const [under, waiting] = eventsOf(2) as [FleetEvent, FleetEvent];
  const oldest = () => bench.dispatcher.stats.mq?.oldestAtMs;
  const seen: (number | undefined)[] = [];
  const sink = new ScriptedSink({
    answer: () => {
      if (seen.length === 0) bench.dispatcher.enqueue([waiting]);
      seen.push(oldest());
      return DELIVERED;
    },
  });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue([under]);
  await bench.settled(2);
  assert.deepEqual(seen, [under.atMs, waiting.atMs]);
  assert.equal(oldest(), undefined);
});

Deno.test("EventDispatcher repeats what a sink failed over without an answer", async () => {
  let failures = 1;
  const sink = new ScriptedSink({
    answer: () => {
      if (failures-- > 0) throw new TypeError("a mistake");
      return DELIVERED;
    },
  });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(2));
  await bench.settled(2);
  assert.equal(bench.log.matching(/tried again: .*a mistake/).length, 1);
});

Deno.test("EventDispatcher drops the oldest of too many and tells the rest in order", async () => {
  let isAway = true;
  const sink = new ScriptedSink({ maxQueued: 40, answer: () => isAway ? LATER : DELIVERED });
  await using bench = new Bench([sink]);
  const events = eventsOf(100);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(events.slice(0, 30));
  await waitFor(() => sink.tried.length >= 2, { timeoutMs: 5_000, what: "the second try" });
  for (let first = 30; first < 100; first += 10) bench.dispatcher.enqueue(events.slice(first, first + 10));
  const { queued = 0, dropped } = bench.dispatcher.stats.mq ?? {};
  // A message that is under way while too many wait cannot be called back.
  assert.ok(queued >= 40 && queued <= 50, `${queued} events wait`);
  assert.deepEqual(dropped, { overflow: 100 - queued, refused: 0 });
  const droppedIds = [...bench.sent];
  assert.equal(droppedIds.length, 100 - queued);
  assert.equal(bench.log.matching(/more than 40 events wait for mq, the oldest \d+ are dropped/).length, 1);
  isAway = false;
  await bench.settled(100);
  const told = sink.taken.flat();
  assert.deepEqual(told, idsOf(events).filter((id) => !droppedIds.includes(id)));
  assert.deepEqual(told.slice(-40), idsOf(events.slice(60)));
});

Deno.test("EventDispatcher splits a message that is too large and drops an event that is so alone", async () => {
  const giant = eventsOf(10)[6]?.id ?? "";
  const tooLarge: Delivery = { outcome: "too_large", fault: "too many bytes" };
  const sink = new ScriptedSink({
    answer: (events) => events.length > 3 || idsOf(events).includes(giant) ? tooLarge : DELIVERED,
  });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(10));
  await bench.settled(10);
  assert.deepEqual(sink.taken.flat(), idsOf(eventsOf(10)).filter((id) => id !== giant));
  assert.deepEqual(bench.dispatcher.stats.mq?.dropped, { overflow: 0, refused: 1 });
  assert.equal(bench.log.matching(/mq refuses 1 events, they are dropped: too many bytes/).length, 1);
});

Deno.test("EventDispatcher drops what is refused and goes on", async () => {
  const refused: Delivery = { outcome: "refused", fault: "never" };
  const sink = new ScriptedSink({ answer: (events) => events[0]?.ip === "10.0.0.0" ? refused : DELIVERED });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(15));
  await bench.settled(15);
  assert.deepEqual(sink.taken.flat(), idsOf(eventsOf(5, 10)));
  assert.deepEqual(bench.dispatcher.stats.mq?.dropped, { overflow: 0, refused: 10 });
});

Deno.test("EventDispatcher lets no sink wait for another and calls an event sent when all have it", async () => {
  const { promise: answered, resolve: answer } = Promise.withResolvers<Delivery>();
  const mq = new ScriptedSink();
  const webhook = new ScriptedSink({ name: "webhook", answer: () => answered });
  await using bench = new Bench([mq, webhook]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(4));
  await waitFor(() => mq.taken.length === 1, { timeoutMs: 5_000, what: "the message on mq" });
  assert.deepEqual(bench.sent, []);
  assert.equal(bench.dispatcher.stats.webhook?.queued, 4);
  answer(DELIVERED);
  await bench.settled(4);
  assert.equal(bench.dispatcher.stats.webhook?.delivered, 4);
});

Deno.test("EventDispatcher without sinks is done with every event at once", async () => {
  await using bench = new Bench([]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(2));
  assert.deepEqual(bench.sent, idsOf(eventsOf(2)));
  assert.deepEqual(bench.dispatcher.stats, {});
});

Deno.test("EventDispatcher.stop tells what is being collected", async () => {
  const sink = new ScriptedSink();
  await using bench = new Bench([sink], new FakeClock());
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(1));
  await bench.settled(1);
  bench.dispatcher.enqueue(eventsOf(5, 1));
  await bench.dispatcher.stop();
  assert.deepEqual(bench.sent, idsOf(eventsOf(6)));
});

Deno.test("EventDispatcher.stop tries once more what failed, and leaves it for the next run", async () => {
  const sink = new ScriptedSink({ answer: () => ({ outcome: "retry", fault: "gone", afterMs: 3_600_000 }) });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(1));
  await waitFor(() => bench.dispatcher.stats.mq?.retries === 1, { timeoutMs: 5_000, what: "the first failure" });
  await bench.dispatcher.stop();
  assert.equal(sink.tried.length, 2);
  assert.deepEqual(bench.sent, []);
});

Deno.test("EventDispatcher.stop does not wait for a sink that hangs", async () => {
  const hanging: Answer = (_, signal) =>
    new Promise((resolve) => signal.addEventListener("abort", () => resolve({ outcome: "retry" })));
  const sink = new ScriptedSink({ answer: hanging });
  await using bench = new Bench([sink]);
  bench.dispatcher.start();
  bench.dispatcher.enqueue(eventsOf(15));
  await waitFor(() => sink.tried.length === 1, { timeoutMs: 5_000, what: "the message under way" });
  await bench.dispatcher.stop();
  assert.equal(sink.tried.length, 1);
  assert.deepEqual(bench.sent, []);
});

Deno.test("EventDispatcher.stop is over at once when it never started", async () => {
  await using bench = new Bench([new ScriptedSink()]);
  bench.dispatcher.enqueue(eventsOf(1));
  await bench.dispatcher.stop();
  assert.deepEqual(bench.sent, []);
});
