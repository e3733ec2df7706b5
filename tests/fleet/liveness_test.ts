import assert from "node:assert/strict";
import type { AgentState } from "../../src/fleet/agent.ts";
import { PORTION_MS } from "../../src/fleet/liveness.ts";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { fleetOptions } from "../support/fleet_options.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

const { timeoutMs, graceMs } = OPTIONS;

/** The agents number 0 to `silent` - 1 go silent, the others up to 100 go on, until the first have come due. */
function sceneWithSilent(silent: number): Scene {
  const scene = new Scene();
  scene.beats(0, 100);
  scene.pass(timeoutMs - 20_000);
  scene.beats(silent, 100);
  scene.told();
  scene.pass(20_000);
  return scene;
}

function storedRow(n: number, online: boolean, lastSeenMs: number): StoredAgent {
  return { ip: address(n), asset: "CX", version: "1.0", apps: "{}", online, lastSeenMs, sinceMs: lastSeenMs };
}

Deno.test("Fleet calls agents offline up to the guard's share and holds them above it", () => {
  const below = sceneWithSilent(15);
  assert.deepEqual(below.counts(), [85, 0, 15]);
  assert.equal(below.told().filter(({ kind }) => kind === "guardOn").length, 0);
  const above = sceneWithSilent(16);
  assert.deepEqual(above.counts(), [84, 16, 0]);
  const told = above.told();
  assert.deepEqual(told.map(({ kind, details }) => [kind, details]), [["guardOn", { silent: 16, agents: 100 }]]);
  assert.equal(above.fleet.status(above.clock.now).guardSinceMs, above.clock.monotonic());
});

Deno.test("Fleet counts agents as silent from half their timeout on when one comes due", () => {
  for (const [age, expected] of [[29_999, [99, 0, 1]], [30_000, [99, 1, 0]]] as const) {
    const scene = new Scene();
    scene.beats(0, 1);
    scene.pass(timeoutMs - age);
    scene.beats(1, 16);
    scene.pass(age - 1000);
    scene.beats(16, 100);
    scene.pass(1000);
    assert.deepEqual(scene.counts(), expected, `the others are silent for ${age} ms`);
  }
});

Deno.test("Fleet has no guard below guard.minAgents", () => {
  for (const [agents, expected] of [[19, [0, 0, 19]], [20, [0, 20, 0]]] as const) {
    const scene = new Scene();
    scene.beats(0, agents);
    scene.pass(timeoutMs);
    assert.deepEqual(scene.counts(), expected);
  }
});

Deno.test("Fleet ends the guard when less than half of its share is silent, once", () => {
  const scene = sceneWithSilent(16);
  scene.told();
  scene.beats(8, 100);
  scene.pass(1000);
  assert.deepEqual(scene.counts(), [92, 8, 0]);
  assert.deepEqual(scene.told(), [], "8 are not less than 7.5");
  scene.beats(7, 8);
  scene.pass(1000);
  assert.deepEqual(scene.counts(), [93, 0, 7]);
  const [guardOff, ...others] = scene.told();
  assert.deepEqual([guardOff?.kind, guardOff?.details], [
    "guardOff",
    { reason: "recovered", held: 7, agents: 100, held_seconds: 2 },
  ]);
  assert.deepEqual(
    others.map(({ kind, ip }) => `${kind} ${ip}`).sort(),
    [0, 1, 2, 3, 4, 5, 6].map((n) => `agentOffline ${address(n)}`),
  );
});

Deno.test("Fleet ends the guard after guard.maxHold and not before, and what is silent does not start it again", () => {
  const scene = new Scene();
  scene.beats(0, 100);
  scene.pass(timeoutMs);
  assert.deepEqual(scene.toldInShort().at(-1), "guardOn");
  scene.pass(OPTIONS.guardMaxHoldMs - 1);
  assert.deepEqual(scene.counts(), [0, 100, 0]);
  assert.deepEqual(scene.told(), []);
  scene.pass(1);
  scene.pass(timeoutMs);
  assert.deepEqual(scene.counts(), [0, 0, 100]);
  const guard = scene.told().filter(({ kind }) => kind.startsWith("guard"));
  assert.deepEqual(guard.map(({ kind, details }) => [kind, details.reason]), [["guardOff", "maxHold"]]);
});

Deno.test("Fleet ends the guard by hand, also for those that are silent but not due yet", () => {
  const scene = new Scene();
  scene.beats(0, 50);
  scene.pass(25_000);
  scene.beats(50, 100);
  scene.pass(35_000);
  assert.deepEqual(scene.counts(), [50, 50, 0]);
  assert.equal(scene.fleet.releaseGuard(scene.clock.now), true);
  assert.equal(scene.fleet.releaseGuard(scene.clock.now), false);
  scene.pass(24_500);
  assert.deepEqual(scene.counts(), [50, 0, 50], "the second half is not due yet");
  scene.pass(500);
  assert.deepEqual(scene.counts(), [0, 30, 70]);
  scene.pass(timeoutMs);
  assert.deepEqual(scene.counts(), [0, 0, 100]);
  const guard = scene.told().filter(({ kind }) => kind.startsWith("guard"));
  assert.deepEqual(guard.map(({ details }) => details.reason), [undefined, "released"]);
});

