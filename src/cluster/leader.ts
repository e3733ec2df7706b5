import type { Channel } from "amqplib";
import { Buffer } from "node:buffer";
import type { Stream } from "./stream.ts";

/** The queue of which RabbitMQ serves one consumer at a time; who is served leads. */
export const LEADER_QUEUE = "heartbeat.leader";
/** How long a tick waits for the one that is served before it is dropped, ms. */
const TICK_TTL_MS = 2_000;
/** For how long after it was sent an own tick that came back lets its sender lead, ms. */
const LEAD_MS = 3_000;

/** What a leader needs. */
export interface LeaderOptions {
  /** Id of this process. */
  readonly run: string;
  /** The monotonic clock, ms. */
  readonly now: () => number;
}

/**
 * Whether this instance leads, that is, tells events. RabbitMQ does not say which consumer of a single-active-consumer
 * queue it serves, and a message that is held unacknowledged dies at the consumer timeout; so every instance sends a
 * tick every second and the one that is served gets them all, its own among them. Its own tell how fresh they are by
 * its own clock: those that piled up while the process stood still do not count.
 */
export class Leader {
  readonly #options: LeaderOptions;
  /** When the newest own tick that came back was sent, by the monotonic clock. */
  #tickMs = -Infinity;
  /** Ticks that were sent before this moment do not count. */
  #notBeforeMs = -Infinity;

  constructor(options: LeaderOptions) {
    this.#options = options;
  }

  /** Whether this instance leads at this moment. */
  get leads(): boolean {
    return this.#options.now() - this.#tickMs < LEAD_MS;
  }

  /** Stands in line on a fresh channel. */
  async join(channel: Channel): Promise<void> {
    // Not durable: with the node that it lives on it is gone, and made anew on another one; a durable queue would be
    // refused until that node is back. Ticks are of no use after a moment.
    await channel.assertQueue(LEADER_QUEUE, { durable: false, arguments: { "x-single-active-consumer": true } });
    await channel.consume(LEADER_QUEUE, (message) => {
      if (message !== null) this.#take(message.content);
    }, { noAck: true });
  }

  /** Sends a tick; to be called every second. */
  tick(stream: Pick<Stream, "send">): void {
    const { run, now } = this.#options;
    stream.send(LEADER_QUEUE, Buffer.from(JSON.stringify({ v: 1, run, at: now() })), { expiration: TICK_TTL_MS });
  }

  /** Leads no more until a tick that is sent from now on comes back. */
  resign(): void {
    this.#tickMs = -Infinity;
    this.#notBeforeMs = this.#options.now();
  }

  #take(content: Uint8Array): void {
    const atMs = ownTick(content, this.#options.run);
    if (atMs !== undefined && atMs >= this.#notBeforeMs) this.#tickMs = Math.max(this.#tickMs, atMs);
  }
}

function ownTick(content: Uint8Array, run: string): number | undefined {
  // Only this process writes its own run; anybody may write anything else.
  try {
    const tick: unknown = JSON.parse(Buffer.from(content).toString());
    if (typeof tick !== "object" || tick === null || !("run" in tick) || !("at" in tick)) return undefined;
    return tick.run === run && typeof tick.at === "number" ? tick.at : undefined;
  } catch {
    return undefined;
  }
}
