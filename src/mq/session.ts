import type { Channel, ChannelModel, ConfirmChannel } from "amqplib";
import { nextTick } from "node:process";
import { Duplex } from "node:stream";
import { setImmediate } from "node:timers";
import type { FaultLog } from "../log.ts";
import type { Delivered, Share } from "./calls.ts";
import { Consumption } from "./consumption.ts";
import { explainFault, isHomeDown } from "./faults.ts";
import { KeptChannel } from "./kept_channel.ts";
import { Pulling } from "./pulling.ts";
import type { Replies } from "./replies.ts";
import { declareModuleQueue, declareOwnQueue, MODULE_QUEUE } from "./topology.ts";

/** How long a connection may take to close in order, ms; a stalled broker never answers. */
const CLOSE_MS = 1_000;

/** How often it is looked whether this instance is a newcomer still, ms. */
const NEWCOMER_MS = 100;

/** What a session needs. */
export interface SessionOptions {
  /** The modules' exchange. */
  readonly exchange: string;
  readonly replies: Replies;
  readonly faults: FaultLog;
  /** Handles one message of the module queue. */
  readonly handle: (message: Delivered, share: Share) => void | Promise<void>;
  /** In a cluster: the queue from which casts are taken, and whether calls are left to others for the moment. */
  readonly casts?: { readonly queue: string; readonly isNewcomer: () => boolean } | undefined;
  /** The messages that had waited when the consumption began are handled. */
  readonly caughtUp: () => void;
  /** No messages are taken before. */
  readonly begun: Promise<void>;
  /** Whether messages are taken at all; no more at the stop. */
  readonly consumes: () => boolean;
  /** The module queue cannot be reached on this connection, and why; undefined once it can. */
  readonly away: (fault: string | undefined) => void;
}

/** Everything that lives and dies with one connection: its channels, and what is done on them. */
export class Session {
  readonly #model: ChannelModel;
  readonly #options: SessionOptions;
  readonly #channels: readonly KeptChannel[];
  #consumption: Consumption | undefined;
  #castConsumption: Consumption | undefined;
  #pulling: Pulling | undefined;
  #newcomer: ReturnType<typeof setTimeout> | undefined;
  #lostFor: Error | undefined;
  /** Channels that wait for the module queue. */
  readonly #waiting = new Set<string>();
  /** How many messages have come in the present piece from the socket. */
  #together = 0;

  constructor(model: ChannelModel, options: SessionOptions) {
    this.#model = model;
    this.#options = options;
    // Errors are followed by the end of the connection, which tells the same; without a listener they would be thrown.
    model.on("error", () => {});
    model.on("close", (cause) => this.#end(cause ?? new Error("the connection was closed")));
    model.on("blocked", (reason) => this.#block(reason));
    model.on("unblocked", () => this.#unblock());
    const { casts } = options;
    this.#channels = [
      ...[this.#replyChannel(), this.#callChannel()],
      ...(casts === undefined ? [] : [this.#castChannel(casts.queue)]),
    ];
  }

  /**
   * Opens the channels, declares what is needed and begins to consume.
   * @throws the broker's refusal, or why the connection was lost meanwhile
   */
  async open(): Promise<void> {
    this.#options.replies.connect();
    try {
      for (const channel of this.#channels) await channel.open();
    } catch (refusal) {
      const cause = this.#lostFor ?? refusal;
      await this.#leave();
      throw cause;
    }
    if (this.#lostFor !== undefined) throw this.#lostFor;
  }

  /** A channel for other work on this connection. */
  async channel(): Promise<Channel> {
    return await this.#model.createChannel();
  }

  /** A channel for other work on this connection, on which the broker confirms what it took. */
  async confirmChannel(): Promise<ConfirmChannel> {
    return await this.#model.createConfirmChannel();
  }

  /** Takes no more messages and waits until those in work are handled. */
  async stopConsuming(): Promise<void> {
    clearTimeout(this.#newcomer);
    await Promise.all([this.#consumption?.stop(), this.#pulling?.stop(), this.#castConsumption?.stop()]);
  }

  /** Sends what waits to be sent and closes the channels. */
  async close(): Promise<void> {
    await this.#options.replies.sent();
    for (const channel of this.#channels) await channel.close();
  }

  #replyChannel(): KeptChannel {
    return this.#keep("answers", async (channel) => {
      // An exchange that was deleted shows when an answer goes to it; its binding is gone too.
      await declareModuleQueue(channel, this.#options.exchange);
      this.#options.replies.use(channel);
    });
  }

  #callChannel(): KeptChannel {
    return this.#keep("calls", async (channel) => {
      await this.#options.begun;
      const waiting = await declareModuleQueue(channel, this.#options.exchange);
      const { casts } = this.#options;
      clearTimeout(this.#newcomer);
      if (casts === undefined) await this.#consumeCalls(channel, waiting);
      else this.#pull(channel, casts.isNewcomer);
    });
  }

  async #consumeCalls(channel: Channel, waiting: number): Promise<void> {
    const { handle, caughtUp, consumes } = this.#options;
    if (!consumes()) return;
    this.#consumption = new Consumption(channel, {
      handle: (message) => {
        this.#gather();
        return handle(message, "all");
      },
      caughtUp,
    });
    await this.#consumption.start(MODULE_QUEUE, waiting);
  }

  /** The fleet of a newcomer has holes, which its lists would have. */
  #pull(channel: Channel, isNewcomer: () => boolean): void {
    if (!this.#options.consumes() || this.#lostFor !== undefined) return;
    if (isNewcomer()) {
      this.#newcomer = setTimeout(() => this.#pull(channel, isNewcomer), NEWCOMER_MS);
      return;
    }
    const { handle } = this.#options;
    this.#pulling = new Pulling(channel, { queue: MODULE_QUEUE, handle: (message) => handle(message, "calls") });
  }

  /** Casts concern every instance, so each has a queue of its own for them. */
  #castChannel(queue: string): KeptChannel {
    return this.#keep("casts", async (channel) => {
      const { exchange, consumes, handle, caughtUp } = this.#options;
      await declareOwnQueue(channel, exchange, queue);
      if (!consumes()) return;
      this.#castConsumption = new Consumption(channel, {
        handle: (message) => {
          // What comes here has come to the queue that all share, too.
          this.#pulling?.look();
          return handle(message, "casts");
        },
        caughtUp,
      });
      await this.#castConsumption.start(queue, 0);
    });
  }