Deno.test("Fleet guards again when others go silent after a guard has ended", () => {
  const scene = sceneWithSilent(16);
  scene.fleet.releaseGuard(scene.clock.now);
  scene.beats(16, 100);
  scene.pass(timeoutMs);
  assert.deepEqual(scene.counts(), [0, 84, 16]);
  const guard = scene.told().map(({ kind }) => kind).filter((kind) => kind.startsWith("guard"));
  assert.deepEqual(guard, ["guardOn", "guardOff", "guardOn"]);
});

for (const [agents, perSecond] of [[100, 20], [999, 20], [2000, 40]] as const) {
  Deno.test(`Fleet lets ${perSecond} of ${agents} agents a second go offline after a guard`, () => {
    const scene = new Scene();
    scene.beats(0, agents);
    scene.pass(timeoutMs);
    scene.fleet.releaseGuard(scene.clock.now);
    for (let second = 1; second <= 4; second++) {
      scene.pass(999);
      assert.deepEqual(scene.counts(), [0, agents - second * perSecond, second * perSecond]);
      scene.pass(1);
    }
  });
}

Deno.test("Fleet does not make up for seconds in which nobody looked while agents leave", () => {
  const scene = new Scene();
  scene.beats(0, 100);
  scene.pass(timeoutMs);
  scene.fleet.releaseGuard(scene.clock.now);
  scene.pass(500);
  assert.deepEqual(scene.counts(), [0, 80, 20]);
  scene.jump(2_500);
  assert.deepEqual(scene.counts(), [0, 60, 40]);
  scene.jump(10_000);
  assert.deepEqual(scene.counts(), [0, 60, 40], "grace after a stall");
  scene.pass(graceMs - 1);
  assert.deepEqual(scene.counts(), [0, 60, 40]);
  scene.pass(1);
  assert.deepEqual(scene.counts(), [0, 40, 60]);
});

Deno.test("Fleet lets agents leave in another order each time", () => {
  const order = () => {
    const scene = new Scene();
    scene.beats(0, 100);
    scene.pass(timeoutMs);
    scene.fleet.releaseGuard(scene.clock.now);
    scene.pass(10_000);
    return scene.told().filter(({ kind }) => kind === "agentOffline").map(({ ip }) => ip);
  };
  const [first, second] = [order(), order()];
  const all = Array.from({ length: 100 }, (_, n) => address(n)).sort();
  assert.deepEqual([...first].sort(), all);
  assert.deepEqual([...second].sort(), all);
  assert.notDeepEqual(first, second);
});

Deno.test("Fleet takes a held agent back without a word, also one that is about to leave", () => {
  const scene = new Scene({}, () => 0.999999);
  scene.beats(0, 100);
  scene.pass(timeoutMs);
  scene.told();
  assert.equal(scene.beat({ ip: address(0) }), "beat");
  scene.fleet.releaseGuard(scene.clock.now);
  assert.equal(scene.beat({ ip: address(99) }), "beat", "the last in the order of leaving");
  scene.pass(10_000);
  assert.deepEqual(scene.counts(), [2, 0, 98]);
  assert.deepEqual(scene.told().filter(({ ip }) => ip === address(0) || ip === address(99)), []);
});

Deno.test("Fleet holds overdue agents in the grace after a start, and then decides", () => {
  const scene = new Scene();
  scene.beats(0, 3);
  scene.pass(timeoutMs - 10_000);
  scene.beats(2, 3);
  scene.told();
  scene.restart(11_000);
  assert.deepEqual(scene.counts(), [1, 2, 0]);
  scene.beats(1, 2);
  scene.pass(graceMs - 1);
  assert.deepEqual(scene.counts(), [2, 1, 0]);
  assert.deepEqual(scene.told(), []);
  const graceEnd = scene.clock.wall() + 1;
  scene.pass(1);
  assert.deepEqual(scene.counts(), [2, 0, 1]);
  const told = scene.told().map(({ kind, ip, atMs, awaySeconds }) => ({ kind, ip, atMs, awaySeconds }));
  assert.deepEqual(told, [{ kind: "agentOffline", ip: address(0), atMs: graceEnd, awaySeconds: 81 }]);
  scene.pass(timeoutMs - 11_000 - graceMs - 1);
  assert.equal(scene.state(2), "online", "due at its own timeout, which is later than the grace");
  scene.pass(1);
  assert.equal(scene.state(2), "offline");
});

Deno.test("Fleet keeps agents offline over a restart, with the time since when, and says nothing", () => {
  const scene = new Scene();
  scene.beats(0, 1);
  scene.pass(timeoutMs);
  scene.told();
  const [before] = scene.rows();
  scene.restart(5_000);
  scene.pass(graceMs + timeoutMs);
  assert.deepEqual(scene.rows(), [before]);
  assert.deepEqual(scene.told(), []);
  assert.equal(scene.beat({ ip: address(0) }), "returned");
  const [event] = scene.told();
  assert.deepEqual([event?.kind, event?.awaySeconds, event?.sinceMs], ["agentOnline", 145, before?.sinceMs]);
});

