import { coreWaitSeconds, cpuSecondsSince, threadSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import type { BurstResult, PacedResult } from "./beat_load.ts";
import type { CallResult } from "./call_load.ts";
import type { EchoJob } from "./echo_consumer.ts";
import { type Figure, median, percentile, type Target, thousands } from "./figure.ts";
import type { ListCost, ListTextJob } from "./list_text.ts";
import { type Stretch, STRETCH_MARK } from "./loop_stretch.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, type Runtime, runtimeOfBinary, startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";

const AGENTS = 100_000;

/** How many rows are asked for, and how often in one measurement. */
const SIZES = [{ rows: 10, times: 200 }, { rows: 1_000, times: 20 }, { rows: AGENTS, times: 1 }] as const;

/** agentList against JSON.stringify of the same rows, and how long the list of a whole fleet holds up everything else. */
export async function listFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using source = await startProduct("source", rabbit, { preload: "loop_probe.ts" });
  await using binary = await startProduct("binary", rabbit);
  await using load = startScript("beat_load.ts");
  for (const product of [source, binary]) await fill(product, load);
  await using calls = startScript("call_load.ts");
  await using text = startScript("list_text.ts", source.mqUrl);
  await using echo = startScript("echo_consumer.ts", rabbit.url);
  const figures = [];
  for (const size of SIZES) {
    Deno.stderr.writeSync(new TextEncoder().encode(`  ${size.rows} rows\n`));
    figures.push(await listFigure({ source, calls, text, echo, echoUrl: rabbit.url }, size));
  }
  Deno.stderr.writeSync(new TextEncoder().encode("  stalls\n"));
  return [
    ...figures,
    await stretchFigure(source, { calls, load }),
    await waitFigure(binary, { calls, load }),
    ...await binaryStretch(rabbit, { calls, load }),
  ];
}

async function fill({ port }: Product, load: Child): Promise<void> {
  const burst = { kind: "kept", port, beats: AGENTS, agents: AGENTS, connections: 8, pipelined: 32 };
  await load.run<BurstResult>(burst);
}

interface ListPeers {
  readonly source: Product;
  readonly calls: Child;
  readonly text: Child;
  readonly echo: Child;
  readonly echoUrl: string;
}

/** The product's CPU time holds the call too, and sending the answer: that is what the bare echo costs. */
async function listFigure({ source, calls, text, echo, echoUrl }: ListPeers, size: ListTextJob): Promise<Figure> {
  const { rows, times } = size;
  const measure = async (process: Child, url: string): Promise<ListCost> => {
    const before = await threadSeconds(process.pid);
    const { p50Ms } = await list(url, { calls, size });
    return { tookMs: p50Ms, cpuMs: await cpuSecondsSince(before, process.pid) * 1000 / times };
  };
  const { replyBytes } = await list(source.mqUrl, { calls, size });
  await echo.run({ bytes: replyBytes } satisfies EchoJob);
  const rounds = await inTurns({
    ours: () => measure(source.process, source.mqUrl),
    text: () => text.run<ListCost>(size),
    echo: () => measure(echo, echoUrl),
  });
  const cpu = (costs: readonly ListCost[]) => median(costs.map(({ cpuMs }) => cpuMs)).toFixed(2);
  const ratio = (costs: readonly ListCost[]) =>
    median(rounds.ours.map((each, i) => each.cpuMs / (costs[i]?.cpuMs ?? NaN)));
  const took = (costs: readonly ListCost[]) => median(costs.map(({ tookMs }) => tookMs)).toFixed(2);
  return {
    name: `agentList of ${thousands(rows)} rows, CPU`,
    figure: `${cpu(rounds.ours)} ms`,
    baseline: `JSON.stringify ${cpu(rounds.text)} ms`,
    value: ratio(rounds.text),
    unit: "x",
    further: [{ baseline: `bare echo ${cpu(rounds.echo)} ms`, value: ratio(rounds.echo), unit: "x" }],
    notes: [
      `on ${RUNTIME}, a whole call of a fleet of ${
        thousands(AGENTS)
      }, against JSON.stringify of the same rows alone, and ` +
      `against a bare amqplib consumer that has the same ${thousands(replyBytes)} bytes ready`,
      `the caller has it after ${took(rounds.ours)} ms, from the bare consumer after ${took(rounds.echo)} ms; ` +
      `JSON.stringify takes ${took(rounds.text)} ms`,
    ],
  };
}

