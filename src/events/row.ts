import type { FleetEvent } from "../fleet/events.ts";
import { localTime } from "../fleet/row.ts";

/**
 * An event as readers see it: `id` (the same at every repetition); `ip` and `asset` where it is about an agent; `at`,
 * when it happened, and `since`, when the state before had begun (RFC 3339, UTC); `at_ms`, the same as `at` in ms since
 * the epoch; `last_hb_time` and `last_hb_ms`, the agent's last beat before it, in the server's local time and in ms
 * since the epoch; `away_seconds` since that beat; then what only this kind has to tell. What is not known is left out.
 */
export function eventRow(event: FleetEvent): Record<string, unknown> {
  const { id, ip, asset, atMs, sinceMs, lastSeenMs, awaySeconds, details } = event;
  return {
    id,
    ...(ip === "" ? {} : { ip, asset }),
    at: new Date(atMs).toISOString(),
    at_ms: atMs,
    ...(sinceMs === undefined ? {} : { since: new Date(sinceMs).toISOString() }),
    ...(lastSeenMs === undefined ? {} : { last_hb_time: localTime(lastSeenMs), last_hb_ms: lastSeenMs }),
    ...(awaySeconds === undefined ? {} : { away_seconds: awaySeconds }),
    ...details,
  };
}
