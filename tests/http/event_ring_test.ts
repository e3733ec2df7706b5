import assert from "node:assert/strict";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { EventRing, RING_EVENTS } from "../../src/http/event_ring.ts";

function events(from: number, count: number): FleetEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `agentOffline:10.0.0.1:${from + i}`,
    kind: "agentOffline",
    ip: "10.0.0.1",
    asset: "a\nid: forged\n\n",
    atMs: from + i,
    sinceMs: undefined,
    lastSeenMs: undefined,
    awaySeconds: undefined,
    details: {},
  }));
}

function id(number: number): string {
  return `agentOffline:10.0.0.1:${number}`;
}

/** What a reader at a place still gets. */
function* read(ring: EventRing, place: number): Generator<string> {
  for (; place < ring.end; place++) {
    const text = ring.textAt(place);
    assert.ok(text !== undefined);
    const [first = "", ...rest] = text.split("\n");
    // Whatever agents are called, a message has these lines and no others.
    assert.deepEqual(rest.map((line) => line.split(":", 1)[0]), ["event", "data", "", ""]);
    yield first.slice("id: ".length);
  }
}

Deno.test("EventRing gives what came behind an event, and nothing behind the newest", () => {
  const ring = new EventRing();
  ring.restore([], true);
  assert.equal(ring.newestId, "0");
  ring.push(events(1, 3));
  assert.deepEqual([...read(ring, ring.placeBehind(id(1)) ?? NaN)], [id(2), id(3)]);
  assert.deepEqual([...read(ring, ring.placeBehind(ring.newestId) ?? NaN)], []);
  assert.deepEqual([...read(ring, ring.placeBehind("0") ?? NaN)], [id(1), id(2), id(3)]);
  assert.equal(ring.placeBehind(id(4)), undefined);
  assert.equal(ring.placeBehind(""), undefined);
});

Deno.test("EventRing keeps the last thousand, one by one or all at once", () => {
  for (const batch of [1, 7, 999, 1_000, 1_001, 2_500]) {
    const ring = new EventRing();
    ring.restore([], true);
    const total = 2_500;
    for (let from = 0; from < total; from += batch) ring.push(events(from, Math.min(batch, total - from)));
    const oldest = total - RING_EVENTS;
    assert.equal(ring.end, total, `batches of ${batch}`);
    assert.equal(ring.placeBehind("0"), undefined);
    assert.equal(ring.placeBehind(id(oldest - 1)), undefined);
    assert.equal(ring.placeBehind(id(oldest)), oldest + 1);
    assert.equal(ring.textAt(oldest - 1), undefined);
    assert.equal([...read(ring, oldest)].length, RING_EVENTS);
  }
});

Deno.test("EventRing puts what was remembered before what has happened since, each once", () => {
  const ring = new EventRing();
  ring.push(events(3, 3));
  ring.restore(events(1, 3), true);
  assert.deepEqual([...read(ring, ring.placeBehind("0") ?? NaN)], [1, 2, 3, 4, 5].map(id));
});

Deno.test("EventRing does not claim to know the beginning when it does not", () => {
  const unread = new EventRing();
  unread.push(events(1, 2));
  assert.equal(unread.placeBehind("0"), undefined);
  const full = new EventRing();
  full.restore(events(1, 1_000), false);
  assert.equal(full.placeBehind("0"), undefined);
  assert.notEqual(full.placeBehind(id(1)), undefined);
});
