import { retryDelayMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { FleetEvent } from "../fleet/events.ts";
import type { FaultLog } from "../log.ts";
import type { Delivery, EventSink } from "./sink.ts";

/** How long events are collected before they are told, ms; the first after a quiet time is told at once. */
const COLLECT_MS = 1_000;
/** How many events are shared out among messages at a time, about 5 ms of work. */
const PLAN_EVENTS = 10_000;
/** How long the stop waits for messages to be delivered, ms. */
const STOP_MS = 1_000;

/** Counters since the start. */
export interface OutboxCounts {
  /** Events that were delivered. */
  delivered: number;
  /** Messages that were delivered. */
  messages: number;
  /** Tries that failed and were repeated. */
  retries: number;
  /** Events that were dropped: too many waited (`overflow`), or the other side will never take them (`refused`). */
  readonly dropped: { overflow: number; refused: number };
}

/** What an outbox needs beside its sink. */
export interface OutboxOptions {
  readonly clock: Clock;
  readonly faults: FaultLog;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: (() => number) | undefined;
  /** Nothing more will be done about these events: they were delivered or dropped. */
  readonly onDone: (events: readonly FleetEvent[]) => void;
}

/**
 * The events that wait for one sink. They are delivered in order, one message at a time, because a message that has to
 * be repeated must not be overtaken by what the same agent did next.
 */
export class Outbox {
  readonly counts: OutboxCounts = { delivered: 0, messages: 0, retries: 0, dropped: { overflow: 0, refused: 0 } };
  readonly #sink: EventSink;
  readonly #options: OutboxOptions;
  readonly #abort = new AbortController();
  #waiting: FleetEvent[] = [];
  #messages: FleetEvent[][] = [];
  #underWay: readonly FleetEvent[] = [];
  #failures = 0;
  #collectUntilMs = -Infinity;
  #stopping = false;
  #running: Promise<void> | undefined;
  /** Ends the present rest; `onArrival`: also when events come. */
  #rest: { readonly end: () => void; readonly onArrival: boolean } | undefined;

  constructor(sink: EventSink, options: OutboxOptions) {
    this.#sink = sink;
    this.#options = options;
  }

  /** How many events wait, those under way included. */
  get queued(): number {
    return this.#messages.reduce((sum, message) => sum + message.length, this.#waiting.length + this.#underWay.length);
  }

  /** When the oldest event that waits happened, ms since the epoch; undefined when none does. */
  get oldestAtMs(): number | undefined {
    return (this.#underWay[0] ?? this.#messages[0]?.[0] ?? this.#waiting[0])?.atMs;
  }

  /** Takes events behind those that wait; drops the oldest of too many, other than those under way. */
  enqueue(events: readonly FleetEvent[]): void {
    for (const event of events) this.#waiting.push(event);
    const excess = this.queued - this.#underWay.length - this.#sink.maxQueued;
    if (excess > 0) this.#dropOldest(excess);
    if (this.#rest?.onArrival) this.#rest.end();
  }

  /** Begins to deliver. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Delivers what can be delivered without a second try within a second, and ends. Nothing is told afterwards. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#rest?.end();
    const timer = setTimeout(() => this.#abort.abort(), STOP_MS);
    try {
      await this.#running;
    } finally {
      clearTimeout(timer);
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      if (this.#messages.length === 0) await this.#plan();
      const message = this.#messages.shift();
      if (message === undefined) return;
      this.#underWay = message;
      const isLastTry = this.#stopping;
      const delivery = await this.#attempt(message);
      this.#underWay = [];
      const isSettled = await this.#settle(message, delivery);
      if (this.#abort.signal.aborted || (isLastTry && !isSettled)) return;
    }
  }

  /** Waits for events and makes messages of them; at the stop, of what there is. */
  async #plan(): Promise<void> {
    if (this.#waiting.length === 0) await this.#pause(undefined);
    await this.#pause(this.#collectUntilMs - this.#options.clock.monotonic());
    // Behind a full plan more is waiting, which has been collected for long enough.
    const isFull = this.#waiting.length >= PLAN_EVENTS;
    this.#collectUntilMs = isFull ? -Infinity : this.#options.clock.monotonic() + COLLECT_MS;
    this.#messages = this.#sink.plan(this.#waiting.splice(0, PLAN_EVENTS));
  }

  async #attempt(message: readonly FleetEvent[]): Promise<Delivery> {
    try {
      return await this.#sink.deliver(message, this.#abort.signal);
    } catch (cause) {
      return { outcome: "retry", fault: String(cause) };
    }
  }

  /** Acts on what became of a message, and waits where it is to be tried again; false then. */
  async #settle(message: FleetEvent[], delivery: Delivery): Promise<boolean> {
    if (delivery.outcome === "retry" || delivery.outcome === "away") {
      this.#messages.unshift(message);
      await this.#pause(delivery.outcome === "away" ? delivery.afterMs : this.#retryDelay(delivery));
      return false;
    }
    this.#failures = 0;
    if (delivery.outcome === "delivered") {
      this.counts.delivered += message.length;
      this.counts.messages++;
      this.#options.onDone(message);
    } else if (delivery.outcome === "too_large" && message.length > 1) {
      const half = Math.ceil(message.length / 2);
      this.#messages.unshift(message.slice(0, half), message.slice(half));
    } else {
      this.counts.dropped.refused += message.length;
      this.#warn("refused", "events: {sink} refuses {count} events, they are dropped: {fault}", {
        count: message.length,
        fault: delivery.fault,
      });
      this.#options.onDone(message);
    }
    return true;
  }

  #retryDelay({ fault, afterMs }: Delivery & { outcome: "retry" }): number {
    this.#failures++;
    this.counts.retries++;
    if (fault !== undefined && !this.#abort.signal.aborted) {
      this.#warn("retry", "events: {sink} takes no events, {count} wait and it is tried again: {fault}", {
        count: this.queued,
        fault,
      });
    }
    return afterMs ?? retryDelayMs(this.#failures, this.#options.random);
  }

  #dropOldest(count: number): void {
    // Messages that were made already are older than what waits.
    if (this.#messages.length > 0) this.#waiting = [...this.#messages.flat(), ...this.#waiting];
    this.#messages = [];
    const dropped = this.#waiting.splice(0, count);
    this.counts.dropped.overflow += dropped.length;
    this.#warn("overflow", "events: more than {max} events wait for {sink}, the oldest {count} are dropped", {
      max: this.#sink.maxQueued,
      count: dropped.length,
    });
    this.#options.onDone(dropped);
  }

  #warn(kind: string, message: string, properties: Record<string, unknown>): void {
    this.#options.faults.warn(`events.${this.#sink.name}.${kind}`, message, { sink: this.#sink.name, ...properties });
  }

  /** Waits this long, or without a time until events come; not at all once it stops. */
  #pause(ms: number | undefined): Promise<void> {
    if (this.#stopping || (ms !== undefined && ms <= 0)) return Promise.resolve();
    return new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        this.#rest = undefined;
        resolve();
      };
      const timer = ms === undefined ? undefined : setTimeout(end, ms);
      this.#rest = { end, onArrival: ms === undefined };
    });
  }
}
