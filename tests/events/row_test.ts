import assert from "node:assert/strict";
import { eventRow } from "../../src/events/row.ts";
import { serviceEvent } from "../../src/fleet/events.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { agentEventOf } from "./events.ts";

Deno.test("eventRow tells times for people and for programs", () => {
  const event = { ...agentEventOf(1), details: { reason: "hand" } };
  const beat = new Date(event.lastSeenMs ?? 0);
  const two = (value: number) => String(value).padStart(2, "0");
  assert.deepEqual(eventRow(event), {
    id: event.id,
    ip: "10.0.0.1",
    asset: "CX-10.0.0.1",
    at: "2026-01-02T03:04:05.001Z",
    at_ms: event.atMs,
    since: "2026-01-02T03:03:05.000Z",
    last_hb_time: `${beat.getFullYear()}-${two(beat.getMonth() + 1)}-${two(beat.getDate())} ` +
      `${two(beat.getHours())}:${two(beat.getMinutes())}:${two(beat.getSeconds())}`,
    last_hb_ms: event.lastSeenMs,
    away_seconds: 30,
    reason: "hand",
  });
});

Deno.test("eventRow leaves out what is not known", () => {
  const first = {
    ...agentEventOf(1, "agentOnline"),
    sinceMs: undefined,
    awaySeconds: undefined,
    details: { first: true },
  };
  assert.deepEqual(Object.keys(eventRow(first)), [
    ...["id", "ip", "asset", "at", "at_ms", "last_hb_time", "last_hb_ms", "first"],
  ]);
  const guard = serviceEvent("guardOn", new FakeClock().now, { held: 3 });
  assert.deepEqual(eventRow(guard), { id: guard.id, at: "2026-01-02T03:04:05.000Z", at_ms: guard.atMs, held: 3 });
});
