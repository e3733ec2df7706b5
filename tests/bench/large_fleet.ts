import { coreWaitSeconds, residentBytes } from "../support/process_stats.ts";
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
/** How long the load runs before a list, ms. */
const QUIET_MS = 1_000;
/** And from then on, longer than a list takes, ms. */
const LIST_MS = 4_000;

interface ListUnderLoad {
  /** The longest wait of a beat while the list was under way, ms. */
  readonly longestMs: number;
  /** What nearly all beats took before it, ms. */
  readonly quietP99Ms: number;
  /** How long the server was ready to run meanwhile without getting a core, ms. */
  readonly coreWaitMs: number;
  readonly tookMs: number;
  readonly bytes: number;
}

/** The longest wait of a beat while the whole fleet is listed, seen from outside. */
async function stallFigure(product: Product, { calls, load }: { calls: Child; load: Child }): Promise<Figure> {
  await using probe = startScript("beat_load.ts");
  const lists: ListUnderLoad[] = [];
  for (let i = 0; i < LISTS; i++) lists.push(await listUnderLoad(product, { calls, load, probe }));
  const each = (value: (list: ListUnderLoad) => number) => lists.map(value);
  const longest = each(({ longestMs }) => longestMs);
  const all = longest.map((ms) => ms.toFixed(0)).join(", ");
  const megabytes = median(each(({ bytes }) => bytes)) / MEGABYTE;
  return {
    name: "longest wait of a beat in a list of 100,000",
    figure: `${median(longest).toFixed(0)} ms`,
    value: median(longest),
    unit: "ms",
    target: { kind: "at most", value: 100 },
    notes: [
      `the compiled executable under ${thousands(BEATS_PER_SECOND)} beats/s, median of ${LISTS} lists (${all} ms); ` +
      `p99 without a list ${median(each(({ quietP99Ms }) => quietP99Ms)).toFixed(1)} ms`,
      `one list is ${megabytes.toFixed(1)} MB and takes ${median(each(({ tookMs }) => tookMs)).toFixed(0)} ms, ` +
      `of which the server waits ${median(each(({ coreWaitMs }) => coreWaitMs)).toFixed(0)} ms for a core`,
    ],
  };
}

async function listUnderLoad(
  product: Product,
  { calls, load, probe }: { calls: Child; load: Child; probe: Child },
): Promise<ListUnderLoad> {
  const common = { kind: "paced", port: product.port, agents: AGENTS, durationMs: QUIET_MS + LIST_MS };
  const [samples, { reply, coreWaitMs }] = await Promise.all([
    probe.run<PacedResult>({ ...common, connections: 1, perSecond: 1000 / PROBE_MS }),
    new Promise((resolve) => setTimeout(resolve, QUIET_MS)).then(() => wholeList(product, calls)),
    load.run<PacedResult>({ ...common, connections: 32, perSecond: BEATS_PER_SECOND }),
  ]);
  const { fromMs, untilMs } = reply;
  const during = samples.filter(([atMs, tookMs]) => atMs <= untilMs && atMs + tookMs >= fromMs);
  const before = samples.filter(([atMs, tookMs]) => atMs + tookMs < fromMs);
  return {
    longestMs: percentile(during.map(([, tookMs]) => tookMs), 100),
    quietP99Ms: percentile(before.map(([, tookMs]) => tookMs), 99),
    coreWaitMs,
    tookMs: untilMs - fromMs,
    bytes: reply.replyBytes,
  };
}

async function wholeList(product: Product, calls: Child): Promise<{ reply: CallResult; coreWaitMs: number }> {
  const before = await coreWaitSeconds(product.process.pid);
  const reply = await list(product, calls);
  const coreWaitMs = (await coreWaitSeconds(product.process.pid) - before) * 1000;
  if (!reply.replyStart.includes(`"count":${AGENTS}`)) throw new Error(`no whole list: ${reply.replyStart}`);
  return { reply, coreWaitMs };
}

function list({ mqUrl }: Product, calls: Child): Promise<CallResult> {
  return calls.run<CallResult>({ url: mqUrl, action: "agentList", parameters: {}, calls: 1, outstanding: 1 });
}
