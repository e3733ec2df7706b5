import assert from "node:assert/strict";
import { BINARY } from "../support/binary.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { type ClusterMember, ClusterScene } from "./cluster_scene.ts";
import { EventConsumer } from "./event_consumer.ts";
import { restampedBinary } from "./restamped.ts";

const AGENTS = 2_000;
/** How many of them die, twice. */
const DEAD = 30;
/** Long enough for RabbitMQ to give up the connection of a process that stands still, ms. */
const PAUSE_MS = 30_000;
/** How long another one is cut off from RabbitMQ meanwhile, ms. */
const CUT_MS = 10_000;

/**
 * The build before has no cluster yet, so the executable that is upgraded is this one under another version: it shows that
 * a cluster is whole while its instances go and come one by one, and that they tell versions apart.
 */
Deno.test("elves-heartbeat in three instances: killed, paused for 30 s, cut off, upgraded, and the fleet is what it is", async () => {
  await using rabbit = await startRabbit();
  await using watcher = await EventConsumer.open(rabbit.url);
  await using old = await restampedBinary();
  await using scene = await ClusterScene.start(rabbit, { agents: AGENTS, random: seeded(1), path: old.path });
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
  const pauseEnd = performance.now() + PAUSE_MS;
  const [cut] = scene.members.filter((member) => member !== paused) as [ClusterMember];
  scene.phase = "paused, another one cut off";
  cut.cut();
  await until(performance.now() + CUT_MS);
  scene.phase = "paused, the other one mended";
  cut.mend();
  await waitFor(() => cut.isSettled(), { timeoutMs: 20_000, what: "the instance that was cut off to settle" });
  await until(pauseEnd);
  // RabbitMQ has given its connection up, of which it knows nothing.
  scene.phase = "resumed";
  paused.resume();
  await waitFor(() => paused.isSettled(), { timeoutMs: 15_000, what: "the paused instance to settle" });
  assert.ok(paused.process.logs.some((line) => /cluster: cut off from the others/.test(line)));
  await scene.agreed("the dead are offline", 25_000);
  await scene.told(watcher.log, "agentOffline", 2 * DEAD);

  scene.phase = "return";
  fleet.set([...first, ...second], true);
  for (const [i, member] of scene.members.entries()) {
    scene.phase = `upgrade of ${i}`;
    await upgrade(member, { from: old.version, others: i });
  }
  await scene.agreed("they are back", 6_000);
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

/** Restarts an instance with this build. @param others how many of the others have it already */
async function upgrade(member: ClusterMember, { from, others }: { from: string; others: number }): Promise<void> {
  await member.end("stop");
  member.path = BINARY;
  await member.start();
  await waitFor(() => member.isReady(), { timeoutMs: 15_000, what: "the new instance to be ready" });
  const versions = async () => {
    const { version, cluster } = await member.summary();
    assert.notEqual(version, from);
    const found = cluster.enabled ? cluster.members.map((other) => other.version) : [];
    return found.length === 2 && found.filter((other) => other === version).length === others;
  };
  await waitFor(versions, { timeoutMs: 5_000, what: "the versions of the others" });
}

/** Lets time pass in which something is broken; the others go on meanwhile. */
async function until(endMs: number): Promise<void> {
  await waitFor(() => performance.now() >= endMs, { timeoutMs: PAUSE_MS + 5_000, what: "time to pass" });
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