const LISTS = 9;
/** For how long a list may hold up everything else, ms. */
const LONGEST: Target = { kind: "at most", value: 50 };
const BEATS_PER_SECOND = 1_000;

/** The longest stretch of work without a turn for anything else while the whole fleet is listed, seen from inside. */
async function stretchFigure(
  product: Product,
  peers: { calls: Child; load: Child; runtime?: Runtime },
): Promise<Figure> {
  const probe = new LoopProbe(product.process);
  const quiet: Stretch[] = [];
  const lists: Stretch[] = [];
  for (let i = 0; i <= LISTS; i++) {
    const beats = peers.load.run<PacedResult>(beating(product));
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS / 2));
    await probe.longest();
    await new Promise((resolve) => setTimeout(resolve, QUIET_MS / 2));
    const before = await probe.longest();
    await wholeList(product, peers.calls);
    const during = await probe.longest();
    await beats;
    if (i === 0) continue;
    quiet.push(before);
    lists.push(during);
  }
  const cpu = lists.map(({ cpuMs }) => cpuMs);
  const all = (values: readonly number[]) => values.map((ms) => ms.toFixed(0)).join(", ");
  return {
    name: `longest stretch of work in a list of 100,000${peers.runtime === undefined ? "" : ", executable's runtime"}`,
    figure: `${median(cpu).toFixed(0)} ms, at worst ${Math.max(...cpu).toFixed(0)} ms`,
    value: median(cpu),
    unit: "ms",
    target: LONGEST,
    notes: [
      `the sources on ${peers.runtime === undefined ? RUNTIME : `${peers.runtime.name} with the executable's flags`} ` +
      `under ${thousands(BEATS_PER_SECOND)} beats/s: CPU time of the main thread between two rounds of its ` +
      `event loop, which other processes do not lengthen; median of ${LISTS} lists, the longest of each ${
        all(cpu)
      } ms, without a ` +
      `list ${median(quiet.map(({ cpuMs }) => cpuMs)).toFixed(0)} ms`,
      `and with the time for which it waits for other threads of its own (collecting garbage), but not for a core: ` +
      `${all(lists.map(({ busyMs }) => busyMs))} ms, without a list ` +
      `${median(quiet.map(({ busyMs }) => busyMs)).toFixed(0)} ms`,
    ],
  };
}

/** The same where the Deno of the executable is at hand, since the probe cannot be loaded into the executable itself. */
async function binaryStretch(rabbit: RabbitServer, peers: { calls: Child; load: Child }): Promise<Figure[]> {
  const runtime = await runtimeOfBinary();
  if (runtime === undefined) return [];
  await using product = await startProduct("source", rabbit, { preload: "loop_probe.ts", runtime });
  await fill(product, peers.load);
  return [await stretchFigure(product, { ...peers, runtime })];
}

/** Asks the probe that was loaded into the product's process. */
export class LoopProbe {
  readonly #process: Child;
  #asked = 0;

  constructor(process: Child) {
    this.#process = process;
  }

