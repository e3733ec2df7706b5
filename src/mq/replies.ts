import type { Channel, ConfirmChannel } from "amqplib";
import type { Buffer } from "node:buffer";
import { explainFault, messageSizeLimit } from "./faults.ts";
import type { MqStats } from "./stats.ts";

/**
 * Answers above this size go over a channel of their own, one at a time, bytes. One AMQP frame is as long.
 *
 * The broker closes the channel over which a message above its `max_message_size` comes, and everything that is under
 * way on it is lost.
 */
export const LARGE_BYTES = 128 * 1024;
/** How many answers may wait while the broker takes none. */
const MAX_WAITING = 1_000;
/** How many bytes of answers may wait while the broker takes none; also of large ones while one is under way. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/** An answer on its way to a caller. */
export interface OutgoingReply {
  /** The modules' exchange, or empty for the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly correlationId: string | undefined;
  readonly content: Buffer;
  /** Monotonic time after which nobody waits for it any more, ms. */
  readonly deadlineMs: number;
  /** What to send in its place when the broker takes nothing above `limit` bytes. */
  readonly tooLarge: (limit: number) => Buffer;
}

/** What the replies need. */
export interface RepliesOptions {
  readonly stats: MqStats;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  /** The broker refused an answer; the text says why. */
  readonly onRefused: (fault: string) => void;
}

/**
 * Sends answers. Nothing here waits for the broker or throws: what cannot be sent now waits within bounds, and what
 * its caller does not wait for any more is dropped and counted.
 */
export class Replies {
  readonly #options: RepliesOptions;
  readonly #waiting: Backlog;
  readonly #large: Backlog;
  #channel: Channel | undefined;
  #largeChannel: ConfirmChannel | undefined;
  /** The large answer under way. */
  #underWay: OutgoingReply | undefined;
  #connected = false;
  #blocked = false;
  /** Whether amqplib's buffer of the channel is full. */
  #full = false;
  #limit = Infinity;
  #whenIdle: (() => void)[] = [];

  constructor(options: RepliesOptions) {
    this.#options = options;
    this.#waiting = new Backlog(options.stats);
    this.#large = new Backlog(options.stats);
  }

