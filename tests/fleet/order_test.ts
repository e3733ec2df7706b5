import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey, compareKeys } from "../../src/fleet/address.ts";
import { Agent } from "../../src/fleet/agent.ts";
import { addressOrder, countUpTo, SORT_KEYS, sorted, sortedPart } from "../../src/fleet/order.ts";
import { finished } from "../support/finished.ts";

function agent(ip: string, { asset = "", seen = 0 } = {}): Agent {
  const made = new Agent(addressKey(ip));
  made.asset = asset;
  made.version = asset;
  made.lastSeenMs = made.lastBeatMs = made.sinceMs = seen;
  if (seen % 2 === 1) made.state = "offline";
  return made;
}

/** Few different values, so that many are equal. */
const fleets = fc.array(
  fc.record({
    ip: fc.oneof(fc.ipV4(), fc.integer({ min: 1, max: 9_999 }).map((n) => `fd00::${n}`)),
    asset: fc.constantFrom("a", "b", "c"),
    seen: fc.integer({ min: 0, max: 5 }),
  }),
  { maxLength: 60 },
).map((rows) => {
  const byIp = new Map(rows.map(({ ip, ...rest }) => [ip, agent(ip, rest)]));
  return addressOrder([...byIp.values()]);
});

Deno.test("addressOrder puts IPv4 by value before IPv6 by text", () => {
  const ips = ["9.0.0.1", "10.0.0.9", "10.0.0.10", "255.255.255.255", "fd00::1", "fd00::10", "fd00::2"];
  assert.deepEqual(addressOrder(ips.toReversed().map((ip) => agent(ip))).map(({ ip }) => ip), ips);
});

Deno.test("countUpTo counts what stands before or at an address, whether an agent has it or not", () => {
  fc.assert(fc.property(fleets, fc.ipV4(), (agents, ip) => {
    for (const { key } of [agent(ip), ...agents.slice(0, 3)]) {
      assert.equal(countUpTo(agents, key), agents.filter((each) => compareKeys(each.key, key) <= 0).length);
    }
  }));
});

Deno.test("sortedPart gives the same rows as sorting all, wherever the part is", () => {
  const sorts = fc.record({ key: fc.constantFrom(...SORT_KEYS), descending: fc.boolean() });
  fc.assert(fc.property(fleets, sorts, fc.nat(70), fc.integer({ min: 1, max: 20 }), (agents, sort, first, count) => {
    const part = finished(sortedPart(agents, sort, { first, count }));
    assert.deepEqual(part, finished(sorted(agents, sort)).slice(first, first + count));
  }));
});

Deno.test("sortedPart gives every row once over all pages of a fleet too large for one piece", () => {
  const agents = addressOrder(
    Array.from({ length: 7_000 }, (_, n) => agent(`10.0.${n >> 8}.${n & 255}`, { seen: n * 7_919 % 1_000 })),
  );
  for (const descending of [false, true]) {
    const all: Agent[] = [];
    for (let first = 0; first < agents.length; first += 500) {
      all.push(...finished(sortedPart(agents, { key: "since", descending }, { first, count: 500 })));
    }
    assert.deepEqual(all, finished(sorted(agents, { key: "since", descending })));
    const expected = agents.toSorted((a, b) =>
      (descending ? b.sinceMs - a.sinceMs : a.sinceMs - b.sinceMs) || compareKeys(a.key, b.key)
    );
    assert.deepEqual(all.map(({ ip }) => ip), expected.map(({ ip }) => ip));
  }
});