  /** The longest stretch since this was asked the last time. */
  async longest(): Promise<Stretch> {
    const index = this.#asked++;
    Deno.kill(this.#process.pid, "SIGUSR2");
    const line = await waitFor(
      () => this.#process.errors.filter((each) => each.startsWith(STRETCH_MARK))[index],
      { timeoutMs: 10_000, what: "an answer of the probe in the event loop" },
    );
    return JSON.parse(line.slice(STRETCH_MARK.length));
  }
}

/** How often a beat on a connection of its own measures how long the loop is busy, ms. */
const PROBE_MS = 4;
/** How long the load runs before a list, ms. */
const QUIET_MS = 500;
/** And from then on, longer than a list takes, ms. */
const LIST_MS = 2_000;

interface ListUnderLoad {
  /** The longest wait of a beat while the list was under way, ms. */
  readonly longestMs: number;
  /** What nearly all beats took before it, ms. */
  readonly quietP99Ms: number;
  /** How long the server was ready to run meanwhile without getting a core, ms. */
  readonly coreWaitMs: number;
  readonly tookMs: number;
}

/** The longest wait of a beat while the whole fleet is listed, seen from outside. */
async function waitFigure(product: Product, { calls, load }: { calls: Child; load: Child }): Promise<Figure> {
  await using probe = startScript("beat_load.ts");
  const lists: ListUnderLoad[] = [];
  for (let i = 0; i < LISTS; i++) lists.push(await listUnderLoad(product, { calls, load, probe }));
  const each = (value: (list: ListUnderLoad) => number) => lists.map(value);
  const longest = each(({ longestMs }) => longestMs);
  const all = longest.map((ms) => ms.toFixed(0)).join(", ");
  return {
    name: "longest wait of a beat in a list of 100,000, executable",
    figure: `${median(longest).toFixed(0)} ms, at worst ${Math.max(...longest).toFixed(0)} ms`,
    // Unlike what the probe tells, this includes waiting for a core.
    value: median(longest),
    unit: "ms",
    target: LONGEST,
    notes: [
      `the compiled executable under ${thousands(BEATS_PER_SECOND)} beats/s, median of ${LISTS} lists (${all} ms); ` +
      `p99 without a list ${median(each(({ quietP99Ms }) => quietP99Ms)).toFixed(1)} ms`,
      `one list takes ${median(each(({ tookMs }) => tookMs)).toFixed(0)} ms, ` +
      `of which the server waits ${median(each(({ coreWaitMs }) => coreWaitMs)).toFixed(0)} ms for a core`,
    ],
  };
}

async function listUnderLoad(
  product: Product,
  { calls, load, probe }: { calls: Child; load: Child; probe: Child },
): Promise<ListUnderLoad> {
  const [samples, { reply, coreWaitMs }] = await Promise.all([
    probe.run<PacedResult>({ ...beating(product), connections: 1, perSecond: 1000 / PROBE_MS }),
    new Promise((resolve) => setTimeout(resolve, QUIET_MS)).then(() => wholeList(product, calls)),
    load.run<PacedResult>(beating(product)),
  ]);
  const { fromMs, untilMs } = reply;
  const during = samples.filter(([atMs, tookMs]) => atMs <= untilMs && atMs + tookMs >= fromMs);
  const before = samples.filter(([atMs, tookMs]) => atMs + tookMs < fromMs);
  return {
    longestMs: percentile(during.map(([, tookMs]) => tookMs), 100),
    quietP99Ms: percentile(before.map(([, tookMs]) => tookMs), 99),
    coreWaitMs,
    tookMs: untilMs - fromMs,
  };
}

function beating({ port }: Product) {
  const durationMs = QUIET_MS + LIST_MS;
  return { kind: "paced", port, agents: AGENTS, durationMs, connections: 32, perSecond: BEATS_PER_SECOND } as const;
}

async function wholeList(product: Product, calls: Child): Promise<{ reply: CallResult; coreWaitMs: number }> {
  const before = await coreWaitSeconds(product.process.pid);
  const reply = await list(product.mqUrl, { calls, size: { rows: AGENTS, times: 1 } });
  const coreWaitMs = (await coreWaitSeconds(product.process.pid) - before) * 1000;
  if (!reply.replyStart.includes(`"count":${AGENTS}`)) throw new Error(`no whole list: ${reply.replyStart}`);
  return { reply, coreWaitMs };
}

function list(url: string, { calls, size }: { calls: Child; size: ListTextJob }): Promise<CallResult> {
  const parameters = size.rows === AGENTS ? {} : { pagesize: size.rows };
  return calls.run<CallResult>({ url, action: "agentList", parameters, calls: size.times, outstanding: 1 });
}
