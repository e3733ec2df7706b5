import type { Channel, GetMessage } from "amqplib";

/** How many messages may be in work at a time. */
const MAX_IN_WORK = 20;
/** How often it is looked without being told to, ms: for what a dead instance gave back. */
const LOOK_MS = 1_000;

/** What pulling does with its messages. */
export interface PullingOptions {
  readonly queue: string;
  /** Handles one message; must not throw or reject. */
  readonly handle: (message: GetMessage) => void | Promise<void>;
}

/**
 * Takes messages from a queue that several instances share, one at a time and only when it is its turn to run. To a
 * consumer RabbitMQ would push messages ahead, and when its process stands still they are stuck with it until the
 * connection is given up, 20 s and more; callers wait for 5 s.
 */
export class Pulling {
  readonly #channel: Channel;
  readonly #options: PullingOptions;
  readonly #running = new Set<Promise<void>>();
  readonly #timer: ReturnType<typeof setInterval>;
  #getting: Promise<void> | undefined;
  #isAsked = false;
  #isStopped = false;

  /** Begins at once. */
  constructor(channel: Channel, options: PullingOptions) {
    this.#channel = channel;
    this.#options = options;
    this.#timer = setInterval(() => this.look(), LOOK_MS);
    channel.on("close", () => this.#end());
    this.look();
  }

  /** Looks for messages; to be called whenever there may be one. */
  look(): void {
    this.#isAsked = true;
    if (!this.#isStopped) this.#getting ??= this.#get().finally(() => this.#getting = undefined);
  }

  /** Takes no more messages and waits until those in work are handled. */
  async stop(): Promise<void> {
    this.#end();
    await this.#getting;
    await Promise.all(this.#running);
  }

  #end(): void {
    this.#isStopped = true;
    clearInterval(this.#timer);
  }

  async #get(): Promise<void> {
    while (this.#isAsked && !this.#isStopped && this.#running.size < MAX_IN_WORK) {
      this.#isAsked = false;
      let message: GetMessage | false;
      try {
        message = await this.#channel.get(this.#options.queue);
      } catch {
        // The channel is gone, which is told by its own event.
        return;
      }
      if (message === false) continue;
      // Where there was one there may be more.
      this.#isAsked = true;
      this.#work(message);
    }
  }

  #work(message: GetMessage): void {
    const handled = this.#options.handle(message);
    if (handled === undefined) return this.#acknowledge(message);
    const running = handled.then(() => {
      this.#running.delete(running);
      this.#acknowledge(message);
      this.look();
    });
    this.#running.add(running);
  }

  #acknowledge(message: GetMessage): void {
    try {
      this.#channel.ack(message);
    } catch {
      // The channel is gone, and with it the delivery: the broker gives the message to another instance.
    }
  }
}
