import assert from "node:assert/strict";
import { startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { ClusterScene, TIMEOUT_MS } from "./cluster_scene.ts";
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
  const killed = await scene.leader();
  await killed.end("kill");
  await killed.start();
  await waitFor(async () => (await killed.states()).size === AGENTS, { timeoutMs: 3_000, what: "a complete newcomer" });
  fleet.set(second, false);

  const paused = await scene.leader();
  paused.pause();
  await pass(6_000);
  paused.resume();
  await waitFor(() => paused.isSettled(), { timeoutMs: 15_000, what: "the paused instance to settle" });

  const cut = await scene.leader();
  cut.cut();
  await pass(TIMEOUT_MS / 2);
  cut.mend();
  await waitFor(() => cut.isSettled(), { timeoutMs: 20_000, what: "the instance that was cut off to settle" });
  await scene.agreed("the dead are offline", TIMEOUT_MS + 2_000);
  await waitFor(() => watcher.log.of("agentOffline").length === 2 * DEAD, { timeoutMs: 10_000, what: "their events" });

  fleet.set([...first, ...second], true);
  await scene.agreed("they are back", 6_000);
  const restarted = await scene.leader();
  await restarted.end("stop");
  await restarted.start();
  await scene.agreed("the same after the restart", 6_000);
  await waitFor(() => watcher.log.of("agentOnline").length === AGENTS + 2 * DEAD, {
    timeoutMs: 15_000,
    what: "the events of those that came back",
  });
  const returned = watcher.log.of("agentOnline").filter(({ first }) => first !== true).map(({ ip }) => ip);
  assert.equal(new Set(returned).size, 2 * DEAD);
  assert.equal(new Set(watcher.log.of("agentOffline").map(({ ip }) => ip)).size, 2 * DEAD);
  assert.deepEqual(watcher.log.of("agentOffline").length, 2 * DEAD);
  assert.deepEqual(watcher.log.of("guardOn"), []);
  assert.deepEqual(scene.wrongs, []);
  assert.deepEqual(scene.calls.faults, []);
  assert.ok(scene.calls.answered > 50);
  console.log({ ...fleet.counts, ...scene.calls, repeated: watcher.log.repeated });
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