  #keep(purpose: "answers" | "calls" | "casts", ready: (channel: Channel) => Promise<void>): KeptChannel {
    return new KeptChannel(this.#model, {
      create: (model) => model.createChannel(),
      ready: async (channel) => {
        await ready(channel);
        if (purpose !== "casts") this.#isBack(purpose);
      },
      isAway: (cause) => {
        // The queue for casts lives on the node that this connection goes to.
        if (purpose === "casts" || !isHomeDown(cause)) return false;
        this.#isAway(purpose, cause);
        return true;
      },
      lost: (cause) => {
        this.#options.replies.learn(cause);
        this.#options.faults.warn(
          `mq.channel.${purpose}`,
          "mq: RabbitMQ closed the channel for {purpose}, it is opened again: {fault}",
          { purpose, fault: explainFault(cause) },
        );
      },
      failed: (cause) => this.#drop(cause),
    });
  }

  #isAway(purpose: "answers" | "calls", cause: unknown): void {
    if (this.#waiting.has(purpose)) return;
    this.#waiting.add(purpose);
    if (this.#waiting.size === 1) this.#options.away(explainFault(cause));
    // What waits in the queue is handled when it is back; nothing else need wait for that.
    if (purpose === "calls") this.#options.caughtUp();
  }

  #isBack(purpose: "answers" | "calls"): void {
    if (this.#waiting.delete(purpose) && this.#waiting.size === 0) this.#options.away(undefined);
  }

  #block(reason: string): void {
    this.#options.faults.warn("mq.blocked", "mq: RabbitMQ takes no messages at the moment ({reason})", { reason });
    this.#options.replies.block(true);
  }

  #unblock(): void {
    this.#options.replies.block(false);
  }

  #end(cause: Error): void {
    this.#lostFor ??= cause;
    clearTimeout(this.#newcomer);
    for (const channel of this.#channels) channel.end();
    this.#options.replies.disconnect();
  }

  /** Closes the connection in order, or breaks it off when the broker does not answer. */
  async #leave(): Promise<void> {
    for (const channel of this.#channels) channel.end();
    if (this.#lostFor !== undefined) return;
    const timer = setTimeout(() => this.#drop(new Error("RabbitMQ did not close the connection in time")), CLOSE_MS);
    const gone = new Promise<void>((resolve) => this.#model.on("close", () => resolve()));
    try {
      await Promise.race([this.#model.close(), gone]);
    } catch {
      // It ended by itself first, which is what was wanted.
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * Holds back what is written when several messages come in one piece, until all are handled: then it is one write to
   * the socket instead of two for each, which are most of what a call costs (measured).
   */
  #gather(): void {
    this.#together++;
    if (this.#together === 1) nextTick(() => this.#together = 0);
    if (this.#together !== 2) return;
    const stream = this.#stream;
    if (stream.writableCorked > 0) return;
    stream.cork();
    // amqplib moves what was published to the socket in an immediate that it sets on the next tick; this one is behind.
    nextTick(() => setImmediate(() => stream.uncork()));
  }

  /** The socket, which amqplib has no other way to. */
  get #stream(): Duplex {
    const { stream } = this.#model.connection as unknown as { stream: unknown };
    if (!(stream instanceof Duplex)) throw new TypeError("amqplib's connection has no stream");
    return stream;
  }

  /** Breaks the connection off; recovery makes a new one. */
  #drop(cause: unknown): void {
    this.#stream.destroy(cause instanceof Error ? cause : new Error(String(cause)));
  }
}
