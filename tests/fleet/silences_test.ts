import assert from "node:assert/strict";
import { type NewSilence, SilenceError } from "../../src/fleet/silences.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

const { timeoutMs } = OPTIONS;
const HOUR_MS = 3_600_000;

/** So many agents that were told of, and a fleet without a guard unless it is asked for. */
function sceneOf(count: number, guardMinAgents = Infinity): Scene {
  const scene = new Scene({ guardMinAgents, graceMs: 0 });
  scene.beats(0, count);
  scene.told();
  return scene;
}

function silenced(scene: Scene, n: number): boolean | undefined {
  return scene.fleet.get(address(n), scene.clock.now)?.silenced;
}

Deno.test("Fleet tells nothing of silenced agents, and what is true at the end of the window and not before", () => {
  const scene = sceneOf(2);
  scene.silence(HOUR_MS, { cidr: address(0) });
  scene.pass(timeoutMs);
  const offlineSince = scene.clock.wall();
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(1)}`]);
  assert.equal(scene.state(0), "offline");
  scene.pass(HOUR_MS - timeoutMs - 1);
  assert.deepEqual(scene.told(), []);
  assert.equal(silenced(scene, 0), true);
  scene.pass(1);
  const [event, ...more] = scene.told();
  assert.deepEqual(more, []);
  assert.equal(silenced(scene, 0), false);
  assert.equal(event?.kind, "agentOffline");
  assert.equal(event?.ip, address(0));
  assert.equal(event?.atMs, offlineSince, "when it really went");
  assert.equal(event?.awaySeconds, timeoutMs / 1000);
});

Deno.test("Fleet tells nothing after a window when all is as it was told before", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS);
  scene.pass(timeoutMs);
  scene.beats(0, 1);
  assert.equal(scene.state(0), "online");
  scene.beat({ ip: address(0), version: "2.0" });
  scene.beat({ ip: address(0), version: "1.0" });
  for (let passed = timeoutMs; passed < HOUR_MS; passed += timeoutMs / 2) {
    scene.pass(timeoutMs / 2);
    scene.beats(0, 1);
  }
  assert.equal(silenced(scene, 0), false);
  assert.deepEqual(scene.told(), []);
});

Deno.test("Fleet does not take reboots in a window for flapping", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS);
  for (let n = 0; n < 10; n++) {
    scene.pass(timeoutMs);
    scene.beats(0, 1);
  }
  assert.equal(scene.fleet.countFlapping, 0);
  scene.pass(HOUR_MS - 10 * timeoutMs);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
});

Deno.test("Fleet keeps silent after a window about an agent that flapped before, until it is stable", () => {
  const scene = sceneOf(1);
  for (let n = 0; n < 3; n++) {
    scene.pass(timeoutMs);
    scene.beats(0, 1);
  }
  assert.equal(scene.told().at(-1)?.kind, "agentFlapping");
  scene.silence(10_000);
  scene.pass(timeoutMs);
  assert.equal(silenced(scene, 0), false);
  assert.deepEqual(scene.told(), []);
  scene.pass(OPTIONS.flap.windowMs);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
});

Deno.test("Fleet tells of an agent that is new in a window as the first time at its end", () => {
  const scene = sceneOf(0);
  scene.silence(HOUR_MS, { asset: "new*" });
  scene.beat({ ip: address(1), asset: "NEW-1", version: "1.0" });
  const since = scene.clock.wall();
  scene.beat({ ip: address(2), asset: "new-2" });
  scene.pass(timeoutMs / 2);
  scene.beat({ ip: address(1), asset: "NEW-1", version: "2.0" });
  assert.deepEqual(scene.told(), []);
  scene.pass(timeoutMs / 2);
  scene.fleet.removeSilence(scene.fleet.silences.list[0]?.id ?? "", scene.clock.now);
  const told = scene.told().map(({ kind, ip, atMs, details }) => ({ kind, ip, atMs, details })).sort((a, b) =>
    a.ip < b.ip ? -1 : 1
  );
  assert.deepEqual(told, [
    { kind: "agentOnline", ip: address(1), atMs: since, details: { first: true } },
    { kind: "agentOffline", ip: address(2), atMs: since + timeoutMs, details: { first: true } },
  ]);
});

Deno.test("Fleet tells late of another version and of a conflict that lasts, with the time when they came", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS);
  scene.pass(1_000);
  scene.beat({ ip: address(0), version: "2.0" });
  const at = scene.clock.wall();
  for (const asset of ["CX", "DX", "CX"]) scene.beat({ ip: address(0), asset, version: "2.0" });
  const [silence] = scene.fleet.silences.list;
  scene.pass(1_000);
  scene.fleet.removeSilence(silence?.id ?? "", scene.clock.now);
  const told = scene.told();
  assert.deepEqual(told.map(({ kind, atMs }) => [kind, atMs]), [["versionChanged", at], ["duplicateIdentity", at]]);
  assert.deepEqual(told[0]?.details, { from: "1.0", to: "2.0" });
});

Deno.test("Fleet tells that a silenced agent is forgotten, and nothing of it at the end", () => {
  const scene = sceneOf(2);
  scene.silence(HOUR_MS);
  scene.pass(timeoutMs);
  scene.fleet.forget(address(0), scene.clock.now);
  assert.deepEqual(scene.toldInShort(), [`agentForgotten ${address(0)}`]);
  assert.equal(scene.fleet.silences.list[0]?.agents, 1);
  scene.pass(HOUR_MS - timeoutMs);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(1)}`]);
});

