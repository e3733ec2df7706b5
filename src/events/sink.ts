import type { FleetEvent } from "../fleet/events.ts";

/** Where events are told: on RabbitMQ, and to a webhook. */
export type SinkName = "mq" | "webhook";

/** The most events that one message tells. */
export const MAX_ROWS = 500;

/** What became of a message. */
export type Delivery =
  /** The other side has it for good. */
  | { readonly outcome: "delivered" }
  /** It is to be told in smaller messages; one event alone is dropped. */
  | { readonly outcome: "too_large"; readonly fault: string }
  /** The other side will never take it; it is dropped. */
  | { readonly outcome: "refused"; readonly fault: string }
  /** It is tried again: after this long, or else with the usual back-off. Without a fault nothing is logged. */
  | { readonly outcome: "retry"; readonly fault?: string; readonly afterMs?: number }
  /** It was not tried, because the other side is not there; it will be after this long. */
  | { readonly outcome: "away"; readonly afterMs: number };

/** One place where events are told. */
export interface EventSink {
  readonly name: SinkName;
  /** How many events may wait; beyond it the oldest are dropped. */
  readonly maxQueued: number;
  /** Shares events out among messages, which are then delivered one after the other in this order. */
  plan(events: readonly FleetEvent[]): FleetEvent[][];
  /**
   * Delivers one message. Does not throw.
   * @param signal aborted when nobody waits for the outcome any more
   */
  deliver(events: readonly FleetEvent[], signal: AbortSignal): Promise<Delivery>;
}
