import assert from "node:assert/strict";
import { PendingEvents } from "../../src/cluster/pending_events.ts";
import type { EventKind, FleetEvent } from "../../src/fleet/events.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Pending events on a clock of their own, with what they told and dropped. */
class Scene {
  readonly clock = new FakeClock();
  readonly told: string[] = [];
  readonly dropped: string[] = [];
  readonly present = new Set<string>();
  readonly pending = new PendingEvents({
    tell: (events) => this.told.push(...events.map(({ id }) => id)),
    drop: (ids) => this.dropped.push(...ids),
    now: () => this.clock.monotonic(),
    isPresent: (run) => this.present.has(run),
  });

  /** Leads, or does not, for that long. */
  pass(ms: number, leads: boolean, isSettled = true): void {
    this.pending.advance({ leads, isSettled });
    this.clock.advance(ms);
    this.pending.advance({ leads, isSettled });
  }
}

interface Times {
  readonly stampMs: number;
  readonly atMs?: number;
  readonly sinceMs?: number;
  readonly learnt?: boolean;
}

function event(kind: EventKind, ip: string, { stampMs, atMs = stampMs, sinceMs, learnt }: Times): FleetEvent {
  return {
    ...{ id: `${kind}:${ip}:${stampMs}`, kind, ip, asset: "", atMs, sinceMs, lastSeenMs: stampMs, awaySeconds: 0 },
    details: {},
    ...(learnt === undefined ? {} : { learnt }),
  };
}

Deno.test("PendingEvents tells nothing until it has led for two seconds, then everything in order", () => {
  const scene = new Scene();
  scene.pending.take([event("agentOffline", "10.0.0.1", { stampMs: 1_000 })]);
  scene.pass(9_999, false);
  scene.pending.take([event("agentOnline", "10.0.0.1", { stampMs: 2_000, sinceMs: 1_500 })]);
  scene.pass(1_999, true);
  assert.deepEqual(scene.told, []);
  scene.pass(1, true);
  assert.deepEqual(scene.told, ["agentOffline:10.0.0.1:1000", "agentOnline:10.0.0.1:2000"]);
  scene.pending.take([event("agentOffline", "10.0.0.2", { stampMs: 3_000 })]);
  assert.equal(scene.told.length, 3);
  assert.equal(scene.pending.size, 0);
});

Deno.test("PendingEvents drops what another instance told, whichever of the two comes first", () => {
  const scene = new Scene();
  const known = event("agentOffline", "10.0.0.1", { stampMs: 1_000, atMs: 11_000, sinceMs: 500 });
  scene.pending.take([known]);
  scene.pending.told([{ id: known.id, atMs: 11_001 }]);
  assert.deepEqual(scene.dropped, [known.id]);
  scene.pending.told([{ id: "agentOffline:fd00::2:7000", atMs: 17_000 }]);
  scene.pending.take([event("agentOffline", "fd00::2", { stampMs: 7_000, atMs: 17_001, sinceMs: 600 })]);
  assert.equal(scene.dropped.length, 2);
  assert.equal(scene.pending.size, 0);
});

Deno.test("PendingEvents takes another stamp for the same change only when no other change lies between", () => {
  const scene = new Scene();
  // Two beats brought the agent back within one flush, one at each of two instances.
  scene.pending.take([event("agentOnline", "10.0.0.1", { stampMs: 20_150, sinceMs: 11_000 })]);
  scene.pending.told([{ id: "agentOnline:10.0.0.1:20000", atMs: 20_000 }]);
  assert.equal(scene.dropped.length, 1);
  // It went and came again since.
  scene.pending.take([event("agentOnline", "10.0.0.1", { stampMs: 40_000, sinceMs: 30_000 })]);
  assert.equal(scene.dropped.length, 1);
  assert.equal(scene.pending.size, 1);
  scene.pending.told([{ id: "agentOnline:10.0.0.2:40000", atMs: 40_000 }]);
  assert.equal(scene.pending.size, 1);
});

Deno.test("PendingEvents takes one guardOn for another's within a minute", () => {
  const scene = new Scene();
  scene.pending.take([event("guardOn", "", { stampMs: 100_000 })]);
  scene.pending.told([{ id: "guardOn::100900", atMs: 100_900 }]);
  scene.pending.take([event("guardOff", "", { stampMs: 101_000 }), event("guardOn", "", { stampMs: 161_000 })]);
  assert.deepEqual(scene.dropped, ["guardOn::100000"]);
  assert.equal(scene.pending.size, 2);
});

Deno.test("PendingEvents leaves what it learnt from others to them, if they were there all the time", () => {
  const scene = new Scene();
  const learnt = event("agentOffline", "10.0.0.1", { stampMs: 1_000, learnt: true });
  scene.pending.take([learnt]);
  scene.pending.settled(true);
  scene.pending.take([event("agentOffline", "10.0.0.2", { stampMs: 1_000, learnt: true })]);
  assert.equal(scene.dropped.length, 2);
  scene.pending.take([event("agentOffline", "10.0.0.3", { stampMs: 1_000 })]);
  assert.equal(scene.pending.size, 1);
  // From now on it reads what others told while it had lost touch.
  scene.pending.lostTouch();
  scene.pending.take([event("agentOffline", "10.0.0.4", { stampMs: 1_000, learnt: true })]);
  scene.pass(2_000, true);
  assert.equal(scene.told.length, 2);
});

Deno.test("PendingEvents tells after ten seconds what the leader does not know of, and nothing while it is not settled", () => {
  const scene = new Scene();
  scene.pending.take([event("agentOffline", "10.0.0.1", { stampMs: 1_000 })]);
  scene.pass(9_999, false);
  scene.pass(60_000, true, false);
  assert.deepEqual(scene.told, []);
  scene.pass(0, false);
  assert.deepEqual(scene.told, ["agentOffline:10.0.0.1:1000"]);
});

Deno.test("PendingEvents leaves alone what another run is about to tell, as long as that is there", () => {
  const scene = new Scene();
  const claimed = event("agentOffline", "10.0.0.1", { stampMs: 1_000 });
  scene.present.add("other");
  scene.pending.take([claimed]);
  scene.pending.claimed([claimed], "other");
  scene.pass(20_000, false);
  scene.pass(20_000, true);
  assert.deepEqual(scene.told, []);
  scene.present.clear();
  scene.pass(0, true);
  assert.deepEqual(scene.told, [claimed.id]);
});

Deno.test("PendingEvents keeps the newest 100,000", () => {
  const scene = new Scene();
  const many = (first: number) =>
    Array.from({ length: 60_000 }, (_, i) => event("agentOffline", "10.0.0.1", { stampMs: first + i }));
  scene.pending.take(many(0));
  scene.pending.take(many(60_000));
  assert.equal(scene.pending.size, 100_000);
  assert.equal(scene.dropped.length, 20_000);
  assert.equal(scene.dropped[0], "agentOffline:10.0.0.1:0");
});
