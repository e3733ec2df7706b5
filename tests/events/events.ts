import type { EventKind, FleetEvent } from "../../src/fleet/events.ts";

const START_MS = Date.UTC(2026, 0, 2, 3, 4, 5);

/** An event of an agent; the number makes its id and time. */
export function agentEventOf(number: number, kind: EventKind = "agentOffline", ip = `10.0.0.${number}`): FleetEvent {
  return {
    id: `${kind}:${ip}:${START_MS + number}`,
    kind,
    ip,
    asset: `CX-${ip}`,
    atMs: START_MS + number,
    sinceMs: START_MS - 60_000,
    lastSeenMs: START_MS - 30_000,
    awaySeconds: 30,
    details: {},
  };
}

/** Agents 0 to `count - 1` going offline. */
export function eventsOf(count: number, first = 0): FleetEvent[] {
  return Array.from({ length: count }, (_, i) => {
    const number = first + i;
    return agentEventOf(number, "agentOffline", `10.${number >> 16}.${(number >> 8) & 255}.${number & 255}`);
  });
}

/** Their ids. */
export function idsOf(events: readonly FleetEvent[]): string[] {
  return events.map(({ id }) => id);
}
