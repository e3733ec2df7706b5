import assert from "node:assert/strict";
import { startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { ClusterScene } from "./cluster_scene.ts";
import { EventConsumer } from "./event_consumer.ts";

const AGENTS = 2_000;
/** How many of them die, twice. */
const DEAD = 30;

Deno.test("elves-heartbeat in three instances: killed, paused, cut off, restarted, and the fleet is what it is", async () => {
  await using rabbit = await startRabbit();
  await using watcher = await EventConsumer.open(rabbit.url);
  await using scene = await ClusterScene.start(rabbit, { agents: AGENTS, random: seeded(1) });
  const { fleet } = scene;
  await scene.agreed("everybody has beaten", 15_000);
  scene.watch();
  const first = fleet.agents.slice(0, DEAD);
  const second = fleet.agents.slice(DEAD, 2 * DEAD);

  fleet.set(first, false);
  scene.phase = "kill";
  const killed = await scene.leader();
  await killed.end("kill");
  await killed.start();
  await waitFor(async () => (await killed.states()).size === AGENTS, { timeoutMs: 3_000, what: "a complete newcomer" });
  scene.phase = "killed";
  fleet.set(second, false);

  scene.phase = "pause";
  const paused = await scene.leader();
  paused.pause();
  await pass(6_000);
  scene.phase = "resumed";
  paused.resume();
  await waitFor(() => paused.isSettled(), { timeoutMs: 15_000, what: "the paused instance to settle" });

  scene.phase = "cut";
  const cut = await scene.leader();
  cut.cut();
  await pass(10_000);
  scene.phase = "mended";
  cut.mend();
  await waitFor(() => cut.isSettled(), { timeoutMs: 20_000, what: "the instance that was cut off to settle" });
  await scene.agreed("the dead are offline", 25_000);
  await scene.told(watcher.log, "agentOffline", 2 * DEAD);

  scene.phase = "return";
  fleet.set([...first, ...second], true);
  await scene.agreed("they are back", 6_000);
  scene.phase = "restart";
  const restarted = await scene.leader();
  await restarted.end("stop");
  await restarted.start();
  await scene.agreed("the same after the restart", 6_000);
  await scene.told(watcher.log, "agentOnline", AGENTS + 2 * DEAD);
  const dead = [...first, ...second].map(({ ip }) => ip).sort();
  const all = fleet.agents.map(({ ip }) => ip).sort();
  const told = (kind: string, isFirst: boolean) =>
    watcher.log.of(kind).filter((event) => (event.first === true) === isFirst).map(({ ip }) => ip).sort();
  assert.deepEqual(told("agentOffline", false), dead);
  assert.deepEqual(told("agentOnline", false), dead);
  assert.deepEqual(told("agentOnline", true), all);
  assert.deepEqual(watcher.log.of("guardOn"), []);
  assert.deepEqual(scene.wrongs, []);
  assert.deepEqual(scene.calls.faults, []);
  assert.ok(scene.calls.answered > 50);
});

/** Lets time pass in which something is broken; the others go on meanwhile. */
async function pass(ms: number): Promise<void> {
  const end = performance.now() + ms;
  await waitFor(() => performance.now() >= end, { timeoutMs: ms + 5_000, what: "time to pass" });
}

/** Mulberry32: the same choices at every run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
