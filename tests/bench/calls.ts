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
  const { replyStart } = await call(load, { url: source.mqUrl, calls: 1, outstanding: 1 });
  if (!replyStart.includes(ASKED.asset)) throw new Error(`agentInfo did not find the agent: ${replyStart}`);
  await using echo = startScript("echo_consumer.ts", rabbit.url, replyStart);
  await echo.wrote(/consuming/);
  const urls = { source: source.mqUrl, binary: binary.mqUrl, echo: rabbit.url };
  return [await throughput(load, urls), await latency(load, urls)];
}

type Urls = Readonly<Record<"source" | "binary" | "echo", string>>;

async function throughput(load: Child, urls: Urls): Promise<Figure> {
  const rounds = await inTurns({
    source: () => call(load, { url: urls.source, ...OUTSTANDING }),
    echo: () => call(load, { url: urls.echo, ...OUTSTANDING }),
    binary: () => call(load, { url: urls.binary, ...OUTSTANDING }),
  });
  const perSecond = (results: readonly CallResult[]) => median(results.map(({ perSecond }) => perSecond));
  return {
    name: "agentInfo, 64 outstanding",
    figure: `${thousands(perSecond(rounds.source))} /s`,
    baseline: `${thousands(perSecond(rounds.echo))} /s`,
    value: median(rounds.source.map((each, i) => each.perSecond / (rounds.echo[i]?.perSecond ?? NaN))),
    unit: "x",
    target: { kind: "at least", value: 0.85 },
    notes: [`on ${RUNTIME}; the compiled executable ${thousands(perSecond(rounds.binary))} /s`],
  };
}

async function latency(load: Child, urls: Urls): Promise<Figure> {
  const rounds = await inTurns({
    source: () => call(load, { url: urls.source, ...ONE_AT_A_TIME }),
    echo: () => call(load, { url: urls.echo, ...ONE_AT_A_TIME }),
    binary: () => call(load, { url: urls.binary, ...ONE_AT_A_TIME }),
  });
  const p50 = (results: readonly CallResult[]) => median(results.map(({ p50Ms }) => p50Ms));
  const p99 = (results: readonly CallResult[]) => median(results.map(({ p99Ms }) => p99Ms)).toFixed(2);
  return {
    name: "agentInfo, one at a time, p50",
    figure: `${p50(rounds.source).toFixed(2)} ms`,
    baseline: `${p50(rounds.echo).toFixed(2)} ms`,
    value: median(rounds.source.map((each, i) => each.p50Ms / (rounds.echo[i]?.p50Ms ?? NaN))),
    unit: "x",
    target: { kind: "at most", value: 1.3 },
    notes: [
      `on ${RUNTIME}, p99 ${p99(rounds.source)} ms, of the consumer ${p99(rounds.echo)} ms; ` +
      `the compiled executable p50 ${p50(rounds.binary).toFixed(2)} ms, p99 ${p99(rounds.binary)} ms`,
    ],
  };
}

function call(load: Child, job: Pick<CallJob, "url" | "calls" | "outstanding">): Promise<CallResult> {
  return load.run<CallResult>({ ...job, action: "agentInfo", parameters: ASKED });
}
