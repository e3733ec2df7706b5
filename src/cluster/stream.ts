import type { Channel, ConfirmChannel, ConsumeMessage, Options } from "amqplib";
import type { Buffer } from "node:buffer";
import { retryDelayMs } from "../backoff.ts";
import type { FaultLog } from "../log.ts";
import { type Broker, isConnected } from "../mq/broker.ts";
import { explainFault } from "../mq/faults.ts";

/** The stream that all instances write and read. */
export const STREAM = "heartbeat.beats";
/** Constants, so that no setting can make a declaration fail (DESIGN.md section 6). */
const STREAM_ARGUMENTS = {
  "x-queue-type": "stream",
  "x-max-age": "24h",
  "x-stream-max-segment-size-bytes": 33_554_432,
  "x-max-length-bytes": 2_147_483_648,
};
/**
 * An exclusive queue that serves as a lock while the stream is made: RabbitMQ 3.10 ends the connections of those that
 * declare a stream at the same moment (541 INTERNAL_ERROR, measured).
 */
const LOCK_QUEUE = `${STREAM}.making`;
/** Reply codes of AMQP 0-9-1 for what does not exist and what somebody else holds. */
const NOT_FOUND = 404;
const LOCKED = 405;
/** How many records the broker sends ahead; a stream requires a limit. */
const PREFETCH = 200;
/** How many records are acknowledged together. */
const ACK_EVERY = 50;
/** How often it is looked whether there is a connection to open channels on, ms. */
const LOOK_MS = 200;
/** How long the broker may take to confirm a record before its channel is given up, ms. */
const CONFIRM_MS = 10_000;
/** Offsets are remembered for less than the retention of the stream, ms. */
const OFFSET_AGE_MS = 23 * 3_600_000;

/** What a stream needs. */
export interface StreamOptions {
  readonly broker: Pick<Broker, "state" | "channel" | "confirmChannel">;
  readonly faults: FaultLog;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: (() => number) | undefined;
  /** From when on records are wanted where none was read yet, ms since the epoch. */
  readonly sinceMs: () => number;
  /** Makes ready what else lives on these channels. */
  readonly prepare: (consuming: Channel) => Promise<void>;
  /** Both channels are open and records will come. */
  readonly onOpen: () => void;
  /** One record; must not throw. */
  readonly onRecord: (content: Buffer) => void;
  /** No more records come until it is open again. */
  readonly onClose: () => void;
}

interface Channels {
  readonly publishing: ConfirmChannel;
  readonly consuming: Channel;
}

/**
 * The RabbitMQ stream over which instances tell each other what they know: a log that everybody appends to and reads
 * from where they like. It comes back for ever, as the connection below it does.
 */
export class Stream {
  readonly #options: StreamOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #open: Channels | undefined;
  #failures = 0;
  #stopped = true;
  /** Channels that are being opened. */
  #opening: Promise<void> | undefined;
  /** The last record that was read, and when. */
  #last: { readonly offset: number; readonly atMs: number } | undefined;
  #unacknowledged = 0;

  constructor(options: StreamOptions) {
    this.#options = options;
  }

  /** Whether records can be published and come in. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  start(): void {
    this.#stopped = false;
    this.#look(0);
  }

  /** Reads and publishes no more; what is under way is confirmed or given up. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#opening;
    const open = this.#open;
    this.#open = undefined;
    if (open !== undefined) await closeBoth(open);
  }

  /** Begins again from the time instead of the last offset; for a stream that gives nothing, as after its deletion. */
  reset(): void {
    this.#last = undefined;
    const open = this.#open;
    if (open === undefined) return;
    this.#lost(open, new Error("the stream is read again"));
  }

  /**
   * Appends a record.
   * @returns whether the broker has it; never rejects
   */
  publish(content: Buffer): Promise<boolean> {
    const open = this.#open;
    if (open === undefined) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const done = (isTaken: boolean) => {
      clearTimeout(timer);
      resolve(isTaken);
    };
    // A broker that lives but does not confirm, as when a node of its cluster is gone, is tried on a new channel.
    const timer = setTimeout(() => {
      this.#lost(open, new Error("RabbitMQ did not confirm a record in time"));
      done(false);
    }, CONFIRM_MS);
    try {
      open.publishing.publish("", STREAM, content, { persistent: true }, (error) => done(error === null));
    } catch {
      // The channel was closed in this moment, which is told by its own event.
      done(false);
    }
    return promise;
  }

  /** Sends something to another queue, if it can be sent at once. */
  send(queue: string, content: Buffer, options: Options.Publish): void {
    try {
      this.#open?.publishing.publish("", queue, content, options);
    } catch {
      // The channel was closed in this moment, which is told by its own event.
    }
  }

