import { cpuSecondsSince, threadSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstJob, BurstResult } from "./beat_load.ts";
import { type Comparison, type Figure, median, type Target, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { startProduct } from "./product.ts";
import { inTurns, MORE_ROUNDS, RUNTIME } from "./rounds.ts";

interface Load {
  readonly name: string;
  readonly job: Omit<BurstJob, "port" | "agents">;
  /** How many times the CPU time of the bare loop, and of how many of ours npm:thrift's must be. */
  readonly targets?: Readonly<Record<"bare" | "thrift", Target>>;
}

const AGENTS = 2_000;
/** How many rounds count where there is no target. */
const FEWER_ROUNDS = 5;
/** How many writes an agent makes for one call. */
const PIECES = 28;

const SHORT = { bare: { kind: "at most", value: 1.25 }, thrift: { kind: "at least", value: 1.5 } } as const;
const KEPT = { bare: { kind: "at most", value: 1.5 }, thrift: { kind: "at least", value: 3 } } as const;

/**
 * The targets are for 32 clients: one measures the machine's way of sleeping and waking as well, 2,000 that of reaching
 * for memory, and with many pieces most of the time is the runtime's.
 */
const LOADS: readonly Load[] = [
  { name: "beats, short, 32 clients", job: { kind: "short", beats: 5_000, connections: 32 }, targets: SHORT },
  { name: "beats, short, 1 client", job: { kind: "short", beats: 2_000, connections: 1 } },
  { name: "beats, short, 2,000 clients", job: { kind: "short", beats: 5_000, connections: 2_000 } },
  { name: "beats, short, 32 clients, 28 writes", job: { kind: "short", beats: 800, connections: 32, pieces: PIECES } },
  { name: "beats, short, 1 client, 28 writes", job: { kind: "short", beats: 500, connections: 1, pieces: PIECES } },
  {
    name: "beats, short, 2,000 clients, 28 writes",
    job: { kind: "short", beats: 2_000, connections: 2_000, pieces: PIECES },
  },
  { name: "beats, kept, 32 clients", job: { kind: "kept", beats: 60_000, connections: 32 }, targets: KEPT },
  { name: "beats, kept, 1 client", job: { kind: "kept", beats: 5_000, connections: 1 } },
  { name: "beats, kept, 2,000 clients", job: { kind: "kept", beats: 15_000, connections: 2_000 } },
  { name: "beats, kept, 32 clients, 28 writes", job: { kind: "kept", beats: 1_200, connections: 32, pieces: PIECES } },
  { name: "beats, kept, 1 client, 28 writes", job: { kind: "kept", beats: 800, connections: 1, pieces: PIECES } },
  {
    name: "beats, kept, 2,000 clients, 28 writes",
    job: { kind: "kept", beats: 2_000, connections: 2_000, pieces: PIECES },
  },
];

interface Server {
  readonly process: Child;
  readonly port: number;
}

type Servers = Readonly<Record<"source" | "binary" | "bare" | "thrift", Server>>;

type Measured = BurstResult & { readonly cpuMicroseconds: number };

/** CPU time of the server for a beat, against a bare loop on the same runtime and a server on npm:thrift. */
export async function beatFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using source = await startProduct("source", rabbit);
  await using binary = await startProduct("binary", rabbit);
  await using bare = startScript("bare_loop.ts");
  await using thrift = startScript("thrift_server.ts");
  await using load = startScript("beat_load.ts");
  const servers = { source, binary, bare: await listening(bare), thrift: await listening(thrift) };
  const figures: Figure[] = [];
  for (const each of LOADS) {
    Deno.stderr.writeSync(new TextEncoder().encode(`  ${each.name}\n`));
    figures.push(await figure(each, servers, load));
  }
  return figures;
}

async function listening(process: Child): Promise<Server> {
  const [, port] = await process.wrote(/beats on \S+:(\d+)/);
  return { process, port: Number(port) };
}

async function figure({ name, job, targets }: Load, servers: Servers, load: Child): Promise<Figure> {
  const rounds = await inTurns({
    source: () => measure(servers.source, job, load),
    bare: () => measure(servers.bare, job, load),
    thrift: () => measure(servers.thrift, job, load),
    binary: () => measure(servers.binary, job, load),
  }, targets === undefined ? FEWER_ROUNDS : MORE_ROUNDS);
  const overBare = rounds.source.map(({ cpuMicroseconds }, i) => cpuMicroseconds / cost(rounds.bare[i]));
  const ofThrift = rounds.source.map(({ cpuMicroseconds }, i) => cost(rounds.thrift[i]) / cpuMicroseconds);
  return {
    name,
    figure: `${us(rounds.source)} of CPU`,
    ...compared(`bare loop ${us(rounds.bare)}`, overBare, targets?.bare),
    further: [compared(`npm:thrift ${us(rounds.thrift)}`, ofThrift, targets?.thrift)],
    notes: [
      `on ${RUNTIME} ${latency(rounds.source)} (${spread(overBare)} the bare loop); bare loop ${
        latency(rounds.bare)
      }; ` +
      `npm:thrift ${latency(rounds.thrift)}`,
      `the compiled executable ${us(rounds.binary)} of CPU, ${latency(rounds.binary)}`,
    ],
  };
}

function compared(baseline: string, ratios: readonly number[], target: Target | undefined): Comparison {
  return { baseline, value: median(ratios), unit: "x", target };
}

function spread(ratios: readonly number[]): string {
  return `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} x`;
}

async function measure({ process, port }: Server, job: Load["job"], load: Child): Promise<Measured> {
  const { kind, connections } = job;
  if (kind === "kept") await load.run({ kind: "open", port, connections });
  const before = await threadSeconds(process.pid);
  const result = await load.run<BurstResult>({ ...job, port, agents: AGENTS });
  const cpuMicroseconds = await cpuSecondsSince(before, process.pid) / job.beats * 1e6;
  if (kind === "kept") await load.run({ kind: "close", port });
  return { ...result, cpuMicroseconds };
}

function cost(measured: Measured | undefined): number {
  return measured?.cpuMicroseconds ?? NaN;
}

function us(results: readonly Measured[]): string {
  return `${median(results.map(cost)).toFixed(1)} us`;
}

function latency(results: readonly BurstResult[]): string {
  const of = (value: (result: BurstResult) => number) => median(results.map(value));
  const [p50, p99] = [of(({ p50Ms }) => p50Ms), of(({ p99Ms }) => p99Ms)];
  const resets = results.reduce((sum, { resets }) => sum + resets, 0);
  return `${thousands(of(({ perSecond }) => perSecond))} /s, p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms` +
    (resets > 0 ? `, ${resets} resets` : "");
}
