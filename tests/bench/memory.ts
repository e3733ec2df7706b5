import { residentBytes } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import type { BurstJob, BurstResult, PacedJob, PacedResult } from "./beat_load.ts";
import type { CallResult } from "./call_load.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { type Child, startScript } from "./processes.ts";
import { type Product, startProduct } from "./product.ts";

const MEGABYTE = 1_000_000;
/** How many services are filled with 100,000 agents: how much garbage one of them has left differs by 15 MB. */
const SERVICES = 5;
/** How often each agent beats at first, as fast as the service answers. */
const BEATS_EACH = 3;
/** How often an agent beats after that, as agents do by default (PROTOCOL.md section 1), and for how long, ms. */
const BEAT_INTERVAL_MS = 60_000;
const STEADY_MS = 15_000;
/** How often memory is looked at, and how long between two looks, ms. */
const SAMPLES = 15;
const SAMPLE_MS = 250;

/** Memory of a service that has become calm. */
export interface Resident {
  readonly medianBytes: number;
  /** From the last beat on. */
  readonly mostBytes: number;
}

/** What 10,000 and 100,000 agents take, above the empty service. */
export async function memoryFigures(rabbit: RabbitServer): Promise<Figure[]> {
  const few = [await measure(rabbit, 10_000)];
  const many: Measured[] = [];
  while (many.length < SERVICES) many.push(await measure(rabbit, 100_000));
  return [memoryFigure(10_000, few), memoryFigure(100_000, many, 90)];
}

/** Memory above the empty service's, in megabytes. */
interface Measured {
  readonly empty: number;
  /** Each agent beats once a minute. */
  readonly steady: number;
  /** Right after the burst, when all is stored, and the most since then. */
  readonly full: number;
  readonly most: number;
  readonly beatsPerSecond: number;
}

async function measure(rabbit: RabbitServer, agents: number): Promise<Measured> {
  await using product = await startProduct("binary", rabbit);
  await using load = startScript("beat_load.ts");
  const empty = await emptyService(product);
  const { perSecond: beatsPerSecond } = await fill(product, { agents, beats: BEATS_EACH * agents }, load);
  const full = await calmService(product);
  const steady = { kind: "paced", port: product.port, agents, connections: 32, durationMs: STEADY_MS } as const;
  await load.run<PacedResult>({ ...steady, perSecond: agents / BEAT_INTERVAL_MS * 1000 } satisfies PacedJob);
  const resident = await calmService(product);
  const above = (bytes: number) => (bytes - empty.medianBytes) / MEGABYTE;
  return {
    empty: empty.medianBytes / MEGABYTE,
    steady: above(resident.medianBytes),
    full: above(full.medianBytes),
    most: above(full.mostBytes),
    beatsPerSecond,
  };
}

function memoryFigure(agents: number, services: readonly Measured[], targetMegabytes?: number): Figure {
  const of = (value: (service: Measured) => number) => median(services.map(value));
  const value = of(({ steady }) => steady);
  const each = services.length === 1 ? "" : ` (${services.map(({ steady }) => steady.toFixed(0)).join(", ")} MB)`;
  return {
    name: `memory of ${thousands(agents)} agents`,
    figure: `${value.toFixed(0)} MB`,
    value,
    unit: "MB",
    target: targetMegabytes === undefined ? undefined : { kind: "at most", value: targetMegabytes },
    notes: [
      `the compiled executable, RSS above ${of(({ empty }) => empty).toFixed(0)} MB empty, median of ` +
      `${services.length} services${each}, of each the median of ${SAMPLES} samples after ${STEADY_MS / 1000} s in ` +
      `which each agent beats once a minute; right after ${thousands(BEATS_EACH * agents)} beats at ` +
      `${thousands(of(({ beatsPerSecond }) => beatsPerSecond))} /s, all of them stored, ` +
      `${of(({ full }) => full).toFixed(0)} MB (most ${Math.max(...services.map(({ most }) => most)).toFixed(0)} MB)`,
    ],
  };
}

/** The memory of a service without agents, when everything is loaded and connected. */
export async function emptyService(product: Product): Promise<Resident> {
  await using calls = startScript("call_load.ts");
  // An answer says that it works. The page's questions load code, too.
  await calls.run<CallResult>({ url: product.mqUrl, action: "agentList", parameters: {}, calls: 1, outstanding: 1 });
  await queuedRows(product);
  return await calmService(product);
}

/** The memory of a service from now on, for some seconds after everything was stored. */
export async function calmService(product: Product): Promise<Resident> {
  const resident = () => residentBytes(product.process.pid);
  let mostBytes = 0;
  await waitFor(async () => {
    mostBytes = Math.max(mostBytes, await resident());
    return await queuedRows(product) === 0;
  }, { timeoutMs: 60_000, what: "everything stored" });
  const samples: number[] = [];
  while (samples.length < SAMPLES) {
    await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS));
    samples.push(await resident());
  }
  return { medianBytes: median(samples), mostBytes: Math.max(mostBytes, ...samples) };
}

/** Has agents beat one after the other. */
export function fill(
  { port }: Product,
  { agents, beats }: Pick<BurstJob, "agents" | "beats">,
  load: Child,
): Promise<BurstResult> {
  const job: BurstJob = { kind: "kept", port, beats, agents, connections: 8, pipelined: 32 };
  return load.run<BurstResult>(job);
}

/** How many rows wait for the disk. */
async function queuedRows({ httpPort }: Product): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${httpPort}/metrics`);
  return Number(/^elves_heartbeat_store_queued_rows (\d+)$/m.exec(await answer.text())?.[1]);
}
