import { cpuSecondsSince, threadSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { ScriptedSupervisor } from "../support/scripted_supervisor.ts";
import type { BurstResult } from "./beat_load.ts";
import type { CallJob, CallResult } from "./call_load.ts";
import type { EchoJob } from "./echo_consumer.ts";
import { type Figure, median, type Target, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { addVhost, startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";

const AGENTS = 1_000;
/**
 * How many rounds the action with a target has: broker, load and server share the cores, and a round says little
 * (0.74 to 1.2 x). With 15 of them the median of six runs was 0.95 to 1.02 x.
 */
const TARGET_ROUNDS = 31;

/** A call, and what must be in its reply. */
interface Asked {
  readonly action: string;
  readonly parameters: CallJob["parameters"];
  readonly expected: string;
  readonly target?: Target;
  /** Which catalog the product serves. */
  readonly source: "local" | "supervisor";
}

const CATALOG = Array.from({ length: 3 }, (_, app) => ({
  app: `app${app}`,
  version: "1.0.0",
  agentList: Array.from({ length: 10 }, (_, agent) => `10.0.0.${agent}`),
}));

const ASKED: readonly Asked[] = [
  {
    action: "agentInfo",
    parameters: { ip: "10.0.1.7", asset: "CX0000263" },
    expected: "CX0000263",
    target: { kind: "at least", value: 0.95 },
    source: "local",
  },
  { action: "agentList", parameters: { pagesize: 10 }, expected: `"count":${AGENTS}`, source: "local" },
  { action: "updateAppInfo", parameters: { result: CATALOG }, expected: '"agents":10', source: "supervisor" },
  { action: "agentReboot", parameters: {}, expected: "there is no action", source: "local" },
];

type Job = Pick<CallJob, "calls" | "outstanding">;
const OUTSTANDING: Job = { calls: 4_000, outstanding: 64 };
const ONE_AT_A_TIME: Job = { calls: 300, outstanding: 1 };

/** Calls over RabbitMQ, against a bare amqplib consumer whose ready replies are of the same size. */
export async function callFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using local = await startProduct("source", rabbit);
  const vhost = await addVhost(rabbit);
  await using _supervisor = await ScriptedSupervisor.open(`${rabbit.url}/${vhost}`, {
    exchange: "elves",
    word: CATALOG,
  });
  await using supervised = await startProduct("source", rabbit, { vhost, config: "auth.appSource = supervisor\n" });
  // Until supervisor has answered, updateAppInfo is put off.
  await supervised.process.wrote(/catalog: in force/);
  await using binary = await startProduct("binary", rabbit);
  await using beats = startScript("beat_load.ts");
  for (const { port } of [local, binary]) {
    await beats.run<BurstResult>({ kind: "kept", port, beats: AGENTS, agents: AGENTS, connections: 1, pipelined: 50 });
  }
  await using load = startScript("call_load.ts");
  await using echo = startScript("echo_consumer.ts", rabbit.url);
  const figures = [];
  for (const asked of ASKED) {
    Deno.stderr.writeSync(new TextEncoder().encode(`  ${asked.action}\n`));
    const product = { local, supervisor: supervised }[asked.source];
    const servers = {
      source: { process: product.process, url: product.mqUrl },
      echo: { process: echo, url: rabbit.url },
      binary: { process: binary.process, url: binary.mqUrl },
    };
    const { replyStart, replyBytes } = await measure({ load, asked }, servers.source, ONE_AT_A_TIME);
    if (!replyStart.includes(asked.expected)) throw new Error(`${asked.action} answers ${replyStart}`);
    await echo.run({ bytes: replyBytes } satisfies EchoJob);
    figures.push(await throughput({ load, asked }, servers), await latency({ load, asked }, servers));
  }
  return figures;
}

interface Question {
  readonly load: Child;
  readonly asked: Asked;
}

interface Server {
  readonly process: Child;
  readonly url: string;
}

type Servers = Readonly<Record<"source" | "binary" | "echo", Server>>;

type Measured = CallResult & { readonly cpuMicroseconds: number };

/** The executable is measured with one of the actions: what differs there is the runtime. */
async function rounds(question: Question, { source, echo, binary }: Servers, job: Job) {
  const ours = {
    source: () => measure(question, source, job),
    echo: () => measure(question, echo, job),
  };
  if (question.asked.target === undefined) return { ...await inTurns(ours), binary: [] };
  return await inTurns({ ...ours, binary: () => measure(question, binary, job) }, TARGET_ROUNDS);
}

async function throughput(question: Question, servers: Servers): Promise<Figure> {
  const { source, echo, binary } = await rounds(question, servers, OUTSTANDING);
  const of = (results: readonly Measured[]) => thousands(median(results.map(({ perSecond }) => perSecond)));
  const ratios = source.map(({ perSecond }, i) => perSecond / (echo[i]?.perSecond ?? NaN));
  return {
    name: `${question.asked.action}, ${OUTSTANDING.outstanding} outstanding`,
    figure: `${of(source)} /s`,
    baseline: `${of(echo)} /s`,
    value: median(ratios),
    unit: "x",
    target: question.asked.target,
    notes: [
      `on ${RUNTIME}, ${cost(source)}, p99 ${p99(source)}; a bare amqplib consumer ${cost(echo)}, p99 ${p99(echo)}; ` +
      `ratio ${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)} x`,
      ...binary.length === 0 ? [] : [`the compiled executable ${of(binary)} /s, ${cost(binary)}`],
    ],
  };
}

async function latency(question: Question, servers: Servers): Promise<Figure> {
  const { source, echo, binary } = await rounds(question, servers, ONE_AT_A_TIME);
  return {
    name: `${question.asked.action}, one at a time, p50`,
    figure: p50(source),
    baseline: p50(echo),
    value: median(source.map(({ p50Ms }, i) => p50Ms / (echo[i]?.p50Ms ?? NaN))),
    unit: "x",
    notes: [
      `on ${RUNTIME}, p99 ${p99(source)}, of a bare amqplib consumer ${p99(echo)}`,
      ...binary.length === 0 ? [] : [`the compiled executable p50 ${p50(binary)}, p99 ${p99(binary)}`],
    ],
  };
}

function p50(results: readonly Measured[]): string {
  return `${median(results.map(({ p50Ms }) => p50Ms)).toFixed(2)} ms`;
}

function p99(results: readonly Measured[]): string {
  return `${median(results.map(({ p99Ms }) => p99Ms)).toFixed(2)} ms`;
}

function cost(results: readonly Measured[]): string {
  return `${median(results.map(({ cpuMicroseconds }) => cpuMicroseconds)).toFixed(0)} us of CPU a call`;
}

async function measure({ load, asked }: Question, { process, url }: Server, job: Job): Promise<Measured> {
  const { action, parameters } = asked;
  const before = await threadSeconds(process.pid);
  const result = await load.run<CallResult>({ ...job, url, action, parameters });
  return { ...result, cpuMicroseconds: await cpuSecondsSince(before, process.pid) / job.calls * 1e6 };
}
