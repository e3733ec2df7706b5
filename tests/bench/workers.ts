import { threadSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstJob, BurstResult } from "./beat_load.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";
import { inTurns } from "./rounds.ts";

const AGENTS = 2_000;
const CLIENTS = 32;
const ROUNDS = 5;

/** With many calls in one write the load generator does the lesser part, and there is something left for a second thread. */
const PIPELINED = 32;

const LOADS: readonly {
  readonly name: string;
  readonly job: Pick<BurstJob, "kind" | "beats" | "connections" | "pipelined">;
}[] = [
  { name: "short", job: { kind: "short", beats: 8_000, connections: CLIENTS } },
  { name: "kept", job: { kind: "kept", beats: 30_000, connections: CLIENTS } },
  {
    name: `kept, ${PIPELINED} calls in one write`,
    job: { kind: "kept", beats: 100_000, connections: CLIENTS, pipelined: PIPELINED },
  },
];

/** What one burst took: CPU time in microseconds a beat. */
interface Measured extends BurstResult {
  /** Of the service and the load together. */
  readonly all: number;
  readonly service: number;
  /** Of the service's main thread. */
  readonly main: number;
}

type Variant = "none" | "one" | "two" | "binaryNone" | "binaryTwo";

/**
 * What `thrift.workers` changes: beats per second of real time, and what they cost. The load generator runs on the same
 * cores and its CPU time is counted in, so two cores show that a second thread takes work over, not how far that goes.
 */
export async function workerFigures(rabbit: RabbitServer): Promise<Figure[]> {
  const start = (how: "source" | "binary", workers: number) =>
    startProduct(how, rabbit, { config: `thrift.workers = ${workers}\n` });
  await using none = await start("source", 0);
  await using one = await start("source", 1);
  await using two = await start("source", 2);
  await using binaryNone = await start("binary", 0);
  await using binaryTwo = await start("binary", 2);
  await using load = startScript("beat_load.ts");
  const products = { none, one, two, binaryNone, binaryTwo };
  const figures: Figure[] = [];
  for (const each of LOADS) {
    Deno.stderr.writeSync(new TextEncoder().encode(`  ${each.name}\n`));
    const rounds = await inTurns({
      none: () => measure(products.none, each.job, load),
      one: () => measure(products.one, each.job, load),
      two: () => measure(products.two, each.job, load),
      binaryNone: () => measure(products.binaryNone, each.job, load),
      binaryTwo: () => measure(products.binaryTwo, each.job, load),
    }, ROUNDS);
    figures.push(...figuresOf(each.name, rounds));
  }
  return figures;
}

function figuresOf(name: string, rounds: Readonly<Record<Variant, Measured[]>>): Figure[] {
  return ([["one", "1 worker"], ["two", "2 workers"]] as const).map(([variant, workers]) => {
    const ratios = rounds[variant].map(({ perSecond }, i) => perSecond / (rounds.none[i]?.perSecond ?? NaN));
    const costs = rounds[variant].map(({ all }, i) => all / (rounds.none[i]?.all ?? NaN));
    const mainMicroseconds = of(rounds[variant], ({ main }) => main);
    return {
      name: `beats, ${name}, ${workers}, load on the same cores`,
      figure: `${rate(rounds[variant])} beats/s`,
      baseline: `0 workers ${rate(rounds.none)} beats/s`,
      value: median(ratios),
      unit: "x",
      notes: [
        `${workers} ${described(rounds[variant])}; 0 workers ${described(rounds.none)}`,
        `in all ${median(costs).toFixed(2)} x the CPU time of 0 workers; at ${
          mainMicroseconds.toFixed(1)
        } us a beat the ` +
        `main thread alone would be full at ${thousands(1e6 / mainMicroseconds)} beats/s, which two cores cannot show`,
        ...(variant === "one" ? [] : [
          `the compiled executable: 2 workers ${rate(rounds.binaryTwo)} beats/s, ${described(rounds.binaryTwo)}; ` +
          `0 workers ${rate(rounds.binaryNone)} beats/s, ${described(rounds.binaryNone)}`,
        ]),
      ],
    };
  });
}

async function measure(
  { process: { pid }, port }: Product,
  job: (typeof LOADS)[number]["job"],
  load: Child,
): Promise<Measured> {
  if (job.kind === "kept") await load.run({ kind: "open", port, connections: job.connections });
  const before = [await threadSeconds(pid), await threadSeconds(load.pid)] as const;
  const result = await load.run<BurstResult>({ ...job, port, agents: AGENTS });
  const after = [await threadSeconds(pid), await threadSeconds(load.pid)] as const;
  if (job.kind === "kept") await load.run({ kind: "close", port });
  const perBeat = (seconds: number) => seconds / job.beats * 1e6;
  const service = perBeat(sum(after[0]) - sum(before[0]));
  const thread = String(pid);
  return {
    ...result,
    service,
    all: service + perBeat(sum(after[1]) - sum(before[1])),
    main: perBeat((after[0].get(thread) ?? NaN) - (before[0].get(thread) ?? NaN)),
  };
}

function sum(threads: ReadonlyMap<string, number>): number {
  return [...threads.values()].reduce((sum, seconds) => sum + seconds, 0);
}

function of(results: readonly Measured[], value: (result: Measured) => number): number {
  return median(results.map(value));
}

function rate(results: readonly Measured[]): string {
  return thousands(of(results, ({ perSecond }) => perSecond));
}

function described(results: readonly Measured[]): string {
  const cost = (value: (result: Measured) => number) => `${of(results, value).toFixed(1)} us`;
  return `${thousands(1e6 / of(results, ({ all }) => all))} beats/CPU-s with the load, ${
    cost(({ service }) => service)
  } ` +
    `of CPU in the service, ${cost(({ main }) => main)} in its main thread, p99 ${
      of(results, ({ p99Ms }) => p99Ms).toFixed(1)
    } ms`;
}