Deno.test("Fleet tells after a restart what happened in a window, at its end", () => {
  const scene = sceneOf(3);
  scene.pass(timeoutMs / 2);
  scene.beats(2, 3);
  scene.silence(HOUR_MS);
  scene.beat({ ip: address(9) });
  scene.pass(timeoutMs / 2);
  assert.deepEqual(scene.counts(), [2, 0, 2]);
  scene.beats(0, 1);
  scene.restart(5_000);
  assert.equal(scene.fleet.countSilenced, 4);
  for (let left = HOUR_MS - timeoutMs / 2 - 5_000; left > 0; left -= timeoutMs / 2) {
    scene.beats(0, 1);
    scene.beat({ ip: address(9), version: "2.0" });
    assert.deepEqual(scene.toldInShort(), []);
    scene.pass(Math.min(left, timeoutMs / 2));
  }
  const expected = [`agentOffline ${address(1)}`, `agentOffline ${address(2)}`, `agentOnline ${address(9)}`];
  assert.deepEqual(scene.toldInShort().sort(), expected);
});

Deno.test("Fleet tells at the start what a window that ended meanwhile held back", () => {
  const scene = sceneOf(2);
  scene.silence(HOUR_MS);
  scene.beat({ ip: address(9) });
  scene.pass(timeoutMs);
  scene.restart(HOUR_MS);
  assert.equal(scene.fleet.silences.size, 0);
  const told = scene.toldInShort().sort();
  assert.deepEqual(told, [
    ...[0, 1, 9].map((n) => `agentOffline ${address(n)}`),
    `agentOnline ${address(9)}`,
  ]);
});

Deno.test("Fleet counts a window's end on the wall clock, which somebody may set", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS);
  scene.pass(timeoutMs);
  scene.clock.step(-HOUR_MS);
  scene.pass(HOUR_MS);
  assert.equal(silenced(scene, 0), true);
  scene.clock.step(HOUR_MS);
  assert.equal(silenced(scene, 0), false);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
});

