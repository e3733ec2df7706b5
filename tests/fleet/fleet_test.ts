import assert from "node:assert/strict";
import fc from "fast-check";
import type { Beat } from "../../src/fleet/beat.ts";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { parseAgentQuery } from "../../src/fleet/query.ts";
import { agentRow } from "../../src/fleet/row.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { finished } from "../support/finished.ts";
import { fleetOptions } from "../support/fleet_options.ts";

const TIMEOUT_MS = 60_000;
const RETENTION_MS = 600_000;

/** A fleet without grace, guard and flap damping; liveness_test.ts is about those. */
function newFleet({ max = 1000 } = {}): Fleet {
  return new Fleet(fleetOptions({ timeoutMs: TIMEOUT_MS, retentionMs: RETENTION_MS, max }));
}

function beat(ip: string, parts: Partial<Beat> = {}): Beat {
  return { ip, asset: `CX-${ip}`, version: "1.0", apps: '{"app":"1.0.1"}', ...parts };
}

function told(fleet: Fleet, clock: FakeClock): string[] {
  fleet.advance(clock.now);
  return fleet.takeChanges().events.map(text);
}

function text({ kind, ip, details }: FleetEvent): string {
  return `${kind} ${ip}${details.first === true ? " first" : ""}`;
}

function listed(fleet: Fleet, parameters: Record<string, unknown>, clock: FakeClock): string[] {
  return finished(fleet.list(parseAgentQuery(parameters), clock.now)).map((agent) => agent.ip);
}

Deno.test("Fleet marks an agent offline at its timeout and not before", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  assert.equal(fleet.beat(beat("10.0.0.1"), clock.now), "new");
  assert.deepEqual(told(fleet, clock), ["agentOnline 10.0.0.1 first"]);
  clock.advance(TIMEOUT_MS - 1);
  assert.deepEqual(told(fleet, clock), []);
  assert.deepEqual(fleet.counts(clock.now), { online: 1, suspect: 0, offline: 0 });
  clock.advance(1);
  assert.deepEqual(fleet.counts(clock.now), { online: 0, suspect: 0, offline: 1 });
  assert.deepEqual(told(fleet, clock), ["agentOffline 10.0.0.1"]);
});

Deno.test("Fleet keeps an offline agent with its last-seen and takes it back", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1"), clock.now);
  const seen = clock.wall();
  clock.advance(TIMEOUT_MS + 5_000);
  const agent = fleet.get("10.0.0.1", clock.now);
  assert.equal(agent?.state, "offline");
  assert.equal(agent.lastSeenMs, seen);
  assert.equal(agent.sinceMs, seen + TIMEOUT_MS, "since is when it came due, not when we looked");
  assert.equal(fleet.beat(beat("10.0.0.1"), clock.now), "returned");
  assert.equal(agent.state, "online");
  assert.deepEqual(told(fleet, clock), [
    "agentOnline 10.0.0.1 first",
    "agentOffline 10.0.0.1",
    "agentOnline 10.0.0.1",
  ]);
});

Deno.test("Fleet decides by the monotonic clock, whatever happens to the wall clock", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1"), clock.now);
  clock.step(365 * 86_400_000);
  assert.deepEqual(fleet.counts(clock.now), { online: 1, suspect: 0, offline: 0 });
  clock.step(-2 * 365 * 86_400_000);
  clock.advance(TIMEOUT_MS);
  assert.deepEqual(fleet.counts(clock.now), { online: 0, suspect: 0, offline: 1 });
});

Deno.test("Fleet forgets an agent when its retention has passed and not before", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1"), clock.now);
  clock.advance(TIMEOUT_MS + RETENTION_MS - 1);
  assert.equal(fleet.get("10.0.0.1", clock.now)?.state, "offline");
  clock.advance(1);
  assert.equal(fleet.get("10.0.0.1", clock.now), undefined);
  assert.deepEqual(listed(fleet, { asset: "CX-10.0.0.1", state: "all" }, clock), []);
  assert.equal(fleet.beat(beat("10.0.0.1"), clock.now), "new");
});

