import type { Clock } from "../clock.ts";
import type { FleetEvent } from "../fleet/events.ts";
import { FaultLog, type Logger } from "../log.ts";
import { Outbox, type OutboxCounts } from "./outbox.ts";
import type { EventSink, SinkName } from "./sink.ts";

/** What the dispatcher needs. */
export interface DispatcherOptions {
  /** Where events are told; without any, events are done with as soon as they come. */
  readonly sinks: readonly EventSink[];
  readonly log: Logger;
  readonly clock: Clock;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
  /**
   * These events need not be kept for telling any more: every sink has delivered or dropped them. An event that was
   * dropped is not told later either, because then it would come after what the same agent did next.
   */
  readonly onSent: (events: readonly FleetEvent[]) => void;
}

/** How one sink stands. */
export interface SinkStats extends Readonly<OutboxCounts> {
  /** How many events wait, those under way included. */
  readonly queued: number;
  /** When the oldest of them happened, ms since the epoch; undefined when none waits. */
  readonly oldestAtMs: number | undefined;
}

/**
 * Tells every sink what happened, at least once and in order for each agent. The sinks do not wait for each other, and
 * nothing waits for them.
 */
export class EventDispatcher {
  readonly #outboxes = new Map<SinkName, Outbox>();
  readonly #onSent: (events: readonly FleetEvent[]) => void;
  /** How many sinks still have to do with an event. */
  readonly #unsettled = new Map<FleetEvent, number>();

  constructor({ sinks, log, clock, random, onSent }: DispatcherOptions) {
    this.#onSent = onSent;
    const faults = new FaultLog(log, () => clock.monotonic());
    for (const sink of sinks) {
      const onDone = (events: readonly FleetEvent[]) => this.#done(events);
      this.#outboxes.set(sink.name, new Outbox(sink, { clock, faults, random, onDone }));
    }
  }

  /** How each sink stands; sinks that are not used are not there. */
  get stats(): Readonly<Partial<Record<SinkName, SinkStats>>> {
    return Object.fromEntries(
      [...this.#outboxes].map(([name, outbox]) => [name, {
        ...outbox.counts,
        queued: outbox.queued,
        oldestAtMs: outbox.oldestAtMs,
      }]),
    );
  }

  /** Takes events in the order in which they happened; also before the start. Does not wait for anything. */
  enqueue(events: readonly FleetEvent[]): void {
    if (events.length === 0) return;
    if (this.#outboxes.size === 0) return this.#onSent(events);
    for (const event of events) this.#unsettled.set(event, this.#outboxes.size);
    for (const outbox of this.#outboxes.values()) outbox.enqueue(events);
  }

  /** Begins to tell. */
  start(): void {
    for (const outbox of this.#outboxes.values()) outbox.start();
  }

  /** Tells what can be told within a second and ends; `onSent` is not called after that. */
  async stop(): Promise<void> {
    await Promise.all([...this.#outboxes.values()].map((outbox) => outbox.stop()));
  }

  #done(events: readonly FleetEvent[]): void {
    const settled: FleetEvent[] = [];
    for (const event of events) {
      const left = (this.#unsettled.get(event) ?? 1) - 1;
      if (left > 0) this.#unsettled.set(event, left);
      else {
        this.#unsettled.delete(event);
        settled.push(event);
      }
    }
    if (settled.length > 0) this.#onSent(settled);
  }
}
