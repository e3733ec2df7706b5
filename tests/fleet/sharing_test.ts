import assert from "node:assert/strict";
import type { BeatOutcome } from "../../src/fleet/fleet.ts";
import { address, Scene } from "./scene.ts";
import { RestoredAgents } from "../../src/fleet/stored.ts";

/** A beat of the n-th agent that came to another instance some time ago. */
function remote(scene: Scene, n: number, { agoMs = 0, asset = "CX", clockMs = 0 } = {}): BeatOutcome | "old" {
  const { now } = scene.clock;
  const beat = { ip: address(n), asset, version: "1.0", apps: "{}", peer: undefined };
  const stampMs = now.wall - agoMs + clockMs;
  return scene.fleet.sharing.remoteBeat({ ...beat, stampMs }, now.monotonic - agoMs, now);
}

const OPTIONS = { graceMs: 0, guardMinAgents: 1_000_000 };

Deno.test("Fleet takes a beat from another instance for life, from when it came there", () => {
  const scene = new Scene(OPTIONS);
  assert.equal(remote(scene, 1, { agoMs: 10_000 }), "new");
  scene.pass(49_999);
  assert.equal(scene.state(1), "online");
  scene.pass(1);
  assert.equal(scene.state(1), "offline");
  assert.equal(remote(scene, 1, { agoMs: 500 }), "returned");
});

Deno.test("Fleet keeps the newest beat, whatever the order in which they become known", () => {
  const scene = new Scene(OPTIONS);
  scene.beat({ ip: address(1), asset: "here" });
  assert.equal(remote(scene, 1, { agoMs: 5_000, asset: "before" }), "old");
  assert.equal(scene.fleet.get(address(1), scene.clock.now)?.asset, "here");
  scene.pass(10_000);
  assert.equal(remote(scene, 1, { agoMs: 2_000, asset: "there" }), "beat");
  // The clock of that instance is an hour slow.
  assert.equal(remote(scene, 1, { agoMs: 1_000, asset: "slow", clockMs: -3_600_000 }), "beat");
  assert.equal(remote(scene, 1, { agoMs: 1_000, asset: "slow", clockMs: -3_600_000 }), "old");
  assert.equal(scene.fleet.get(address(1), scene.clock.now)?.asset, "slow");
});

Deno.test("Fleet calls agents offline in the order of their last beats, however they came", () => {
  const scene = new Scene(OPTIONS);
  for (const [n, agoMs] of [[1, 0], [2, 20_000], [3, 50_000], [4, 10_000]] as const) remote(scene, n, { agoMs });
  const gone: number[] = [];
  for (let second = 1; second <= 60; second++) {
    scene.pass(1_000);
    for (const n of [1, 2, 3, 4]) if (scene.state(n) === "offline" && !gone.includes(n)) gone.push(n);
    assert.equal(gone.length, second < 10 ? 0 : second < 40 ? 1 : second < 50 ? 2 : second < 60 ? 3 : 4, `${second}`);
  }
  assert.deepEqual(gone, [3, 2, 4, 1]);
});

Deno.test("Fleet sorts what came in no order before anybody is late by more than a second", () => {
  const scene = new Scene(OPTIONS);
  const count = 3_000;
  for (let n = 0; n < count; n++) remote(scene, n, { agoMs: (n * 7_919) % 50_000 });
  for (let passedMs = 1_000; passedMs <= 60_000; passedMs += 1_000) {
    scene.pass(1_000);
    for (let n = 0; n < count; n += 97) {
      const silentMs = passedMs + (n * 7_919) % 50_000;
      if (silentMs < 60_000) assert.equal(scene.state(n), "online", `${n} after ${silentMs} ms`);
      if (silentMs > 61_000) assert.equal(scene.state(n), "offline", `${n} after ${silentMs} ms`);
    }
  }
});