Deno.test("Fleet gives a new agent the row that has been offline for the longest time, and never an online one", () => {
  const clock = new FakeClock();
  const fleet = newFleet({ max: 2 });
  fleet.beat(beat("10.0.0.1"), clock.now);
  fleet.beat(beat("10.0.0.2"), clock.now);
  assert.equal(fleet.beat(beat("10.0.0.3"), clock.now), "full");
  assert.equal(fleet.get("10.0.0.3", clock.now), undefined);
  clock.advance(TIMEOUT_MS / 2);
  fleet.beat(beat("10.0.0.2"), clock.now);
  clock.advance(TIMEOUT_MS / 2);
  assert.equal(fleet.beat(beat("10.0.0.3"), clock.now), "new");
  assert.deepEqual(listed(fleet, { state: "all" }, clock), ["10.0.0.2", "10.0.0.3"]);
  assert.equal(fleet.stats.evicted, 1);
});

Deno.test("Fleet lists by address, IPv4 by value before IPv6", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  for (const ip of ["fd00::2", "10.0.0.10", "10.0.0.9", "9.255.255.255", "fd00::10", "255.255.255.255"]) {
    fleet.beat(beat(ip), clock.now);
  }
  const inOrder = ["9.255.255.255", "10.0.0.9", "10.0.0.10", "255.255.255.255", "fd00::10", "fd00::2"];
  assert.deepEqual(listed(fleet, {}, clock), inOrder);
  fleet.beat(beat("10.0.0.0"), clock.now);
  assert.deepEqual(listed(fleet, {}, clock).slice(0, 3), ["9.255.255.255", "10.0.0.0", "10.0.0.9"]);
});

Deno.test("Fleet finds agents by address, by asset and by both", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1", { asset: "CX1" }), clock.now);
  clock.advance(1000);
  fleet.beat(beat("10.0.0.2", { asset: "CX1" }), clock.now);
  const found = (parameters: Record<string, unknown>) =>
    fleet.find(parseAgentQuery(parameters), clock.now).map((agent) => agent.ip);
  assert.deepEqual(found({ ip: " 10.0.0.1 " }), ["10.0.0.1"]);
  assert.deepEqual(found({ ip: "::ffff:10.0.0.1" }), ["10.0.0.1"]);
  assert.deepEqual(found({ asset: "CX1" }), ["10.0.0.2", "10.0.0.1"], "newest beat first");
  assert.deepEqual(found({ id: "CX1", ip: "10.0.0.1" }), ["10.0.0.1"]);
  assert.deepEqual(found({ ip: "10.0.0.1", asset: "CX2" }), []);
  assert.deepEqual(found({ ip: "no address" }), []);
  fleet.beat(beat("10.0.0.1", { asset: "CX2" }), clock.now);
  assert.deepEqual(found({ asset: "CX1" }), ["10.0.0.2"]);
  assert.deepEqual(found({ asset: "CX2" }), ["10.0.0.1"]);
  for (const name of ["__proto__", "constructor", "toString"]) assert.deepEqual(found({ asset: name }), []);
});

Deno.test("Fleet filters by state, app, range and text, and sorts", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1", { asset: "Beta" }), clock.now);
  clock.advance(TIMEOUT_MS);
  fleet.beat(beat("10.0.1.1", { asset: "alpha", apps: '{"nginx":"1"}' }), clock.now);
  clock.advance(10);
  fleet.beat(beat("10.0.1.2", { asset: "Gamma", apps: '{"x":"nginx"}' }), clock.now);
  const ask = (parameters: Record<string, unknown>) => listed(fleet, parameters, clock);
  assert.deepEqual(ask({}), ["10.0.1.1", "10.0.1.2"]);
  assert.deepEqual(ask({ state: "offline" }), ["10.0.0.1"]);
  assert.deepEqual(ask({ state: "all", cidr: "10.0.0.0/24, 10.0.1.2" }), ["10.0.0.1", "10.0.1.2"]);
  assert.deepEqual(ask({ app: "nginx" }), ["10.0.1.1"]);
  assert.deepEqual(ask({ state: "all", q: "ETA" }), ["10.0.0.1"]);
  assert.deepEqual(ask({ q: "0.1.2" }), ["10.0.1.2"]);
  assert.deepEqual(ask({ state: "all", sort: "asset" }), ["10.0.0.1", "10.0.1.2", "10.0.1.1"]);
  assert.deepEqual(ask({ state: "all", sort: "-last_hb_time" }), ["10.0.1.2", "10.0.1.1", "10.0.0.1"]);
});

