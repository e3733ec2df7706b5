import type { ConfirmChannel } from "amqplib";
import { Buffer } from "node:buffer";
import { groupByKind } from "../events/grouping.ts";
import { eventRow } from "../events/row.ts";
import { type Delivery, type EventSink, MAX_ROWS } from "../events/sink.ts";
import type { FleetEvent } from "../fleet/events.ts";
import { type Broker, isConnected } from "./broker.ts";
import { explainFault, messageSizeLimit } from "./faults.ts";
import { declareExchange } from "./topology.ts";

/** Routing key of all events. */
const ROUTING_KEY = "heartbeat.event";
/** How many events may wait for the broker. */
const MAX_QUEUED = 100_000;
/** How large a message becomes at most, unless one event alone is larger, bytes; the broker's limit may be lower. */
const MAX_BYTES = 1024 * 1024;
/** How long until it is looked again whether there is a connection, ms. */
const RECONNECT_MS = 1_000;
/** How long the broker may take to open a channel where there is none, and to confirm a message, ms. */
const CONFIRM_MS = 30_000;
/** How often a message is published that the broker does not confirm. */
const MAX_TRIES = 3;
/**
 * How long it is tried beyond that, ms: a quorum queue takes nothing while its nodes choose another leader, which takes
 * seconds, and a node that comes back a minute.
 */
const PATIENCE_MS = 60_000;

/** What the publisher needs. */
export interface EventPublisherOptions {
  readonly broker: Pick<Broker, "confirmChannel" | "state">;
  /** The modules' exchange. */
  readonly exchange: string;
  /** How many events may wait; 100,000. */
  readonly maxQueued?: number;
  /** How long the broker may take to open a channel where there is none, and to confirm a message, ms; 30 s. */
  readonly confirmMs?: number;
  /** For how long after its last confirm the broker may take nothing before messages are given up, ms; 60 s. */
  readonly patienceMs?: number;
  /** The monotonic clock, ms; default that of the process. */
  readonly now?: () => number;
}

/**
 * Publishes events with the routing key `heartbeat.event`, one kind a message, and waits for the broker's confirms. Who
 * wants them binds a queue; what no queue wants is gone, and confirmed too.
 */
export class EventPublisher implements EventSink {
  readonly name = "mq";
  readonly maxQueued: number;
  readonly #options: EventPublisherOptions;
  #open: OpenChannel | undefined;
  #limit = MAX_BYTES;
  /** How often in a row the broker did not confirm. */
  #tries = 0;
  /** Since when it has confirmed nothing, monotonic ms. */
  #notTakenSinceMs: number | undefined;

  constructor(options: EventPublisherOptions) {
    this.#options = options;
    this.maxQueued = options.maxQueued ?? MAX_QUEUED;
  }

  plan(events: readonly FleetEvent[]): FleetEvent[][] {
    return groupByKind(events, MAX_ROWS);
  }

