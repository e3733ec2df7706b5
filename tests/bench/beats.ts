import { cpuSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstJob, BurstResult } from "./beat_load.ts";
import { type Figure, median, type Target, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";

interface Load {
  readonly name: string;
  readonly job: Omit<BurstJob, "port" | "agents">;
  readonly target?: Target;
}

const AGENTS = 2_000;

/** Rounds are long enough that the kernel's 10 ms ticks of CPU time do not show. */
const LOADS: readonly Load[] = [
  {
    name: "beats, short connections",
    job: { kind: "short", beats: 6_000, connections: 32 },
    target: { kind: "at least", value: 1.35 },
  },
  { name: "beats, short, in 28 writes", job: { kind: "short", beats: 1_000, connections: 32, pieces: 28 } },
  {
    name: "beats, kept connections",
    job: { kind: "kept", beats: 30_000, connections: 16 },
    target: { kind: "at least", value: 2.5 },
  },
  { name: "beats, kept, 32 pipelined", job: { kind: "kept", beats: 40_000, connections: 16, pipelined: 32 } },
];

interface Server {
  readonly process: Child;
  readonly port: number;
}

type Measured = BurstResult & { readonly perCpuSecond: number };

/** Beats per second of the server's CPU time, against a server on npm:thrift. */
export async function beatFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using source = await startProduct("source", rabbit);
  await using binary = await startProduct("binary", rabbit);
  await using baseline = startScript("thrift_server.ts");
  const [, port] = await baseline.wrote(/beats on \S+:(\d+)/);
  await using load = startScript("beat_load.ts");
  const servers = { source, binary, thrift: { process: baseline, port: Number(port) } };
  const figures: Figure[] = [];
  for (const each of LOADS) figures.push(await figure(each, servers, load));
  return figures;
}

async function figure(
  { name, job, target }: Load,
  servers: Readonly<Record<"source" | "binary" | "thrift", Server>>,
  load: Child,
): Promise<Figure> {
  const rounds = await inTurns({
    source: () => measure(servers.source, job, load),
    thrift: () => measure(servers.thrift, job, load),
    binary: () => measure(servers.binary, job, load),
  });
  const perCpu = (results: readonly Measured[]) => median(results.map(({ perCpuSecond }) => perCpuSecond));
  const ratios = rounds.source.map((each, i) => each.perCpuSecond / (rounds.thrift[i]?.perCpuSecond ?? NaN));
  const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} x`;
  return {
    name,
    figure: `${thousands(perCpu(rounds.source))} /CPU-s`,
    baseline: `${thousands(perCpu(rounds.thrift))} /CPU-s`,
    value: median(ratios),
    unit: "x",
    target,
    notes: [
      `on ${RUNTIME} ${latency(rounds.source)}; npm:thrift ${latency(rounds.thrift)}; ratio ${spread}`,
      `the compiled executable ${thousands(perCpu(rounds.binary))} /CPU-s, ${latency(rounds.binary)}`,
      ...(job.pipelined === undefined ? [] : [`p50 and p99 are of ${job.pipelined} calls in one write`]),
    ],
  };
}

async function measure({ process, port }: Server, job: Load["job"], load: Child): Promise<Measured> {
  const before = await cpuSeconds(process.pid);
  const result = await load.run<BurstResult>({ ...job, port, agents: AGENTS });
  return { ...result, perCpuSecond: job.beats / (await cpuSeconds(process.pid) - before) };
}

function latency(results: readonly BurstResult[]): string {
  const of = (value: (result: BurstResult) => number) => median(results.map(value));
  const [p50, p99] = [of(({ p50Ms }) => p50Ms), of(({ p99Ms }) => p99Ms)];
  return `${thousands(of(({ perSecond }) => perSecond))} /s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`;
}