Deno.test("Fleet sorts a list that is longer than one run", () => {
  const clock = new FakeClock();
  const fleet = newFleet({ max: 10_000 });
  for (let i = 0; i < 7_000; i++) {
    fleet.beat(beat(`10.1.${i >> 8}.${i & 255}`, { asset: `A${(i * 7919) % 7000}`.padStart(6, "0") }), clock.now);
  }
  const assets = finished(fleet.list(parseAgentQuery({ sort: "asset" }), clock.now)).map((agent) => agent.asset);
  assert.equal(assets.length, 7_000);
  assert.deepEqual(assets, [...assets].sort());
});

Deno.test("agentRow has the seed's four fields, ours, and what was wrong with the apps", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  fleet.beat(beat("10.0.0.1", { asset: 'a"<b>', apps: '{ "app" : "1.0.1", "n": 2 }' }), clock.now);
  clock.advance(12_345);
  const agent = fleet.get("10.0.0.1", clock.now);
  assert.ok(agent);
  const row = JSON.parse(agentRow(agent, clock.now));
  const seen = new Date(agent.lastSeenMs);
  const two = (value: number) => String(value).padStart(2, "0");
  assert.deepEqual(row, {
    ip: "10.0.0.1",
    asset: 'a"<b>',
    last_hb_time: `${seen.getFullYear()}-${two(seen.getMonth() + 1)}-${two(seen.getDate())} ${two(seen.getHours())}:${
      two(seen.getMinutes())
    }:${two(seen.getSeconds())}`,
    apps: { app: "1.0.1", n: "2" },
    state: "online",
    since: seen.toISOString(),
    version: "1.0",
    silent_seconds: 12,
    last_hb_ms: agent.lastSeenMs,
  });
  fleet.beat(beat("10.0.0.1", { apps: "[1]" }), clock.now);
  const faulty = JSON.parse(agentRow(agent, clock.now));
  assert.deepEqual(faulty.apps, {});
  assert.equal(faulty.apps_fault, "apps is not a JSON object");
  assert.equal(faulty.apps_raw, "[1]");
});

const ALLOWED_BEFORE = new Map([
  ["agentOnline", ["agentOffline", "agentForgotten"]],
  ["agentOffline", ["agentOnline"]],
  ["agentForgotten", ["agentOffline"]],
]);

interface ModelAgent {
  beatAt: number;
  asset: string;
}

/** What every command of the property test drives: the fleet, and ten lines that say the same without any cleverness. */
class Model {
  readonly clock = new FakeClock();
  readonly fleet = newFleet({ max: 6 });
  readonly known = new Map<string, ModelAgent>();

  stateOf(agent: ModelAgent): "online" | "offline" | "forgotten" {
    const silent = this.clock.monotonic() - agent.beatAt;
    return silent < TIMEOUT_MS ? "online" : silent < TIMEOUT_MS + RETENTION_MS ? "offline" : "forgotten";
  }

  beat(ip: string, asset: string): void {
    for (const [each, agent] of this.known) if (this.stateOf(agent) === "forgotten") this.known.delete(each);
    let expected = "beat";
    const former = this.known.get(ip);
    if (former === undefined) {
      expected = "new";
      if (this.known.size === 6) {
        const [oldest] = [...this.known].filter(([, agent]) => this.stateOf(agent) === "offline")
          .sort(([, a], [, b]) => a.beatAt - b.beatAt);
        if (oldest === undefined) expected = "full";
        else this.known.delete(oldest[0]);
      }
    } else if (this.stateOf(former) === "offline") expected = "returned";
    // Back at the end, so that of those that beat at the same moment the first goes first.
    this.known.delete(ip);
    if (expected !== "full") this.known.set(ip, { beatAt: this.clock.monotonic(), asset });
    assert.equal(this.fleet.beat(beat(ip, { asset }), this.clock.now), expected);
  }

  check(): void {
    const states = (wanted: string) =>
      [...this.known].filter(([, agent]) => this.stateOf(agent) === wanted).map(([ip]) => ip).sort();
    assert.deepEqual(listed(this.fleet, { state: "online" }, this.clock).sort(), states("online"));
    assert.deepEqual(listed(this.fleet, { state: "offline" }, this.clock).sort(), states("offline"));
    const { online, offline } = this.fleet.counts(this.clock.now);
    assert.deepEqual({ online, offline }, { online: states("online").length, offline: states("offline").length });
    for (const asset of ["A", "B"]) {
      const expected = [...this.known].filter(([, agent]) => agent.asset === asset && this.stateOf(agent) === "online");
      assert.deepEqual(listed(this.fleet, { asset }, this.clock).sort(), expected.map(([ip]) => ip).sort());
    }
  }
}