  async deliver(events: readonly FleetEvent[], signal: AbortSignal): Promise<Delivery> {
    const content = contentOf(events);
    // One event alone is left to the broker, whose limit may have been raised since.
    if (content.length > this.#limit && events.length > 1) {
      return { outcome: "too_large", fault: `${content.length} bytes are too many for one message` };
    }
    // The broker connection tells the log itself when it is down.
    if (!isConnected(this.#options.broker.state)) return { outcome: "away", afterMs: RECONNECT_MS };
    try {
      return await this.#publish(content, signal);
    } catch (cause) {
      return this.#lost(cause);
    }
  }

  async #publish(content: Buffer, signal: AbortSignal): Promise<Delivery> {
    const { exchange, confirmMs = CONFIRM_MS } = this.#options;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), confirmMs);
    const patience = AbortSignal.any([signal, late.signal]);
    try {
      const open = this.#open ?? await this.#openChannel(patience);
      if (open === undefined) return { outcome: "retry", fault: "RabbitMQ did not open a channel in time" };
      if (open.isClosed) return this.#lost(open.fault);
      this.#open = open;
      const ending = await unlessAborted(confirmation(open.channel, exchange, content), patience);
      return signal.aborted ? { outcome: "retry" } : this.#judge(ending ?? "late", open);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Opens a channel, or gives up on it when the signal is aborted. It may have been closed again in the meantime. */
  async #openChannel(signal: AbortSignal): Promise<OpenChannel | undefined> {
    const opening = this.#readyChannel();
    const open = await unlessAborted(opening, signal);
    // One that comes after all must not stay open unused; one that failed is closed.
    if (open === undefined) opening.then((unused) => this.#leave(unused), () => {});
    return open;
  }

  async #readyChannel(): Promise<OpenChannel> {
    const channel = await this.#options.broker.confirmChannel();
    const open: OpenChannel = { channel, isClosed: false, fault: undefined };
    channel.on("error", (cause) => open.fault = cause);
    channel.on("close", () => {
      open.isClosed = true;
      if (this.#open === open) this.#open = undefined;
    });
    // An exchange that was deleted shows when something is published to it.
    await declareExchange(channel, this.#options.exchange);
    return open;
  }

  #judge(ending: Ending, open: OpenChannel): Delivery {
    switch (ending) {
      case "confirmed":
        this.#tries = 0;
        this.#notTakenSinceMs = undefined;
        return { outcome: "delivered" };
      case "nacked":
        // RabbitMQ 3.10 goes on refusing on a channel that has published to a quorum queue whose leader's node was
        // lost, for ever; on a fresh one it takes messages within a second (measured).
        this.#leave(open);
        return this.#notTaken("RabbitMQ did not take a message, as when a queue that is bound to it is full");
      case "late":
        this.#leave(open);
        return this.#notTaken("RabbitMQ did not confirm a message in time");
      case "closed":
        return this.#lost(open.fault);
    }
  }

  /** One queue that cannot take a message must not keep it, and all that follow, from the others for ever. */
  #notTaken(fault: string): Delivery {
    const { patienceMs = PATIENCE_MS, now = () => performance.now() } = this.#options;
    this.#notTakenSinceMs ??= now();
    if (++this.#tries < MAX_TRIES || now() - this.#notTakenSinceMs < patienceMs) return { outcome: "retry", fault };
    this.#tries = 0;
    return { outcome: "refused", fault };
  }

  #lost(cause: unknown): Delivery {
    const fault = explainFault(cause);
    const limit = messageSizeLimit(cause);
    if (limit !== undefined) {
      this.#limit = Math.min(this.#limit, limit);
      return { outcome: "too_large", fault };
    }
    return isRefusal(cause) ? { outcome: "retry", fault } : { outcome: "retry", afterMs: RECONNECT_MS };
  }

  /** What is confirmed too late on it must not be taken for the confirm of another message. */
  #leave(open: OpenChannel): void {
    if (this.#open === open) this.#open = undefined;
    if (open.isClosed) return;
    open.channel.close().catch(() => {
      // It is closed already, which is what was wanted.
    });
  }
}

interface OpenChannel {
  readonly channel: ConfirmChannel;
  isClosed: boolean;
  /** Why the broker closed it. */
  fault: unknown;
}

/** How the publishing of one message ended. */
type Ending = "confirmed" | "nacked" | "late" | "closed";

/** Bodies are JSON in the modules' envelope (PROTOCOL.md section 2), persistent for queues that outlive the broker. */
function confirmation(channel: ConfirmChannel, exchange: string, content: Buffer): Promise<Ending> {
  return new Promise((resolve) => {
    channel.publish(exchange, ROUTING_KEY, content, { contentType: "application/json", persistent: true }, (error) => {
      if (error === null) resolve("confirmed");
      // amqplib tells a refusal and a closed channel apart by this text alone.
      else resolve(error.message === "message nacked" ? "nacked" : "closed");
    });
  });
}

/** @param events at least one, all of one kind */
function contentOf(events: readonly FleetEvent[]): Buffer {
  const mqkey = `${ROUTING_KEY}.${events[0]?.kind}`;
  return Buffer.from(JSON.stringify({ mqkey, mqtype: "cast", mqbody: { result: events.map(eventRow) } }));
}

/** Whether the broker refused something, with a reply code; otherwise the connection was lost. */
function isRefusal(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && typeof cause.code === "number";
}

/** What the promise gives, or undefined once the signal is aborted. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  let abort = () => {};
  const aborted = new Promise<undefined>((resolve) => abort = () => resolve(undefined));
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}
