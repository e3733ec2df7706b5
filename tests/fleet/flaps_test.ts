import assert from "node:assert/strict";
import { agentEvent } from "../../src/fleet/events.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

const { timeoutMs } = OPTIONS;
const WINDOW_MS = 600_000;

/** An agent that has made so many transitions, one a timeout; it is online after an even number of them. */
function sceneWith(transitions: number, count = 4): Scene {
  const scene = new Scene({ flap: { count, windowMs: WINDOW_MS } });
  scene.beats(0, 1);
  scene.told();
  for (let n = 1; n <= transitions; n++) transition(scene, n);
  return scene;
}

function transition(scene: Scene, n: number): void {
  scene.pass(timeoutMs);
  if (n % 2 === 0) scene.beats(0, 1);
}

function flapping(scene: Scene): boolean {
  const agent = scene.fleet.get(address(0), scene.clock.now);
  return agent !== undefined && agent.flapping;
}

function kinds(scene: Scene): string[] {
  return scene.told().map(({ kind }) => kind);
}

Deno.test("Fleet calls an agent flapping at the flap.count-th transition and tells that one, too", () => {
  const scene = sceneWith(3);
  assert.deepEqual(kinds(scene), ["agentOffline", "agentOnline", "agentOffline"]);
  assert.equal(flapping(scene), false);
  transition(scene, 4);
  const told = scene.told().map(({ kind, sinceMs, awaySeconds }) => ({ kind, sinceMs, awaySeconds }));
  const outage = { sinceMs: scene.clock.wall() - timeoutMs, awaySeconds: 120 };
  assert.deepEqual(told, [{ kind: "agentOnline", ...outage }, { kind: "agentFlapping", ...outage }]);
  assert.equal(flapping(scene), true);
});

Deno.test("Fleet does not count an agent's first beat as a transition", () => {
  const scene = new Scene({ flap: { count: 3, windowMs: WINDOW_MS } });
  scene.beats(0, 1);
  transition(scene, 1);
  transition(scene, 2);
  assert.deepEqual(kinds(scene), ["agentOnline", "agentOffline", "agentOnline"]);
  transition(scene, 3);
  assert.deepEqual(kinds(scene), ["agentOffline", "agentFlapping"]);
});

Deno.test("Fleet counts the transitions of one window only", () => {
  for (const [later, expected] of [[0, true], [1, false]] as const) {
    const scene = sceneWith(3);
    const sinceFirst = 2 * timeoutMs;
    scene.pass(WINDOW_MS - sinceFirst + later);
    scene.beats(0, 1);
    assert.equal(flapping(scene), expected, `the fourth comes ${WINDOW_MS + later} ms after the first`);
  }
});

Deno.test("Fleet is silent about a flapping agent until it has been stable for the window", () => {
  const scene = sceneWith(4);
  scene.told();
  for (let n = 5; n <= 20; n++) transition(scene, n);
  assert.deepEqual(scene.told(), []);
  assert.equal(scene.state(0), "online", "its state is right all the time");
  transition(scene, 21);
  assert.equal(scene.state(0), "offline");
  const since = scene.clock.wall();
  scene.pass(WINDOW_MS - 1);
  assert.deepEqual(scene.told(), []);
  assert.equal(flapping(scene), true);
  scene.pass(1);
  const [event, ...others] = scene.told();
  const { kind, atMs, sinceMs, awaySeconds } = event ?? {};
  assert.deepEqual([kind, atMs, sinceMs, awaySeconds], ["agentOffline", since, undefined, 60]);
  assert.deepEqual(others, []);
  assert.equal(flapping(scene), false);
});

Deno.test("Fleet tells nothing about an agent that is stable again in the state that was told last", () => {
  const scene = sceneWith(4);
  scene.told();
  for (let n = 5; n <= 6; n++) transition(scene, n);
  for (let ms = 0; ms < WINDOW_MS; ms += 30_000) {
    scene.beats(0, 1);
    scene.pass(30_000);
  }
  assert.equal(flapping(scene), false);
  assert.deepEqual(scene.told(), []);
  scene.pass(timeoutMs - 30_000);
  assert.deepEqual(kinds(scene), ["agentOffline"], "and it is told about again");
});

Deno.test("Fleet tells the return of an agent late without what it does not know any more", () => {
  const scene = sceneWith(5, 3);
  scene.told();
  transition(scene, 6);
  const returned = scene.clock.wall();
  for (let ms = 0; ms < WINDOW_MS; ms += 30_000) {
    scene.beats(0, 1);
    scene.pass(30_000);
  }
  const events = scene.told().map((
    { kind, atMs, sinceMs, lastSeenMs, awaySeconds },
  ) => [kind, atMs, sinceMs, lastSeenMs, awaySeconds]);
  assert.deepEqual(events, [["agentOnline", returned, undefined, undefined, undefined]]);
});

Deno.test("Fleet settles a stable agent in time, also while another one goes on", () => {
  const scene = new Scene({ flap: { count: 3, windowMs: WINDOW_MS } });
  scene.beats(0, 2);
  for (let n = 1; n <= 3; n++) {
    scene.pass(timeoutMs);
    if (n % 2 === 0) scene.beats(0, 2);
  }
  scene.pass(WINDOW_MS / 2);
  scene.beats(0, 1);
  scene.pass(WINDOW_MS / 2);
  assert.equal(flapping(scene), true);
  const other = scene.fleet.get(address(1), scene.clock.now);
  assert.ok(other);
  assert.equal(other.flapping, false);
});

Deno.test("Fleet begins to count anew after an agent was stable", () => {
  const scene = sceneWith(5);
  scene.pass(WINDOW_MS);
  scene.told();
  for (let n = 6; n <= 8; n++) transition(scene, n);
  assert.deepEqual(kinds(scene), ["agentOnline", "agentOffline", "agentOnline"]);
  transition(scene, 9);
  assert.deepEqual(kinds(scene), ["agentOffline", "agentFlapping"]);
});

Deno.test("Fleet gives an event that is told late the id of its transition", () => {
  const scene = sceneWith(5);
  scene.told();
  const agent = scene.fleet.get(address(0), scene.clock.now);
  assert.ok(agent);
  const inTime = agentEvent("agentOffline", agent, { at: scene.clock.wall(), now: scene.clock.now });
  scene.pass(WINDOW_MS);
  assert.deepEqual(scene.told().map(({ id }) => id), [inTime.id]);
});

Deno.test("Fleet forgets a flapping agent aloud, and what it knew of its flapping", () => {
  const scene = sceneWith(4);
  scene.told();
  scene.fleet.forget(address(0), scene.clock.now);
  scene.beats(0, 1);
  assert.equal(flapping(scene), false);
  scene.pass(timeoutMs);
  assert.deepEqual(kinds(scene), ["agentForgotten", "agentOnline", "agentOffline"]);
});

Deno.test("Fleet damps only the agent that flaps", () => {
  const scene = sceneWith(4);
  scene.beats(1, 2);
  scene.told();
  scene.pass(timeoutMs);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(1)}`]);
});

Deno.test("Fleet tells after a restart what it had not told of a flapping agent", () => {
  const scene = sceneWith(4, 3);
  scene.told();
  assert.equal(scene.state(0), "online");
  assert.equal(scene.rows()[0]?.online, false, "stored as it was last told");
  scene.restart(0);
  scene.told();
  scene.beats(0, 1);
  assert.deepEqual(kinds(scene), ["agentOnline"]);
});
