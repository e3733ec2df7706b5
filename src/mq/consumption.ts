import type { Channel, ConsumeMessage } from "amqplib";
import { Acks, type Delivery } from "./acks.ts";

/**
 * How many messages may be in work at a time. They go to and fro in batches of at most so many: with 20, which were
 * planned, short calls were answered at 0.88 times the rate of a bare consumer without a limit, with 32 at 0.93
 * (measured). It bounds the memory that messages hold, each of which may be as large as is read at all: it is not more.
 */
const PREFETCH = 32;
/** Without a message for this long, those that had waited are done with, ms. */
const QUIET_MS = 1_000;
/** After this long it is not waited for them any more, ms. */
const CATCH_UP_MS = 10_000;

/** What a consumption does with its messages. */
export interface ConsumptionOptions {
  /** Handles one message; must not throw or reject. */
  readonly handle: (message: ConsumeMessage) => void | Promise<void>;
  /** Called once, when the messages that had waited are handled. */
  readonly caughtUp: () => void;
}

/** The consumption of one queue on one channel. */
export class Consumption {
  readonly #channel: Channel;
  readonly #options: ConsumptionOptions;
  readonly #acks: Acks;
  readonly #running = new Set<Promise<void>>();
  #tag: string | undefined;
  /** How many messages had waited and are not handled yet; undefined once caught up. */
  #waiting: number | undefined;
  #quiet: ReturnType<typeof setTimeout> | undefined;
  #limit: ReturnType<typeof setTimeout> | undefined;

  constructor(channel: Channel, options: ConsumptionOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#acks = new Acks(channel);
    channel.on("close", () => this.#stopTimers());
  }

  /**
   * Begins to consume.
   * @param waiting how many messages wait in the queue
   */
  async start(queue: string, waiting: number): Promise<void> {
    this.#waiting = waiting;
    await this.#channel.prefetch(PREFETCH);
    const { consumerTag } = await this.#channel.consume(queue, (message) => this.#deliver(message));
    this.#tag = consumerTag;
    if (this.#waiting <= 0) return this.#caughtUp();
    this.#quiet = setTimeout(() => this.#caughtUp(), QUIET_MS);
    this.#limit = setTimeout(() => this.#caughtUp(), CATCH_UP_MS);
  }

  /** Takes no more messages and waits until those in work are handled. */
  async stop(): Promise<void> {
    const tag = this.#tag;
    this.#tag = undefined;
    this.#stopTimers();
    try {
      if (tag !== undefined) await this.#channel.cancel(tag);
    } catch {
      // The channel is gone, which ended the consumption too.
    }
    await Promise.all(this.#running);
    this.#acks.flush();
  }

  #deliver(message: ConsumeMessage | null): void {
    // The broker ends the consumption when the queue is deleted; on a fresh channel it is declared again.
    if (message === null) return this.#leave();
    const delivery = this.#acks.delivered(message);
    const handled = this.#options.handle(message);
    if (handled === undefined) return this.#done(delivery);
    const running = handled.then(() => {
      this.#running.delete(running);
      this.#done(delivery);
    });
    this.#running.add(running);
  }

  #leave(): void {
    this.#channel.close().catch(() => {
      // It is closed already, which is what was wanted.
    });
  }

  #done(delivery: Delivery): void {
    this.#acks.handled(delivery);
    if (this.#waiting === undefined) return;
    this.#waiting--;
    if (this.#tag === undefined) return;
    if (this.#waiting <= 0) return this.#caughtUp();
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#caughtUp(), QUIET_MS);
  }

  #caughtUp(): void {
    this.#stopTimers();
    if (this.#waiting === undefined) return;
    this.#waiting = undefined;
    this.#options.caughtUp();
  }

  #stopTimers(): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#limit);
  }
}
