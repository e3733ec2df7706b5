import assert from "node:assert/strict";
import type { Instant } from "../../src/fleet/agent.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { parseAgentQuery } from "../../src/fleet/query.ts";
import { RestoredAgents, type StoredAgent } from "../../src/fleet/stored.ts";
import { Store } from "../../src/store/store.ts";
import { systemClock } from "../../src/clock.ts";
import { fleetOptions } from "../support/fleet_options.ts";
import { agent, batch, Place } from "./harness.ts";

const NOW: Instant = { monotonic: 10_000_000, wall: 1_767_323_100_000 };
/** Several pages. */
const AGENTS = 7_000;

/** Agents in no order of time: every seventh is offline, every eleventh that is not has not been told of. */
function mixed(number: number): StoredAgent {
  const online = number % 7 !== 0;
  return agent(number, {
    asset: `asset ${number % 3_500}`,
    version: `1.${number % 5}`,
    apps: number % 3 === 0 ? `{"a": "${number % 900}"}` : `{"a":"${number}"}`,
    online,
    lastSeenMs: NOW.wall - 1_000 - number * 7919 % 40_000,
    sinceMs: NOW.wall - 50_000 - number * 104_729 % 90_001,
    ...(online && number % 11 === 0 ? { untold: true } : {}),
  });
}

Deno.test("Fleet.restore takes over from several pages: rows, assets, states, and both orders of time", async () => {
  await using place = new Place();
  const rows = Array.from({ length: AGENTS }, (_, number) => mixed(number));
  const { store: before } = await place.open();
  await before.write(batch({ agents: rows }));
  await before.close();
  const fleet = new Fleet(fleetOptions());
  const { store, memory } = await Store.openTaking({
    ...{ dir: place.dir, log: place.log.logger, clock: systemClock, instance: crypto.randomUUID() },
  }, () => {
    const restored = new RestoredAgents();
    return { agents: restored, take: (row, { installed }) => restored.take(row, { installed, now: NOW }) };
  });
  await store.close();
  fleet.restore(memory, NOW);
  // Now they are told of.
  assert.deepEqual(
    fleet.takeChanges().events.map(({ kind, ip }) => `${kind} ${ip}`).sort(),
    rows.filter((row) => row.untold).map(({ ip }) => `agentOnline ${ip}`).sort(),
  );
  for (const row of rows) {
    const found = fleet.get(row.ip, NOW);
    assert.ok(found !== undefined);
    assert.deepEqual(fleet.stored(found), { ...row, untold: false });
    assert.equal(found.appsJson, JSON.stringify(JSON.parse(row.apps)));
  }
  assert.equal(fleet.find(parseAgentQuery({ asset: "asset 17" }), NOW).length, 2);
  const online = rows.filter((row) => row.online);
  assert.deepEqual(fleet.counts(NOW), { online: online.length, suspect: 0, offline: AGENTS - online.length });
  const offline = fleet.offlineFor(0, NOW).map(({ sinceMs }) => sinceMs);
  assert.deepEqual(offline, rows.filter((row) => !row.online).map(({ sinceMs }) => sinceMs).sort((a, b) => a - b));
  assert.deepEqual(wentOffline(fleet), online.map(({ lastSeenMs }) => lastSeenMs).sort((a, b) => a - b));
});

/** The last beats of those that were online, in the order in which they go offline. */
function wentOffline(fleet: Fleet): number[] {
  const beats: number[] = [];
  for (let ms = 0; ms <= 65_000; ms += 500) {
    const now = { monotonic: NOW.monotonic + ms, wall: NOW.wall + ms };
    fleet.advance(now);
    const gone = fleet.takeChanges().events.filter(({ kind }) => kind === "agentOffline");
    for (const { lastSeenMs } of gone) beats.push(lastSeenMs ?? 0);
  }
  return beats;
}