Deno.test("Fleet calls nobody offline while it is behind, then those who are due at once, and says that it learnt it", () => {
  const scene = new Scene(OPTIONS);
  scene.beats(1, 3);
  scene.fleet.takeChanges();
  scene.fleet.sharing.fallBehind();
  scene.pass(70_000);
  assert.equal(scene.state(1), "suspect");
  remote(scene, 2, { agoMs: 5_000 });
  scene.fleet.sharing.catchUp(scene.clock.now, { endGrace: true });
  assert.equal(scene.state(1), "offline");
  assert.equal(scene.state(2), "online");
  const { events } = scene.fleet.takeChanges();
  assert.deepEqual(events.map(({ kind, learnt }) => [kind, learnt]), [["agentOffline", true]]);
});

Deno.test("Fleet that stood still is behind from that very moment, if there are other instances", () => {
  for (const isShared of [true, false]) {
    const scene = new Scene(OPTIONS);
    if (isShared) scene.fleet.sharing.fallBehind();
    scene.fleet.sharing.catchUp(scene.clock.now, { endGrace: true });
    scene.beats(1, 2);
    scene.jump(61_000);
    assert.equal(scene.state(1), isShared ? "suspect" : "offline");
    assert.equal(scene.fleet.sharing.isBehind, isShared);
  }
});

Deno.test("Fleet ends grace early when others were there all the time", () => {
  const scene = new Scene({ ...OPTIONS, graceMs: 100_000 });
  scene.fleet.restore({ agents: new RestoredAgents(), silences: [] }, scene.clock.now);
  scene.fleet.sharing.fallBehind();
  remote(scene, 1, { agoMs: 61_000 });
  scene.pass(1_000);
  assert.equal(scene.state(1), "suspect");
  scene.fleet.sharing.catchUp(scene.clock.now, { endGrace: true });
  assert.equal(scene.state(1), "offline");
  assert.equal(scene.fleet.isWarming(scene.clock.now), false);
});

Deno.test("Fleet gives out each agent whose newest beat came here once, from when there are other instances", () => {
  const scene = new Scene(OPTIONS);
  scene.beats(1, 2);
  assert.deepEqual(scene.fleet.sharing.takeOwn(), []);
  scene.fleet.sharing.fallBehind();
  scene.beats(1, 4);
  scene.beats(1, 4);
  scene.pass(100);
  remote(scene, 2);
  scene.fleet.forget(address(3), scene.clock.now);
  const own = scene.fleet.sharing.takeOwn();
  assert.deepEqual(own.map(({ ip }) => ip), [address(1)]);
  assert.deepEqual(scene.fleet.sharing.takeOwn(), []);
  scene.fleet.sharing.giveBack(own);
  assert.equal(scene.fleet.sharing.takeOwn().length, 1);
});

Deno.test("Fleet forgets a row that was forgotten elsewhere, unless it knows of a newer beat", () => {
  const scene = new Scene(OPTIONS);
  scene.beats(1, 3);
  const seenMs = scene.clock.now.wall;
  scene.pass(1_000);
  scene.beats(2, 3);
  const rows = [1, 2, 3].map((n) => ({ ip: address(n), stampMs: seenMs }));
  scene.fleet.sharing.forgetSeen(rows, scene.clock.now);
  assert.equal(scene.fleet.get(address(1), scene.clock.now), undefined);
  assert.equal(scene.state(2), "online");
});

Deno.test("Fleet names events by the beat they follow from, so that all instances give them one id", () => {
  const ids = [0, 400].map((lateMs) => {
    const scene = new Scene({ ...OPTIONS, retentionMs: 100_000 });
    remote(scene, 1);
    scene.pass(60_000 + lateMs);
    scene.pass(1_000 - lateMs);
    remote(scene, 1);
    scene.fleet.forget(address(1), scene.clock.now);
    return scene.fleet.takeChanges().events.map(({ id }) => id);
  });
  assert.equal(ids[0]?.length, 4);
  assert.deepEqual(ids[0], ids[1]);
});