  #look(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      if (!isConnected(this.#options.broker.state)) return this.#look(LOOK_MS);
      this.#opening = this.#tryToOpen().finally(() => this.#opening = undefined);
    }, delayMs);
  }

  async #tryToOpen(): Promise<void> {
    try {
      await this.#openChannels();
      this.#failures = 0;
    } catch (cause) {
      if (codeOf(cause) === LOCKED) return this.#look(LOOK_MS);
      if (isConnected(this.#options.broker.state)) {
        this.#options.faults.warn("cluster.stream", "cluster: the stream {stream} cannot be used: {fault}", {
          stream: STREAM,
          fault: explainFault(cause),
        });
      }
      this.#failures++;
      this.#look(retryDelayMs(this.#failures, this.#options.random));
    }
  }

  async #openChannels(): Promise<void> {
    const { broker, onOpen } = this.#options;
    await declareStream(() => broker.channel());
    const publishing = await broker.confirmChannel();
    const end = Promise.withResolvers<never>();
    // Without somebody who waits for it, it would count as unhandled.
    end.promise.catch(() => {});
    watch(publishing, (cause) => end.reject(cause));
    let consuming: Channel | undefined;
    try {
      consuming = await Promise.race([broker.channel(), end.promise]);
      watch(consuming, (cause) => end.reject(cause));
      await Promise.race([this.#consume(consuming, publishing), end.promise]);
    } catch (cause) {
      await closeBoth({ publishing, consuming: consuming ?? publishing });
      throw cause;
    }
    const open = { publishing, consuming };
    if (this.#stopped) return await closeBoth(open);
    this.#open = open;
    end.promise.catch((cause) => this.#lost(open, cause));
    onOpen();
  }

  async #consume(channel: Channel, publishing: Channel): Promise<void> {
    const { now, sinceMs, prepare } = this.#options;
    await prepare(channel);
    await channel.prefetch(PREFETCH);
    const last = this.#last !== undefined && now() - this.#last.atMs < OFFSET_AGE_MS ? this.#last : undefined;
    const offset = last === undefined
      ? { "!": "timestamp", value: Math.max(0, Math.floor(sinceMs() / 1000)) }
      : last.offset + 1;
    this.#unacknowledged = 0;
    await channel.consume(STREAM, (message) => this.#take(message, { channel, publishing }), {
      arguments: { "x-stream-offset": offset },
    });
  }

  #take(message: ConsumeMessage | null, { channel, publishing }: { channel: Channel; publishing: Channel }): void {
    // The broker ends the consumption when the stream is deleted or its node goes.
    if (message === null) {
      for (const each of [channel, publishing]) each.close().catch(() => {/* It is closed already. */});
      return;
    }
    const offset: unknown = message.properties.headers?.["x-stream-offset"];
    if (typeof offset === "number") this.#last = { offset, atMs: this.#options.now() };
    if (++this.#unacknowledged >= ACK_EVERY) {
      this.#unacknowledged = 0;
      channel.ack(message, true);
    }
    this.#options.onRecord(message.content);
  }

  #lost(open: Channels, cause: unknown): void {
    if (this.#open !== open) return;
    this.#open = undefined;
    void closeBoth(open);
    if (isConnected(this.#options.broker.state)) {
      this.#options.faults.warn("cluster.lost", "cluster: the stream was lost, it is opened again: {fault}", {
        fault: explainFault(cause),
      });
    }
    this.#options.onClose();
    this.#look(LOOK_MS);
  }
}

/**
 * Makes the stream, or compares its arguments.
 * @throws the broker's refusal
 */
async function declareStream(open: () => Promise<Channel>): Promise<void> {
  const exists = await onChannel(open, async (channel) => {
    try {
      await channel.checkQueue(STREAM);
    } catch (cause) {
      if (codeOf(cause) === NOT_FOUND) return false;
      throw cause;
    }
    return true;
  });
  await onChannel(open, async (channel) => {
    if (!exists) await channel.assertQueue(LOCK_QUEUE, { exclusive: true, durable: false });
    await channel.assertQueue(STREAM, { durable: true, arguments: STREAM_ARGUMENTS });
    if (!exists) await channel.deleteQueue(LOCK_QUEUE);
  });
}

async function onChannel<T>(open: () => Promise<Channel>, work: (channel: Channel) => Promise<T>): Promise<T> {
  const channel = await open();
  let isClosed = false;
  // The refusal that matters comes back from the call that caused it.
  channel.on("error", () => {});
  channel.on("close", () => isClosed = true);
  try {
    return await work(channel);
  } finally {
    if (!isClosed) await channel.close();
  }
}

function codeOf(cause: unknown): unknown {
  return cause instanceof Error && "code" in cause ? cause.code : undefined;
}

/** Tells of a channel's end once, with the reason where the broker gave one. */
function watch(channel: Channel, ended: (cause: unknown) => void): void {
  let cause: unknown = new Error("the channel was closed");
  channel.on("error", (error) => cause = error);
  channel.on("close", () => ended(cause));
}

async function closeBoth({ publishing, consuming }: Channels): Promise<void> {
  for (const channel of new Set([publishing, consuming])) {
    try {
      await channel.close();
    } catch {
      // It is closed already, which is what was wanted.
    }
  }
}
