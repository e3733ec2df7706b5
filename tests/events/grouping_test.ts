import assert from "node:assert/strict";
import fc from "fast-check";
import { groupByKind, groupInOrder } from "../../src/events/grouping.ts";
import { EVENT_KINDS, type FleetEvent } from "../../src/fleet/events.ts";
import { agentEventOf, eventsOf, idsOf } from "./events.ts";

/** Few agents and kinds, so that they meet often; the empty address stands for events about the fleet. */
const anyEvents = fc.array(
  fc.record({ kind: fc.constantFrom(...EVENT_KINDS.slice(0, 4)), ip: fc.constantFrom("", "10.0.0.1", "10.0.0.2") }),
  { maxLength: 60 },
).map((seeds) => seeds.map(({ kind, ip }, i) => agentEventOf(i, kind, ip)));

function idsByAgent(events: readonly FleetEvent[]): Record<string, string[]> {
  const ids: Record<string, string[]> = {};
  for (const { ip, id } of events) (ids[ip] ??= []).push(id);
  return ids;
}

Deno.test("groupByKind keeps every agent's order, with one kind and at most so many events in a message", () => {
  fc.assert(fc.property(anyEvents, fc.integer({ min: 1, max: 5 }), (events, maxRows) => {
    const messages = groupByKind(events, maxRows);
    assert.deepEqual(idsByAgent(messages.flat()), idsByAgent(events));
    for (const message of messages) {
      assert.ok(message.length >= 1 && message.length <= maxRows);
      assert.equal(new Set(message.map(({ kind }) => kind)).size, 1);
    }
  }));
});

Deno.test("groupByKind begins a message only where the newest of its kind cannot take the event", () => {
  fc.assert(fc.property(anyEvents, fc.integer({ min: 1, max: 5 }), (events, maxRows) => {
    const messages = groupByKind(events, maxRows);
    const indexOf = (event: FleetEvent) => messages.findIndex((message) => message.includes(event));
    for (const [index, [first]] of messages.entries()) {
      assert.ok(first !== undefined);
      const before = events.slice(0, events.indexOf(first));
      const newest = messages.findLastIndex(([other], i) => i < index && other?.kind === first.kind);
      if (newest === -1) continue;
      const isFull = before.filter((event) => indexOf(event) === newest).length === maxRows;
      const isOvertaken = before.some((event) => event.ip === first.ip && indexOf(event) > newest);
      assert.ok(isFull || isOvertaken);
    }
  }));
});

Deno.test("groupByKind makes one message of each kind where no agent has two events", () => {
  const events = Array.from({ length: 300 }, (_, i) => {
    return agentEventOf(i, i % 2 === 0 ? "agentOnline" : "agentOffline", `10.1.${i >> 8}.${i & 255}`);
  });
  assert.deepEqual(groupByKind(events, 500).map((message) => [message[0]?.kind, message.length]), [
    ["agentOnline", 150],
    ["agentOffline", 150],
  ]);
});

Deno.test("groupByKind keeps an agent that goes, comes and goes apart", () => {
  const [off, on, again] = [
    agentEventOf(1, "agentOffline", "10.0.0.1"),
    agentEventOf(2, "agentOnline", "10.0.0.1"),
    agentEventOf(3, "agentOffline", "10.0.0.1"),
  ];
  const other = agentEventOf(4, "agentOffline", "10.0.0.2");
  assert.deepEqual(groupByKind([off, on, again, other], 500), [[off], [on], [again, other]]);
});

Deno.test("groupInOrder cuts the events into messages without changing their order", () => {
  const events = eventsOf(1001);
  const messages = groupInOrder(events, 500);
  assert.deepEqual(messages.map(({ length }) => length), [500, 500, 1]);
  assert.deepEqual(idsOf(messages.flat()), idsOf(events));
  assert.deepEqual(groupInOrder([], 500), []);
});
