import type { EventKind, FleetEvent } from "../fleet/events.ts";

/**
 * Shares events out among messages of one kind each, as few as can be while the events of every agent keep their order:
 * an event joins the newest message of its kind unless that is full or a later message has an event of the same agent.
 * Events about the fleet as a whole keep their order among themselves.
 *
 * @param maxRows the most events in one message
 */
export function groupByKind(events: readonly FleetEvent[], maxRows: number): FleetEvent[][] {
  const messages: FleetEvent[][] = [];
  /** Where the newest message of each kind is, and the last one that has an event of each agent. */
  const newest = new Map<EventKind, number>();
  const last = new Map<string, number>();
  for (const event of events) {
    let index = newest.get(event.kind);
    let message = index === undefined ? undefined : messages[index];
    if (
      index === undefined || message === undefined || message.length >= maxRows || (last.get(event.ip) ?? 0) > index
    ) {
      index = messages.length;
      message = [];
      messages.push(message);
      newest.set(event.kind, index);
    }
    message.push(event);
    last.set(event.ip, index);
  }
  return messages;
}

/** Shares events out among messages of any kinds, in their order. */
export function groupInOrder(events: readonly FleetEvent[], maxRows: number): FleetEvent[][] {
  const messages: FleetEvent[][] = [];
  for (let first = 0; first < events.length; first += maxRows) messages.push(events.slice(first, first + maxRows));
  return messages;
}
