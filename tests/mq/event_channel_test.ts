import type { ConfirmChannel } from "amqplib";
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Broker } from "../../src/mq/broker.ts";
import { EventPublisher } from "../../src/mq/event_publisher.ts";
import { eventsOf } from "../events/events.ts";
import { waitFor } from "../support/wait_for.ts";

/** A channel of amqplib as far as the publisher uses one, to be closed at a moment that no real broker can be made to hit. */
class ScriptedChannel extends EventEmitter {
  isClosed = false;
  readonly #closesWhenReady: boolean;
  readonly #takes: () => boolean;

  constructor({ closesWhenReady = false, takes = (): boolean => true } = {}) {
    super();
    this.#closesWhenReady = closesWhenReady;
    this.#takes = takes;
  }

  /** The reply and the end of the connection may come in one read of the socket. */
  assertExchange(): Promise<void> {
    const declared = Promise.resolve();
    if (this.#closesWhenReady) this.end();
    return declared;
  }

  publish(
    _exchange: string,
    _key: string,
    _content: unknown,
    _options: unknown,
    done: (error: Error | null) => void,
  ): void {
    if (this.isClosed) throw new Error("Channel closed");
    done(this.#takes() ? null : new Error("message nacked"));
  }

  close(): Promise<void> {
    this.end();
    return Promise.resolve();
  }

  end(): void {
    this.isClosed = true;
    this.emit("close");
  }
}

/** A connection that gives these channels in turn. */
function brokerOf(...channels: Promise<ScriptedChannel>[]): Pick<Broker, "confirmChannel" | "state"> {
  return {
    state: { name: "up", sinceMs: 0 },
    confirmChannel: () => channels.shift() as Promise<unknown> as Promise<ConfirmChannel>,
  };
}

const never = new AbortController().signal;

Deno.test("EventPublisher opens another channel when one was closed in the moment in which it became ready", async () => {
  const broker = brokerOf(
    Promise.resolve(new ScriptedChannel({ closesWhenReady: true })),
    Promise.resolve(new ScriptedChannel()),
  );
  const publisher = new EventPublisher({ broker, exchange: "elves" });
  assert.equal((await publisher.deliver(eventsOf(1), never)).outcome, "retry");
  assert.equal((await publisher.deliver(eventsOf(1), never)).outcome, "delivered");
});

Deno.test("EventPublisher gives up on a channel that is not opened in time, and closes it when it comes", async () => {
  const late = Promise.withResolvers<ScriptedChannel>();
  const broker = brokerOf(late.promise, Promise.resolve(new ScriptedChannel()));
  const publisher = new EventPublisher({ broker, exchange: "elves", confirmMs: 20 });
  const delivery = await publisher.deliver(eventsOf(1), never);
  assert.ok(delivery.outcome === "retry" && delivery.fault !== undefined);
  assert.equal((await publisher.deliver(eventsOf(1), never)).outcome, "delivered");
  const channel = new ScriptedChannel();
  late.resolve(channel);
  await waitFor(() => channel.isClosed, { timeoutMs: 5_000, what: "the late channel to be closed" });
  assert.equal((await publisher.deliver(eventsOf(1), never)).outcome, "delivered");
});

Deno.test("EventPublisher tries a message for a minute that a queue does not take, and each later one three times", async () => {
  let nowMs = 0;
  let takes = false;
  const channels = Array.from({ length: 30 }, () => new ScriptedChannel({ takes: () => takes }));
  const broker = brokerOf(...channels.map((channel) => Promise.resolve(channel)));
  const publisher = new EventPublisher({ broker, exchange: "elves", now: () => nowMs });
  const outcome = async () => (await publisher.deliver(eventsOf(1), never)).outcome;
  for (let tries = 0; tries < 10; tries++) assert.equal(await outcome(), "retry");
  nowMs = 59_999;
  assert.equal(await outcome(), "retry");
  nowMs = 60_000;
  assert.equal(await outcome(), "refused");
  assert.deepEqual([await outcome(), await outcome(), await outcome()], ["retry", "retry", "refused"]);
  assert.equal(channels.filter(({ isClosed }) => isClosed).length, 15, "each refusal is the end of a channel");
  takes = true;
  assert.equal(await outcome(), "delivered");
  takes = false;
  for (let tries = 0; tries < 10; tries++) assert.equal(await outcome(), "retry");
});