Deno.test("Fleet agrees with a naive model over random beats, silences and clock steps", () => {
  const ip = fc.integer({ min: 1, max: 9 }).map((n) => `10.0.0.${n}`);
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.record({ beat: ip, asset: fc.constantFrom("A", "B", "") }) },
    {
      weight: 4,
      arbitrary: fc.record({ wait: fc.constantFrom(1, TIMEOUT_MS / 3, TIMEOUT_MS - 1, TIMEOUT_MS, RETENTION_MS) }),
    },
    { weight: 1, arbitrary: fc.record({ step: fc.integer({ min: -1e9, max: 1e9 }) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const model = new Model();
      for (const each of steps) {
        if ("beat" in each) model.beat(each.beat, each.asset);
        else if ("wait" in each) model.clock.advance(each.wait);
        else model.clock.step(each.step);
        model.check();
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("Fleet reports every change exactly once and in order", () => {
  const wait = fc.constantFrom(1, TIMEOUT_MS / 2, TIMEOUT_MS, RETENTION_MS);
  const step = fc.oneof(fc.integer({ min: 1, max: 4 }).map((n) => `10.0.0.${n}`), wait);
  fc.assert(fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
    const clock = new FakeClock();
    const fleet = newFleet();
    const last = new Map<string, string>();
    const reported = steps.flatMap((each) => {
      if (typeof each === "number") clock.advance(each);
      else fleet.beat(beat(each), clock.now);
      fleet.advance(clock.now);
      return fleet.takeChanges().events.map(({ kind, ip, details }) => ({ kind, ip, first: details.first === true }));
    });
    for (const { kind, ip, first } of reported) {
      const before = last.get(ip) ?? "agentForgotten";
      const allowed = ALLOWED_BEFORE.get(kind) ?? [];
      assert.ok(allowed.includes(before), `${ip}: ${kind} after ${before}`);
      assert.equal(first, kind === "agentOnline" && before === "agentForgotten");
      last.set(ip, kind);
    }
  }));
});

Deno.test("Fleet leaves out app maps for which there is no room, and takes them again when there is", () => {
  const clock = new FakeClock();
  const fleet = new Fleet(fleetOptions({ timeoutMs: TIMEOUT_MS, retentionMs: RETENTION_MS, maxAppsLength: 500 }));
  const apps = (number: number) => `{"app":"${"x".repeat(100)}${number}"}`;
  const shown = (ip: string) => fleet.get(ip, clock.now)?.appsJson;
  for (let round = 0; round < 3; round++) {
    for (let number = 1; number <= 5; number++) fleet.beat(beat(`10.0.0.${number}`, { apps: apps(number) }), clock.now);
  }
  // Room is asked for twice the length, for the map as it came and as it is shown.
  assert.deepEqual([1, 2, 3, 4, 5].map((number) => shown(`10.0.0.${number}`)), [1, 2, 3].map(apps).concat("{}", "{}"));
  assert.match(fleet.get("10.0.0.5", clock.now)?.appsFault ?? "", /too large/);
  fleet.forget("10.0.0.1", clock.now);
  fleet.beat(beat("10.0.0.2", { apps: "{}" }), clock.now);
  fleet.beat(beat("10.0.0.5", { apps: apps(5) }), clock.now);
  assert.equal(shown("10.0.0.5"), apps(5));
  assert.equal(fleet.get("10.0.0.5", clock.now)?.appsFault, undefined);
});

Deno.test("Fleet counts the rows that a query names", () => {
  const clock = new FakeClock();
  const fleet = newFleet();
  for (const number of [1, 2, 3]) {
    fleet.beat(beat(`10.0.0.${number}`, { asset: number < 3 ? "two" : "one" }), clock.now);
  }
  const counts = [{ asset: "two" }, { asset: "one" }, { asset: "none" }, { ip: "10.0.0.1" }, { ip: "10.0.0.9" }, {}]
    .map((parameters) => fleet.countNamed(parseAgentQuery(parameters)));
  assert.deepEqual(counts, [2, 1, 0, 1, 0, 0]);
});
