import { cpuSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstResult } from "./beat_load.ts";
import type { CallJob, CallResult } from "./call_load.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";

const AGENTS = 1_000;
const ASKED = { ip: "10.0.1.7", asset: "CX0000263" };
const OUTSTANDING = { calls: 4_000, outstanding: 64 };
const ONE_AT_A_TIME = { calls: 400, outstanding: 1 };

/** agentInfo over RabbitMQ, against a bare amqplib consumer. */
export async function callFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using source = await startProduct("source", rabbit);
  await using binary = await startProduct("binary", rabbit);
  await using beats = startScript("beat_load.ts");
  for (const { port } of [source, binary]) {
    await beats.run<BurstResult>({ kind: "kept", port, beats: AGENTS, agents: AGENTS, connections: 1, pipelined: 50 });
  }
  await using load = startScript("call_load.ts");
  const { replyStart } = await measure(load, { process: source.process, url: source.mqUrl }, ONE_AT_A_TIME);
  if (!replyStart.includes(ASKED.asset)) throw new Error(`agentInfo did not find the agent: ${replyStart}`);
  await using echo = startScript("echo_consumer.ts", rabbit.url, replyStart);
  await echo.wrote(/consuming/);
  const servers = {
    source: { process: source.process, url: source.mqUrl },
    binary: { process: binary.process, url: binary.mqUrl },
    echo: { process: echo, url: rabbit.url },
  };
  return [await throughput(load, servers), await latency(load, servers)];
}

interface Server {
  readonly process: Child;
  readonly url: string;
}

type Servers = Readonly<Record<"source" | "binary" | "echo", Server>>;

type Measured = CallResult & { readonly cpuMicroseconds: number };

async function throughput(load: Child, servers: Servers): Promise<Figure> {
  const rounds = await inTurns({
    source: () => measure(load, servers.source, OUTSTANDING),
    echo: () => measure(load, servers.echo, OUTSTANDING),
    binary: () => measure(load, servers.binary, OUTSTANDING),
  });
  const of = (results: readonly Measured[]) => median(results.map(({ perSecond }) => perSecond));
  return {
    name: "agentInfo, 64 outstanding",
    figure: `${thousands(of(rounds.source))} /s`,
    baseline: `${thousands(of(rounds.echo))} /s`,
    value: median(rounds.source.map((each, i) => each.perSecond / (rounds.echo[i]?.perSecond ?? NaN))),
    unit: "x",
    target: { kind: "at least", value: 0.85 },
    notes: [
      `on ${RUNTIME}, ${cost(rounds.source)}, of a bare amqplib consumer ${cost(rounds.echo)}`,
      `the compiled executable ${thousands(of(rounds.binary))} /s, ${cost(rounds.binary)}`,
    ],
  };
}

async function latency(load: Child, servers: Servers): Promise<Figure> {
  const rounds = await inTurns({
    source: () => measure(load, servers.source, ONE_AT_A_TIME),
    echo: () => measure(load, servers.echo, ONE_AT_A_TIME),
    binary: () => measure(load, servers.binary, ONE_AT_A_TIME),
  });
  const p50 = (results: readonly Measured[]) => median(results.map(({ p50Ms }) => p50Ms));
  const p99 = (results: readonly Measured[]) => `p99 ${median(results.map(({ p99Ms }) => p99Ms)).toFixed(2)} ms`;
  return {
    name: "agentInfo, one at a time, p50",
    figure: `${p50(rounds.source).toFixed(2)} ms`,
    baseline: `${p50(rounds.echo).toFixed(2)} ms`,
    value: median(rounds.source.map((each, i) => each.p50Ms / (rounds.echo[i]?.p50Ms ?? NaN))),
    unit: "x",
    target: { kind: "at most", value: 1.3 },
    notes: [
      `on ${RUNTIME}, ${p99(rounds.source)}, of a bare amqplib consumer ${p99(rounds.echo)}`,
      `the compiled executable p50 ${p50(rounds.binary).toFixed(2)} ms, ${p99(rounds.binary)}`,
    ],
  };
}

function cost(results: readonly Measured[]): string {
  return `${median(results.map(({ cpuMicroseconds }) => cpuMicroseconds)).toFixed(0)} us of CPU a call`;
}

async function measure(
  load: Child,
  { process, url }: Server,
  job: Pick<CallJob, "calls" | "outstanding">,
): Promise<Measured> {
  const before = await cpuSeconds(process.pid);
  const result = await load.run<CallResult>({ ...job, url, action: "agentInfo", parameters: ASKED });
  return { ...result, cpuMicroseconds: (await cpuSeconds(process.pid) - before) / job.calls * 1e6 };
}
