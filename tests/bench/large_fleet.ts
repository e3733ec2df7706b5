import { residentBytes } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { BurstResult } from "./beat_load.ts";
import type { CallResult } from "./call_load.ts";
import { type Figure, thousands } from "./figure.ts";
import { startScript } from "./processes.ts";
import { startProduct } from "./product.ts";

const AGENTS = 100_000;
const BEATS = 300_000;
const MEGABYTE = 1_000_000;

/** The memory of 100,000 agents. */
export async function largeFleetFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await using product = await startProduct("binary", rabbit);
  await using calls = startScript("call_load.ts");
  // An answer says that everything is loaded and connected.
  const job = { url: product.mqUrl, action: "agentList", parameters: {}, calls: 1, outstanding: 1 };
  await calls.run<CallResult>(job);
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
  return [{
    name: "memory of 100,000 agents",
    figure: `${((fullBytes - emptyBytes) / MEGABYTE).toFixed(0)} MB`,
    value: (fullBytes - emptyBytes) / MEGABYTE,
    unit: "MB",
    target: { kind: "at most", value: 120 },
    notes: [
      `the compiled executable, RSS ${(emptyBytes / MEGABYTE).toFixed(0)} MB empty, ` +
      `${(fullBytes / MEGABYTE).toFixed(0)} MB after ${thousands(BEATS)} beats at ${thousands(burst.perSecond)} /s`,
    ],
  }];
}