Deno.test("Fleet puts agents under a window by their new name, and takes them out of it", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS, { asset: "db-?" });
  assert.equal(silenced(scene, 0), false);
  scene.beat({ ip: address(0), asset: "DB-1" });
  assert.equal(silenced(scene, 0), true);
  scene.pass(timeoutMs);
  assert.deepEqual(scene.told(), []);
  scene.beat({ ip: address(0), asset: "web-1" });
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`, `agentOnline ${address(0)}`]);
});

Deno.test("Fleet keeps an agent in two windows silenced until the last one ends", () => {
  for (const longerFirst of [true, false]) {
    const scene = sceneOf(1);
    const lengths = longerFirst ? [2 * HOUR_MS, HOUR_MS] : [HOUR_MS, 2 * HOUR_MS];
    for (const ms of lengths) scene.silence(ms);
    assert.deepEqual(scene.fleet.silences.list.map(({ agents }) => agents), [0, 1]);
    scene.pass(HOUR_MS);
    assert.deepEqual(scene.told(), []);
    scene.pass(HOUR_MS);
    assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
  }
});

Deno.test("Fleet goes back to the shorter window when the longer one is removed", () => {
  const scene = sceneOf(1);
  scene.silence(HOUR_MS);
  const { id } = scene.silence(2 * HOUR_MS, { asset: "*" });
  scene.pass(timeoutMs);
  assert.deepEqual(scene.fleet.removeSilence(id, scene.clock.now)?.agents, 1);
  assert.equal(silenced(scene, 0), true);
  scene.pass(HOUR_MS - timeoutMs);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
});

Deno.test("Fleet leaves silenced agents out of the guard's share, on both sides", () => {
  const rack = { cidr: "10.0.0.0/28" };
  for (const [quiet, expected] of [[12, "offline"], [13, "suspect"]] as const) {
    const scene = sceneOf(96, 20);
    scene.silence(HOUR_MS, rack);
    // 80 count; 12 of them are 0.15, the share, and 16 more are silent in the window.
    scene.pass(timeoutMs / 2 + 500);
    scene.beats(16 + quiet, 96);
    scene.pass(timeoutMs / 2 - 500);
    assert.equal(scene.state(16), expected, `${quiet} silent`);
    assert.equal(scene.state(0), "offline", "the guard does not hold it");
    assert.equal(scene.fleet.status(scene.clock.now).held, expected === "suspect" ? quiet : 0);
  }
});

Deno.test("Fleet begins no guard for silenced agents alone, and lets go of those that are silenced while it holds", () => {
  const scene = sceneOf(100, 20);
  scene.silence(10 * timeoutMs, { cidr: "10.0.0.0/25" });
  scene.pass(timeoutMs);
  assert.deepEqual(scene.counts(), [0, 0, 100]);
  assert.equal(scene.fleet.status(scene.clock.now).guardSinceMs, undefined);

  const held = sceneOf(100, 20);
  held.pass(timeoutMs / 2 + 1_000);
  held.beats(40, 100);
  held.pass(timeoutMs / 2 - 1_000);
  assert.deepEqual(held.counts(), [60, 40, 0]);
  held.told();
  held.silence(HOUR_MS, { cidr: "10.0.0.0/28" });
  held.pass(500);
  assert.deepEqual(held.counts(), [60, 24, 16]);
  const { silent, guardEndsByMs } = held.fleet.status(held.clock.now);
  assert.equal(silent, 24);
  assert.ok(guardEndsByMs !== undefined && guardEndsByMs > held.clock.monotonic());
  assert.deepEqual(held.told(), []);
});

Deno.test("Fleet says which windows are over, and what they leave", () => {
  const scene = sceneOf(3);
  const silence = scene.silence(HOUR_MS, { cidr: `${address(0)},${address(1)}`, reason: "new switches" });
  scene.pass(timeoutMs / 2);
  scene.beats(0, 1);
  assert.deepEqual(scene.fleet.takeChanges().silences, [silence.stored]);
  assert.equal(scene.fleet.takeChanges().silences, undefined);
  scene.pass(HOUR_MS - timeoutMs / 2 - 500);
  scene.beats(0, 1);
  scene.pass(500);
  const { ended, silences } = scene.fleet.takeChanges();
  assert.deepEqual(ended, [{ silence, agents: 2, offline: 1 }]);
  assert.deepEqual(silences, []);
});

Deno.test("Fleet ends a large window a few thousand agents a look, and tells of each once", () => {
  const scene = sceneOf(10_000);
  scene.silence(2 * timeoutMs);
  scene.pass(2 * timeoutMs);
  const first = scene.fleet.takeChanges().events.length;
  assert.ok(first > 0 && first < 10_000, `${first} in the first look`);
  scene.pass(2_000);
  assert.equal(first + scene.told().length, 10_000);
  assert.equal(scene.fleet.countSilenced, 0);
});

Deno.test("Fleet has at most 1,000 windows, and each agent is under the one that ends last", () => {
  const scene = sceneOf(1_000);
  for (let n = 0; n < 1_000; n++) scene.silence(HOUR_MS + n * 1_000, { cidr: `${address(n)}, ${address(999)}` });
  assert.throws(() => scene.silence(HOUR_MS), SilenceError);
  assert.equal(scene.fleet.countSilenced, 1_000);
  const last = scene.fleet.get(address(999), scene.clock.now);
  assert.equal(last?.silence?.untilMs, scene.clock.wall() + HOUR_MS + 999_000);
  scene.pass(HOUR_MS + 499_000);
  assert.equal(scene.fleet.silences.size, 500);
  assert.equal(scene.fleet.countSilenced, 500);
  assert.equal(scene.told().length, 500);
});

Deno.test("Fleet refuses a window that says too little or too much, and names the part", () => {
  const scene = sceneOf(0);
  const now = scene.clock.wall();
  const cases: readonly [Partial<NewSilence>, SilenceError["field"]][] = [
    [{}, undefined],
    [{ cidr: "" }, "cidr"],
    [{ cidr: " , " }, "cidr"],
    [{ cidr: "10.0.0.0/33" }, "cidr"],
    [{ cidr: "10.0.0.1,".repeat(200) }, "cidr"],
    [{ asset: "" }, "asset"],
    [{ asset: "a\n" }, "asset"],
    [{ asset: "a".repeat(256) }, "asset"],
    [{ asset: "a", reason: "r".repeat(201) }, "reason"],
    [{ asset: "a", reason: "one\ntwo" }, "reason"],
    [{ asset: "a", untilMs: now }, "untilMs"],
    [{ asset: "a", untilMs: now + 366 * 86_400_000 + 1 }, "untilMs"],
    [{ asset: "a", untilMs: NaN }, "untilMs"],
  ];
  for (const [wish, field] of cases) {
    assert.throws(
      () => scene.silence(HOUR_MS, wish),
      (error) => error instanceof SilenceError && error.field === field,
      JSON.stringify(wish),
    );
  }
  assert.equal(scene.fleet.silences.size, 0);
  scene.silence(1, { asset: "a".repeat(255), cidr: "fd00::/8", reason: "r".repeat(200) });
});

Deno.test("Fleet leaves out stored windows that cannot be read, and those that are over", () => {
  const scene = sceneOf(1);
  const { stored } = scene.silence(HOUR_MS);
  scene.restore(scene.rows(), [{ ...stored, cidr: "nonsense" }, { ...stored, untilMs: scene.clock.wall() }, stored]);
  assert.deepEqual(scene.fleet.silences.list.map((each) => each.stored), [stored]);
  assert.equal(silenced(scene, 0), true);
});

Deno.test("Fleet gives its windows again to a store that lost them", () => {
  const scene = sceneOf(1);
  const { stored } = scene.silence(HOUR_MS);
  scene.fleet.takeChanges();
  scene.fleet.touchAll();
  assert.deepEqual(scene.fleet.takeChanges().silences, [stored]);
});
