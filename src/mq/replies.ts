import type { Channel } from "amqplib";
import { Buffer } from "node:buffer";
import { within } from "../deadline.ts";
import { Backlog } from "./backlog.ts";
import type { EndpointSettings } from "./endpoint.ts";
import { explainFault, messageSizeLimit } from "./faults.ts";
import { LargeLink, type ListBody } from "./large/link.ts";
import type { Fate } from "./large/protocol.ts";
import { replyProperties } from "./reply_properties.ts";
import type { MqStats } from "./stats.ts";

/**
 * Answers above this size are sent by a thread of their own, over its own connection, one at a time, bytes. One AMQP
 * frame is as long.
 *
 * The broker closes the channel over which a message above its `max_message_size` comes, and everything that is under
 * way on it is lost.
 */
export const LARGE_BYTES = 128 * 1024;
/** How long the thread for large answers may take to break its connection off, ms. */
const END_MS = 200;

/** The content of an answer whose list was written in parts. */
export interface FramedList {
  readonly body: ListBody;
  /** What frames it. */
  readonly before: string;
  readonly after: string;
}

/** An answer on its way to a caller, of one kind of content. */
export interface Outgoing<Content> {
  /** The modules' exchange, or empty for the default exchange. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly correlationId: string | undefined;
  readonly content: Content;
  /** Monotonic time after which nobody waits for it any more, ms. */
  readonly deadlineMs: number;
  /** What to send in its place when the broker takes nothing above `limit` bytes. */
  readonly tooLarge: (limit: number) => Buffer;
}

/** An answer of either kind. */
export type OutgoingReply = Outgoing<Buffer> | Outgoing<FramedList>;

/** What the replies need. */
export interface RepliesOptions {
  readonly stats: MqStats;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  /** How the thread for large answers reaches the broker: where this connection goes to. */
  readonly endpoint: () => EndpointSettings;
  /** The broker refused an answer; the text says why. */
  readonly onRefused: (fault: string) => void;
}

/**
 * Sends answers. Nothing here waits for the broker or throws: what cannot be sent now waits within bounds, and what
 * its caller does not wait for any more is dropped and counted.
 */
export class Replies {
  readonly #options: RepliesOptions;
  readonly #waiting = new Backlog<Outgoing<Buffer>>();
  /** From the first large answer on. */
  #link: LargeLink | undefined;
  /** How many large answers are under way or wait. */
  #large = 0;
  #channel: Channel | undefined;
  #connected = false;
  #blocked = false;
  /** Whether amqplib's buffer of the channel is full. */
  #full = false;
  #limit = Infinity;
  #whenIdle: (() => void)[] = [];

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /** Begins the body of a list that is too long for one piece. It must be sent or discarded. */
  beginList(): ListBody {
    this.#link ??= new LargeLink((fault) => {
      this.#link = undefined;
      this.#options.onRefused(`the thread for large answers ended: ${fault}`);
    });
    return this.#link.begin();
  }

  /** Sends an answer that is in time, or keeps it until the broker takes answers again. */
  send(reply: OutgoingReply): void {
    if (!this.#connected) {
      this.#options.stats.repliesLost.closed++;
      if (!isInOnePiece(reply)) reply.content.body.discard();
    } else if (!isInOnePiece(reply)) this.#sendLarge(reply, reply.content);
    else if (reply.content.length > LARGE_BYTES) this.#sendLarge(reply, this.#list(reply.content));
    else this.#sendSmall(reply);
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
    this.#options.stats.repliesLost.closed += this.#waiting.clear().length;
    this.#link?.disconnect();
    this.#idle();
  }

  /** Takes a fresh channel. */
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

  /** The broker takes nothing at the moment (connection.blocked), or does again. */
  block(blocked: boolean): void {
    this.#blocked = blocked;
    this.#flush();
  }

  /** Remembers the broker's size limit when an answer was refused for it. */
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

  /** Closes the connection for large answers in order, and ends their thread. */
  async close(): Promise<void> {
    await this.#link?.close();
  }

  /** Ends the thread for large answers, whatever it does, with all that it has open. */
  async end(): Promise<void> {
    this.#link?.disconnect();
    await within(this.close(), END_MS);
    this.#link?.terminate();
  }

  #flows(): boolean {
    return this.#channel !== undefined && !this.#blocked && !this.#full;
  }

  #expired(reply: OutgoingReply): boolean {
    const expired = this.#options.now() > reply.deadlineMs;
    if (expired) this.#options.stats.repliesLost.expired++;
    return expired;
  }

  #sendSmall(reply: Outgoing<Buffer>): void {
    const fitting = reply.content.length <= this.#limit ? reply : { ...reply, content: reply.tooLarge(this.#limit) };
    if (this.#flows()) this.#publish(fitting);
    else this.#options.stats.repliesLost.overflow += this.#waiting.push(fitting).length;
  }

  #publish(reply: Outgoing<Buffer>): void {
    const { exchange, routingKey, content, correlationId } = reply;
    if (this.#channel === undefined) return;
    try {
      this.#full = !this.#channel.publish(exchange, routingKey, content, replyProperties(correlationId));
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

  #list(content: Buffer): FramedList {
    const body = this.beginList();
    body.append(content.toString(), 1);
    return { body, before: "", after: "" };
  }

  #sendLarge(reply: OutgoingReply, { body, before, after }: FramedList): void {
    const { exchange, routingKey, correlationId, deadlineMs } = reply;
    const { now, endpoint } = this.#options;
    this.#large++;
    body.send({
      ...{ before, after, exchange, routingKey, correlationId },
      patienceMs: deadlineMs - now(),
      endpoint: endpoint(),
    }, (fate) => this.#settled(reply, fate));
  }

  #settled(reply: OutgoingReply, fate: Fate): void {
    const { stats, onRefused } = this.#options;
    this.#large--;
    if (fate.name === "sent") stats.replies++;
    else if (fate.name === "lost") stats.repliesLost[fate.loss]++;
    else if (fate.fault !== undefined) stats.repliesLost.refused++;
    if (fate.name !== "sent" && fate.fault !== undefined) onRefused(fate.fault);
    if (fate.name === "tooLarge") {
      this.#limit = Math.min(this.#limit, fate.limit);
      if (!this.#expired(reply)) this.send({ ...reply, content: reply.tooLarge(fate.limit) });
    }
    this.#idle();
  }

  #idle(): void {
    if (this.#connected && (this.#waiting.size > 0 || this.#large > 0)) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}

function isInOnePiece(reply: OutgoingReply): reply is Outgoing<Buffer> {
  return reply.content instanceof Buffer;
}
