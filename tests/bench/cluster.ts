import { cpuSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import type { BurstJob, BurstResult } from "./beat_load.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { addVhost, type Product, startProduct } from "./product.ts";
import { inTurns } from "./rounds.ts";

const ON = { config: "cluster.enabled = true\n" };
/** Each with an app map of its own, so that records are as large as they get with small ones. */
const AGENTS = 100_000;
/** How often so many beats of known agents go to the one instance and are counted at the other. */
const ROUNDS = 3;

/** What a second instance costs: to pass beats on, to take them in, and to read them all at a start. */
export async function clusterFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using load = startScript("beat_load.ts");
  return [await passingOn(rabbit, load), ...await takingIn(rabbit, load)];
}

/** Beats per second of CPU time with `cluster.enabled`, against the same without. */
async function passingOn(rabbit: RabbitServer, load: Child): Promise<Figure> {
  await using on = await startProduct("binary", rabbit, ON);
  await using off = await startProduct("binary", rabbit);
  await settled(on);
  const job = { kind: "short", beats: 6_000, connections: 32, agents: 6_000 } as const;
  const perCpuSecond = async (product: Product) => {
    const before = await cpuSeconds(product.process.pid);
    await burst(product, job, load);
    return job.beats / (await cpuSeconds(product.process.pid) - before);
  };
  const rounds = await inTurns({ on: () => perCpuSecond(on), off: () => perCpuSecond(off) });
  const ratios = rounds.on.map((each, i) => each / (rounds.off[i] ?? NaN));
  return {
    name: "beats, short connections, cluster",
    figure: `${thousands(median(rounds.on))} /CPU-s`,
    baseline: `${thousands(median(rounds.off))} /CPU-s`,
    value: median(ratios),
    unit: "x",
    notes: [
      "the compiled executable with cluster.enabled against the same without; " +
      `ratio ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} x`,
    ],
  };
}

/** What beats cost the instance that they do not come to, and a newcomer. */
async function takingIn(rabbit: RabbitServer, load: Child): Promise<Figure[]> {
  const vhost = await addVhost(rabbit);
  await using sender = await startProduct("binary", rabbit, { ...ON, vhost });
  await using receiver = await startProduct("binary", rabbit, { ...ON, vhost });
  await Promise.all([settled(sender), settled(receiver)]);
  const cost = async () => 1000 * await costOfRound({ sender, receiver, load });
  const newMs = await cost();
  const knownMs = [await cost()];
  const newcomer = await replay(rabbit, vhost);
  const alone = await replay(rabbit, await addVhost(rabbit));
  while (knownMs.length < ROUNDS) knownMs.push(await cost());
  return [
    {
      name: "100,000 beats of another instance",
      figure: `${median(knownMs).toFixed(0)} CPU-ms`,
      notes: [
        `at the instance that they did not come to (${knownMs.map((ms) => ms.toFixed(0)).join(", ")}), storing them ` +
        `included; ${newMs.toFixed(0)} CPU-ms for as many new agents`,
      ],
    },
    {
      name: `start with ${thousands(2 * AGENTS)} beats in the stream`,
      figure: `${newcomer.seconds.toFixed(1)} s`,
      baseline: `${alone.seconds.toFixed(1)} s`,
      notes: [
        `of ${
          thousands(AGENTS)
        } agents, from the start of the process until it has caught up, against the same with an ` +
        `empty stream; CPU time ${newcomer.cpuSeconds.toFixed(2)} s against ${alone.cpuSeconds.toFixed(2)} s`,
      ],
    },
  ];
}

async function costOfRound(
  { sender, receiver, load }: { sender: Product; receiver: Product; load: Child },
): Promise<number> {
  const before = await cpuSeconds(receiver.process.pid);
  const startedMs = Date.now();
  const job = { kind: "kept", beats: AGENTS, agents: AGENTS, connections: 8, pipelined: 32 } as const;
  await burst(sender, job, load);
  const last = AGENTS - 1;
  const path = `/api/v1/agents/10.${last >> 16}.${(last >> 8) & 0xff}.${last & 0xff}`;
  const [, base = ""] = await receiver.process.wrote(/metrics on (http:\S+)/);
  await waitFor(async () => {
    const answer = await fetch(base + path);
    const { last_hb_ms: lastMs } = await answer.json();
    return answer.ok && lastMs >= startedMs;
  }, { timeoutMs: 30_000, what: "the last beat at the other instance" });
  return await cpuSeconds(receiver.process.pid) - before;
}

/** How long a newcomer needs until it knows the fleet. */
async function replay(rabbit: RabbitServer, vhost: string): Promise<{ seconds: number; cpuSeconds: number }> {
  const started = performance.now();
  await using newcomer = await startProduct("binary", rabbit, { ...ON, vhost });
  await newcomer.process.wrote(/cluster: caught up/);
  return { seconds: (performance.now() - started) / 1000, cpuSeconds: await cpuSeconds(newcomer.process.pid) };
}

async function settled({ process }: Product): Promise<void> {
  await process.wrote(/cluster: everybody was heard out/);
}

function burst({ port }: Product, job: Omit<BurstJob, "port">, load: Child): Promise<BurstResult> {
  return load.run<BurstResult>({ ...job, port });
}
