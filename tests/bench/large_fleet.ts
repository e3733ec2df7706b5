import { residentBytes } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstResult, PacedResult } from "./beat_load.ts";
import type { CallResult } from "./call_load.ts";
import { type Figure, median, percentile, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";

const AGENTS = 100_000;
const BEATS = 300_000;
const MEGABYTE = 1_000_000;

/** The memory of 100,000 agents, and how long their list holds up beats. */
export async function largeFleetFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using product = await startProduct("binary", rabbit);
  await using calls = startScript("call_load.ts");
  // An answer says that everything is loaded and connected.
  await list(product, calls);
  const emptyBytes = await residentBytes(product.process.pid);
  await using load = startScript("beat_load.ts");
  const burst = await load.run<BurstResult>({
    kind: "kept",
    port: product.port,
    beats: BEATS,
    agents: AGENTS,
    connections: 8,
    pipelined: 32,
  });
  const fullBytes = await residentBytes(product.process.pid);
  const memory: Figure = {
    name: "memory of 100,000 agents",
    figure: `${((fullBytes - emptyBytes) / MEGABYTE).toFixed(0)} MB`,
    value: (fullBytes - emptyBytes) / MEGABYTE,
    unit: "MB",
    target: { kind: "at most", value: 120 },
    notes: [
      `the compiled executable, RSS ${(emptyBytes / MEGABYTE).toFixed(0)} MB empty, ` +
      `${(fullBytes / MEGABYTE).toFixed(0)} MB after ${thousands(BEATS)} beats at ${thousands(burst.perSecond)} /s`,
    ],
  };
  return [memory, await stallFigure(product, { calls, load })];
}

const LISTS = 5;
const BEATS_PER_SECOND = 1_000;
/** How often a beat on a connection of its own measures how long the loop is busy, ms. */
const PROBE_MS = 4;
/** How long the load runs before, between and after lists: the quiet time that a list's stall is compared with, ms. */
const QUIET_MS = 1_000;
const LIST_MS = 6_000;

/** The longest wait of a beat while the whole fleet is listed, seen from outside. */
async function stallFigure(product: Product, { calls, load }: { calls: Child; load: Child }): Promise<Figure> {
  await using probe = startScript("beat_load.ts");
  const stalls: number[] = [];
  const quiet: number[] = [];
  const lists: CallResult[] = [];
  for (let i = 0; i < LISTS; i++) {
    const { port } = product;
    const durationMs = QUIET_MS + LIST_MS;
    const common = { kind: "paced", port, agents: AGENTS, durationMs };
    const [samples, reply] = await Promise.all([
      probe.run<PacedResult>({ ...common, connections: 1, perSecond: 1000 / PROBE_MS }),
      new Promise((resolve) => setTimeout(resolve, QUIET_MS)).then(() => list(product, calls)),
      load.run<PacedResult>({ ...common, connections: 32, perSecond: BEATS_PER_SECOND }),
    ]);
    if (!reply.replyStart.includes(`"count":${AGENTS}`)) throw new Error(`no whole list: ${reply.replyStart}`);
    lists.push(reply);
    const during = samples.filter(([atMs, tookMs]) => atMs <= reply.untilMs && atMs + tookMs >= reply.fromMs);
    const before = samples.filter(([atMs, tookMs]) => atMs + tookMs < reply.fromMs);
    stalls.push(Math.max(...during.map(([, tookMs]) => tookMs)));
    quiet.push(percentile(before.map(([, tookMs]) => tookMs), 99));
  }
  const ms = (values: readonly number[]) => values.map((value) => value.toFixed(0)).join(", ");
  const megabytes = (lists[0]?.replyBytes ?? 0) / MEGABYTE;
  return {
    name: "longest wait of a beat in a list of 100,000",
    figure: `${median(stalls).toFixed(0)} ms`,
    value: median(stalls),
    unit: "ms",
    target: { kind: "at most", value: 100 },
    notes: [
      `the compiled executable under ${thousands(BEATS_PER_SECOND)} beats/s, median of ${LISTS} lists (${
        ms(stalls)
      } ms), ` +
      `p99 without a list ${median(quiet).toFixed(1)} ms; one list is ${megabytes.toFixed(1)} MB and takes ` +
      `${median(lists.map(({ fromMs, untilMs }) => untilMs - fromMs)).toFixed(0)} ms`,
    ],
  };
}

function list({ mqUrl }: Product, calls: Child): Promise<CallResult> {
  return calls.run<CallResult>({ url: mqUrl, action: "agentList", parameters: {}, calls: 1, outstanding: 1 });
}
