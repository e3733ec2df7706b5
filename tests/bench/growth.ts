import { cpuSecondsSince, threadSeconds } from "../support/process_stats.ts";
import { elapsed, waitFor } from "../support/wait_for.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstResult, PacedResult } from "./beat_load.ts";
import { type Figure, median, percentile, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";
import { inTurns } from "./rounds.ts";

const FEW = 1_000;
const MANY = 1_000_000;
/** The guard holds a million agents that beat once: none goes offline, and so none is written, while this runs. */
const CONFIG = `agent.max = ${MANY}\nagent.timeout = 2h\n`;
/**
 * So slow that even of 1,000 agents each beats once between two flushes: every beat is one row to store in both. Agents
 * beat in the order of their rows, as in a fleet where each does once a minute; rows all over the table would be as many
 * pages to write.
 */
const PACE = { kind: "paced", connections: 32, perSecond: 2_000, durationMs: 4_000 } as const;

/** Single rounds are off by a fifth or more, either way; with 13 of them the median of four runs was 7 to 18 %. */
const ROUNDS = 25;
/** V8 collects the garbage of filling in several goes, seconds apart; of a million agents each takes a second of CPU, ms. */
const SETTLING_MS = 30_000;
/** Longer than the 500 ms between two flushes, ms. */
const QUIET_MS = 700;
/** How much of a core a product uses at most that nobody asks anything. */
const QUIET_SHARE = 0.05;

type Measured = { readonly cpuMicroseconds: number; readonly p99Ms: number };

/** What a beat costs in a fleet of 1,000 agents and in one of 1,000,000, at the same rate. */
export async function growthFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using few = await startProduct("source", rabbit, { config: CONFIG });
  await using many = await startProduct("source", rabbit, { config: CONFIG });
  await using load = startScript("beat_load.ts");
  await fill(few, FEW, load);
  await fill(many, MANY, load);
  await elapsed(SETTLING_MS);
  const rounds = await inTurns({
    few: () => measure(few, FEW, load),
    many: () => measure(many, MANY, load),
  }, ROUNDS);
  const cost = (results: readonly Measured[]) => median(results.map(({ cpuMicroseconds }) => cpuMicroseconds));
  const p99 = (results: readonly Measured[]) => median(results.map(({ p99Ms }) => p99Ms));
  const more = rounds.many.map((each, i) => 100 * (each.cpuMicroseconds / (rounds.few[i]?.cpuMicroseconds ?? NaN) - 1));
  return [{
    name: `beats, ${thousands(MANY)} agents`,
    figure: `${cost(rounds.many).toFixed(1)} us of CPU`,
    baseline: `${thousands(FEW)} agents ${cost(rounds.few).toFixed(1)} us`,
    value: median(more),
    unit: "%",
    target: { kind: "at most", value: 15 },
    notes: [
      `more CPU time than with ${thousands(FEW)} agents (${more.map((each) => each.toFixed(0)).join(", ")} %), each ` +
      `beat stored, at ${thousands(PACE.perSecond)} /s on kept connections; p99 ${p99(rounds.many).toFixed(1)} ms ` +
      `against ${p99(rounds.few).toFixed(1)} ms`,
    ],
  }];
}

async function fill({ port, process }: Product, agents: number, load: Child): Promise<void> {
  await load.run<BurstResult>({ kind: "kept", port, agents, beats: agents, connections: 8, pipelined: 32 });
  await quiet(process.pid);
}

/** Waits until a process does next to nothing for a moment, as when it has stored all rows. */
async function quiet(pid: number): Promise<void> {
  const isQuiet = async () => {
    const before = await threadSeconds(pid);
    await elapsed(QUIET_MS);
    return await cpuSecondsSince(before, pid) < QUIET_MS / 1000 * QUIET_SHARE;
  };
  await waitFor(isQuiet, { timeoutMs: 120_000, what: `process ${pid} without work` });
}

async function measure({ port, process }: Product, agents: number, load: Child): Promise<Measured> {
  const before = await threadSeconds(process.pid);
  const samples = await load.run<PacedResult>({ ...PACE, port, agents, from: Math.floor(Math.random() * agents) });
  await quiet(process.pid);
  const cpuMicroseconds = await cpuSecondsSince(before, process.pid) / samples.length * 1e6;
  return { cpuMicroseconds, p99Ms: percentile(samples.map(([, tookMs]) => tookMs), 99) };
}