Deno.test("Fleet counts a stored last-seen in the future as now", () => {
  const scene = new Scene();
  const tomorrow = scene.clock.wall() + 86_400_000;
  scene.restore([storedRow(0, true, tomorrow), storedRow(1, false, tomorrow)]);
  assert.deepEqual([scene.state(0), scene.state(1)], ["online", "offline"]);
  scene.pass(timeoutMs - 1);
  assert.equal(scene.state(0), "online");
  scene.pass(1);
  assert.equal(scene.state(0), "offline");
});

Deno.test("Fleet without grace decides at once after a start, and dates nothing before it", () => {
  const scene = new Scene({ graceMs: 0 });
  const lastSeenMs = scene.clock.wall() - 90_000;
  scene.restore([storedRow(0, true, lastSeenMs), storedRow(1, true, scene.clock.wall() - timeoutMs + 1)]);
  assert.deepEqual([scene.state(0), scene.state(1)], ["offline", "online"]);
  assert.deepEqual(scene.told().map(({ atMs, awaySeconds }) => [atMs, awaySeconds]), [[scene.clock.wall(), 90]]);
});

Deno.test("Fleet does not start the guard in grace, but at its end", () => {
  const scene = new Scene();
  scene.beats(0, 100);
  scene.told();
  scene.restart(timeoutMs);
  scene.pass(graceMs - 1);
  assert.deepEqual(scene.counts(), [0, 100, 0]);
  assert.deepEqual(scene.told(), []);
  scene.pass(1);
  assert.deepEqual(scene.counts(), [0, 100, 0]);
  assert.deepEqual(scene.toldInShort(), ["guardOn"]);
});

/** Whether an agent that comes due just after such a disturbance is called offline then. */
function stateAfter(disturbance: (scene: Scene) => void): AgentState | undefined {
  const scene = new Scene();
  scene.beats(0, 1);
  scene.pass(timeoutMs - 2_000);
  disturbance(scene);
  scene.pass(3_000);
  return scene.state(0);
}

Deno.test("Fleet gives grace after a stall of its own", () => {
  assert.equal(stateAfter((scene) => scene.jump(2_500)), "offline");
  assert.equal(stateAfter((scene) => scene.jump(2_501)), "suspect");
});

Deno.test("Fleet gives grace after a step of the wall clock, forward and back", () => {
  for (const [step, expected] of [[2_000, "offline"], [2_001, "suspect"], [-2_000, "offline"], [-2_001, "suspect"]]) {
    assert.equal(stateAfter((scene) => scene.clock.step(Number(step))), expected, `a step of ${step} ms`);
  }
});

Deno.test("Fleet ends the grace after a stall in time", () => {
  const scene = new Scene();
  scene.beats(0, 1);
  scene.jump(timeoutMs);
  assert.equal(scene.state(0), "suspect");
  scene.pass(graceMs - 1);
  assert.equal(scene.state(0), "suspect");
  scene.pass(1);
  assert.equal(scene.state(0), "offline");
  assert.equal(scene.told().at(-1)?.atMs, scene.clock.wall());
});

Deno.test("Fleet gives grace at most once per timeout", () => {
  for (const [until, expected] of [[timeoutMs - 1, "offline"], [timeoutMs, "suspect"]] as const) {
    const scene = new Scene();
    scene.jump(0);
    scene.jump(3_000);
    scene.pass(500);
    scene.beats(0, 1);
    scene.pass(until - 3_500);
    scene.jump(3_000);
    assert.equal(scene.state(0), "online");
    scene.pass(3_000);
    assert.equal(scene.state(0), expected, `the second stall came ${until} ms after the first`);
  }
});

Deno.test("Fleet calls very many overdue agents offline in portions, each at the time when it was due", () => {
  const agents = 5_000;
  const fleet = new Fleet(fleetOptions({ timeoutMs }));
  const clock = new FakeClock();
  for (let i = 0; i < agents; i++) {
    fleet.beat({ ip: `10.1.${i >> 8}.${i & 255}`, asset: "", version: "", apps: "" }, clock.now);
  }
  fleet.takeChanges();
  const dueMs = clock.wall() + timeoutMs;
  clock.advance(timeoutMs);
  const offline: number[] = [];
  const look = () => offline.push(fleet.counts(clock.now).offline);
  look();
  // Others who ask at the same moment do not add to the work.
  look();
  while (fleet.isBusy) {
    clock.advance(PORTION_MS);
    look();
  }
  assert.deepEqual(offline, [2_000, 2_000, 4_000, 5_000]);
  const events = fleet.takeChanges().events;
  assert.deepEqual([events.length, ...new Set(events.map(({ atMs }) => atMs))], [agents, dueMs]);
});