  /** Sends an answer that is in time, or keeps it until the broker takes answers again. */
  send(reply: OutgoingReply): void {
    const fitting = this.#fitting(reply);
    if (!this.#connected) this.#options.stats.repliesLost.closed++;
    else if (fitting.content.length > LARGE_BYTES) {
      this.#large.push(fitting);
      this.#sendLarge();
    } else if (this.#flows()) this.#publish(fitting);
    else this.#waiting.push(fitting);
  }

  /** A connection is there; its channels follow. */
  connect(): void {
    this.#connected = true;
    this.#blocked = false;
    // The broker may have been given another limit meanwhile.
    this.#limit = Infinity;
  }

  /** The connection is gone: the broker delivers again what was not acknowledged, so these answers are void. */
  disconnect(): void {
    this.#connected = false;
    this.#channel = undefined;
    this.#largeChannel = undefined;
    this.#underWay = undefined;
    this.#options.stats.repliesLost.closed += this.#waiting.clear() + this.#large.clear();
    this.#idle();
  }

  /** Takes a fresh channel for ordinary answers. */
  use(channel: Channel): void {
    this.#channel = channel;
    this.#full = false;
    channel.on("close", () => {
      if (this.#channel === channel) this.#channel = undefined;
    });
    channel.on("drain", () => {
      this.#full = false;
      this.#flush();
    });
    this.#flush();
  }

  /** Takes a fresh channel for large answers. */
  useLarge(channel: ConfirmChannel): void {
    this.#largeChannel = channel;
    let fault: unknown;
    channel.on("error", (error) => fault = error);
    channel.on("close", () => {
      if (this.#largeChannel === channel) this.#largeChannel = undefined;
      const reply = this.#underWay;
      this.#underWay = undefined;
      if (reply === undefined) return;
      if (fault === undefined) this.#options.stats.repliesLost.closed++;
      else this.#refused(reply, fault);
    });
    // The caller's own queue may take no more (x-overflow: reject-publish).
    channel.on("nack", () => {
      this.#underWay = undefined;
      this.#options.stats.repliesLost.refused++;
      this.#sendLarge();
    });
    this.#sendLarge();
  }

  /** The broker takes nothing at the moment (connection.blocked), or does again. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
    this.#flush();
    this.#sendLarge();
  }

  /** Remembers the broker's size limit when an ordinary answer was refused for it. */
  learn(fault: unknown): void {
    this.#limit = Math.min(this.#limit, messageSizeLimit(fault) ?? Infinity);
  }

  /** Resolves when nothing waits to be sent. */
  sent(): Promise<void> {
    return new Promise((resolve) => {
      this.#whenIdle.push(resolve);
      this.#idle();
    });
  }

  #flows(): boolean {
    return this.#channel !== undefined && !this.#blocked && !this.#full;
  }

  #fitting(reply: OutgoingReply): OutgoingReply {
    return reply.content.length <= this.#limit ? reply : { ...reply, content: reply.tooLarge(this.#limit) };
  }

  #expired(reply: OutgoingReply): boolean {
    const expired = this.#options.now() > reply.deadlineMs;
    if (expired) this.#options.stats.repliesLost.expired++;
    return expired;
  }

  #publish(reply: OutgoingReply): void {
    const { exchange, routingKey, content, correlationId } = reply;
    if (this.#channel === undefined) return;
    try {
      this.#full = !this.#channel.publish(exchange, routingKey, content, properties(correlationId));
      this.#options.stats.replies++;
    } catch (cause) {
      this.#options.stats.repliesLost.closed++;
      this.#options.onRefused(explainFault(cause));
    }
  }

  #flush(): void {
    while (this.#flows()) {
      const reply = this.#waiting.shift();
      if (reply === undefined) break;
      if (!this.#expired(reply)) this.#publish(reply);
    }
    this.#idle();
  }

  #sendLarge(): void {
    const channel = this.#largeChannel;
    while (channel !== undefined && !this.#blocked && this.#underWay === undefined) {
      const reply = this.#large.shift();
      if (reply === undefined) break;
      if (this.#expired(reply)) continue;
      const fitting = this.#fitting(reply);
      if (fitting !== reply) this.send(fitting);
      else this.#publishLarge(channel, reply);
    }
    this.#idle();
  }

  #publishLarge(channel: ConfirmChannel, reply: OutgoingReply): void {
    const { exchange, routingKey, content, correlationId } = reply;
    try {
      channel.publish(exchange, routingKey, content, properties(correlationId), (error) => {
        // Without a confirm, the channel's events tell why and what becomes of the answer.
        if (error !== null) return;
        this.#options.stats.replies++;
        this.#underWay = undefined;
        this.#sendLarge();
      });
      this.#underWay = reply;
    } catch (cause) {
      this.#options.stats.repliesLost.closed++;
      this.#options.onRefused(explainFault(cause));
    }
  }

  #refused(reply: OutgoingReply, fault: unknown): void {
    const limit = messageSizeLimit(fault);
    this.#options.stats.repliesLost.refused++;
    this.#options.onRefused(explainFault(fault));
    if (limit === undefined) return;
    this.#limit = Math.min(this.#limit, limit);
    if (!this.#expired(reply)) this.send({ ...reply, content: reply.tooLarge(limit) });
  }

  #idle(): void {
    const idle = !this.#connected ||
      (this.#waiting.size === 0 && this.#large.size === 0 && this.#underWay === undefined);
    if (!idle) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

/** Answers that wait, oldest first; beyond the bounds the oldest goes. */
class Backlog {
  readonly #stats: MqStats;
  #replies: OutgoingReply[] = [];
  #bytes = 0;

  constructor(stats: MqStats) {
    this.#stats = stats;
  }

  get size(): number {
    return this.#replies.length;
  }

  push(reply: OutgoingReply): void {
    this.#replies.push(reply);
    this.#bytes += reply.content.length;
    while (this.#replies.length > MAX_WAITING || (this.#bytes > MAX_WAITING_BYTES && this.#replies.length > 1)) {
      this.shift();
      this.#stats.repliesLost.overflow++;
    }
  }

  shift(): OutgoingReply | undefined {
    const reply = this.#replies.shift();
    if (reply !== undefined) this.#bytes -= reply.content.length;
    return reply;
  }

  /** Drops all and tells how many. */
  clear(): number {
    const { length } = this.#replies;
    this.#replies = [];
    this.#bytes = 0;
    return length;
  }
}

function properties(correlationId: string | undefined): { contentType: string; correlationId?: string } {
  const contentType = "application/json";
  return correlationId === undefined ? { contentType } : { contentType, correlationId };
}
