import type { Channel, ChannelModel } from "amqplib";

/** How long a channel must have lived to be opened again at once, ms; also the wait otherwise. */
const REOPEN_MS = 1_000;
/** How long until it is opened again when what it needs is away, ms. */
const AWAY_MS = 2_000;

/** What to do with a channel that is kept open. */
export interface KeptChannelOptions {
  /** Opens one on the connection. */
  readonly create: (model: ChannelModel) => Promise<Channel>;
  /** Makes a fresh one ready for use. */
  readonly ready: (channel: Channel) => void | Promise<void>;
  /** The channel was closed; it is opened again after this. */
  readonly lost: (cause: unknown) => void;
  /** It could not be opened again. */
  readonly failed: (cause: unknown) => void;
  /**
   * Whether it cannot be made ready because something is away that comes back by itself; then it is opened again and
   * again. By default never.
   */
  readonly isAway?: (cause: unknown) => boolean;
}

/**
 * One channel of a connection, opened again whenever the broker closes it. The broker closes a channel for every
 * mistake on it, so work that may be refused has a channel of its own.
 */
export class KeptChannel {
  readonly #model: ChannelModel;
  readonly #options: KeptChannelOptions;
  #channel: Channel | undefined;
  #reopening: ReturnType<typeof setTimeout> | undefined;
  #ended = false;

  constructor(model: ChannelModel, options: KeptChannelOptions) {
    this.#model = model;
    this.#options = options;
  }

  /**
   * Opens it for the first time. While what it needs is away, it is not open when this resolves.
   * @throws what opening and making ready throw
   */
  async open(): Promise<void> {
    try {
      await this.#open();
    } catch (cause) {
      if (this.#ended || this.#options.isAway?.(cause) !== true) throw cause;
      this.#reopening = setTimeout(() => this.#reopen(), AWAY_MS);
    }
  }

  async #open(): Promise<void> {
    const openedMs = performance.now();
    const channel = await this.#options.create(this.#model);
    // Closed without an error: a consumption that the broker ended was given up.
    let cause: unknown = new Error("the queue was deleted or cannot be reached");
    let isReady = false;
    channel.on("error", (error) => cause = error);
    channel.on("close", () => {
      this.#channel = undefined;
      if (isReady) this.#lost(cause, performance.now() - openedMs);
    });
    this.#channel = channel;
    await this.#options.ready(channel);
    isReady = true;
    // Closed by the broker in the very moment in which it became ready.
    if (this.#channel === undefined) throw cause;
  }

  /** Opens it no more: the connection is gone. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#reopening);
  }

  /** Sends what is under way, closes the channel and opens it no more. */
  async close(): Promise<void> {
    this.end();
    const channel = this.#channel;
    this.#channel = undefined;
    await channel?.close();
  }

  #lost(cause: unknown, livedMs: number): void {
    if (this.#ended) return;
    // Not within the event: when the connection ends, its channels hear of it first.
    this.#reopening = setTimeout(() => {
      this.#options.lost(cause);
      this.#reopening = setTimeout(() => this.#reopen(), livedMs < REOPEN_MS ? REOPEN_MS : 0);
    }, 0);
  }

  async #reopen(): Promise<void> {
    try {
      await this.open();
    } catch (cause) {
      if (!this.#ended) this.#options.failed(cause);
    }
  }
}
