import type { RabbitServer } from "../support/rabbitmq.ts";
import type { PacedResult } from "./beat_load.ts";
import type { CallResult } from "./call_load.ts";
import { type Figure, percentile, thousands } from "./figure.ts";
import { calmService, emptyService, fill } from "./memory.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";
import { measureStart } from "./start.ts";

const AGENTS = 1_000_000;
const CONFIG = { config: `agent.max = ${1.5 * AGENTS}\n` };
const MEGABYTE = 1_000_000;
/** What a million agents send that beat every 5 minutes, and some more. */
const BEATS_PER_SECOND = 4_000;
/** How long the questions are asked beside these, ms. */
const LENGTH_MS = 10_000;
const CALLS = 1_000;

/** A fleet of 1,000,000 agents: its memory, how long beats and calls take in it, and its next start. */
export async function millionFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using product = await startProduct("binary", rabbit, CONFIG);
  await using load = startScript("beat_load.ts");
  const empty = await emptyService(product);
  const burst = await fill(product, { agents: AGENTS, beats: AGENTS }, load);
  const full = await calmService(product);
  const { beats, calls } = await underLoad(product, load);
  const loaded = await calmService(product);
  await product.process[Symbol.asyncDispose]();
  const start = await measureStart({ rabbit, vhost: product.vhost, data: product.data, ...CONFIG });
  const megabytes = (bytes: number) => ((bytes - empty.medianBytes) / MEGABYTE).toFixed(0);
  return [
    {
      name: `memory of ${thousands(AGENTS)} agents`,
      figure: `${megabytes(full.medianBytes)} MB`,
      notes: [
        `the compiled executable, agent.max raised, RSS above ${
          (empty.medianBytes / MEGABYTE).toFixed(0)
        } MB empty when ` +
        `${thousands(AGENTS)} beats at ${thousands(burst.perSecond)} /s were stored (most ${
          megabytes(full.mostBytes)
        } ` +
        `MB); after the figures below ${megabytes(loaded.medianBytes)} MB`,
      ],
    },
    {
      name: `beats at ${thousands(AGENTS)} agents, p99`,
      figure: `${percentile(beats, 99).toFixed(1)} ms`,
      notes: [
        `${thousands(BEATS_PER_SECOND)} beats/s, p50 ${percentile(beats, 50).toFixed(1)} ms, ` +
        `longest ${percentile(beats, 100).toFixed(0)} ms`,
      ],
    },
    {
      name: `agentInfo at ${thousands(AGENTS)} agents, p99`,
      figure: `${calls.p99Ms.toFixed(1)} ms`,
      notes: [`one at a time beside these beats, p50 ${calls.p50Ms.toFixed(1)} ms`],
    },
    {
      name: `start with these ${thousands(AGENTS)}`,
      figure: `${thousands(Math.max(start.beatMs, start.readyMs))} ms`,
      notes: [
        `on their data folder after a kill -9: until beats are answered (${
          thousands(start.beatMs)
        } ms) and /readyz says ` +
        `200; ${thousands(start.cpuMs)} CPU-ms, RSS ${(start.bytes / MEGABYTE).toFixed(0)} MB`,
      ],
    },
  ];
}

async function underLoad({ port, mqUrl }: Product, load: Child): Promise<{ beats: number[]; calls: CallResult }> {
  await using caller = startScript("call_load.ts");
  const asked = { ip: "10.7.161.32", asset: "CX0500000" };
  const paced = { kind: "paced", port, agents: AGENTS, connections: 32, perSecond: BEATS_PER_SECOND };
  const [samples, calls] = await Promise.all([
    load.run<PacedResult>({ ...paced, durationMs: LENGTH_MS }),
    caller.run<CallResult>({ url: mqUrl, action: "agentInfo", parameters: asked, calls: CALLS, outstanding: 1 }),
  ]);
  if (!calls.replyStart.includes(asked.ip)) throw new Error(`no agent: ${calls.replyStart}`);
  return { beats: samples.map(([, tookMs]) => tookMs), calls };
}
