import { EVENT_KINDS, type EventKind, type FleetEvent } from "../fleet/events.ts";

/** How often each kind of event happened. */
export class EventCounts {
  readonly counts = Object.fromEntries(EVENT_KINDS.map((kind) => [kind, 0])) as Record<EventKind, number>;

  /** Counts events. */
  add(events: readonly FleetEvent[]): void {
    for (const { kind } of events) this.counts[kind]++;
  }
}
