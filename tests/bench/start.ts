import { beat } from "../support/beat_client.ts";
import { BINARY, requireBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { cpuSeconds, residentBytes } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { Child } from "./processes.ts";
import { addVhost, configuration, copyFolder } from "./product.ts";
import { inTurns } from "./rounds.ts";
import { makeStoredFleet, storedAgent } from "./stored_fleet.ts";

const MEGABYTE = 1_000_000;
/** What a start with 100,000 agents may take, ms. */
const TARGET_MS = 700;
/** How often it is asked whether it is ready, ms. */
const POLL_MS = 2;
const TIMEOUT_MS = 60_000;

/** One start, all times from the moment at which the process was asked for. */
export interface Start {
  /** Until a beat was answered, ms. */
  readonly beatMs: number;
  /** Until `/readyz` said 200: beats are served and RabbitMQ is connected, ms. */
  readonly readyMs: number;
  /** CPU time of the process until both, ms. */
  readonly cpuMs: number;
  readonly bytes: number;
  /** How many agents came back. */
  readonly agents: number;
}

/** What a start is measured with. */
export interface StartOptions {
  readonly rabbit: RabbitServer;
  readonly vhost: string;
  /** The data folder to start from; it stays as it is. Undefined for none. */
  readonly data: string | undefined;
  /** By default the executable of this checkout. */
  readonly path?: string;
  /** More lines of conf.properties. */
  readonly config?: string;
}

/** From the start of the process until it does its work, with 0, 100,000 and 1,000,000 agents of a former run. */
export async function startFigures(rabbit: RabbitServer): Promise<Figure[]> {
  await requireBinary();
  const folder = await Deno.makeTempDir({ prefix: "hb-bench-" });
  try {
    const vhost = await addVhost(rabbit);
    const start = (agents: number) => () =>
      measureStart({ rabbit, vhost, data: agents === 0 ? undefined : `${folder}/${agents}` });
    await makeStoredFleet(`${folder}/100000`, 100_000);
    const rounds = await inTurns({ none: start(0), many: start(100_000), bare: measureVersion });
    await makeStoredFleet(`${folder}/1000000`, 1_000_000);
    const huge: Start[] = [];
    while (huge.length < 3) huge.push(await start(1_000_000)());
    const target = { kind: "at most", value: TARGET_MS } as const;
    return [
      figure(0, rounds.none, { bareMs: median(rounds.bare) }),
      figure(100_000, rounds.many, { bareMs: median(rounds.bare), target }),
      figure(1_000_000, huge, { bareMs: median(rounds.bare) }),
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function figure(
  agents: number,
  starts: readonly Start[],
  { bareMs, target }: { bareMs: number } & Pick<Figure, "target">,
): Figure {
  const missing = starts.find((start) => start.agents !== agents);
  if (missing !== undefined) throw new Error(`${missing.agents} agents came back, ${agents} were stored`);
  const of = (value: (start: Start) => number) => median(starts.map(value));
  const ms = starts.map(({ beatMs, readyMs }) => Math.max(beatMs, readyMs));
  return {
    name: `start to ready, ${thousands(agents)} stored`,
    figure: `${thousands(median(ms))} ms`,
    baseline: `${thousands(bareMs)} ms`,
    value: median(ms),
    unit: "ms",
    target,
    notes: [
      `the compiled executable from its start until a beat is answered (${
        thousands(of(({ beatMs }) => beatMs))
      } ms) and ` +
      `/readyz says 200 with RabbitMQ (${thousands(of(({ readyMs }) => readyMs))} ms); ` +
      `${thousands(of(({ cpuMs }) => cpuMs))} CPU-ms, RSS ${(of(({ bytes }) => bytes) / MEGABYTE).toFixed(0)} MB; ` +
      `${thousands(Math.min(...ms))} to ${
        thousands(Math.max(...ms))
      } ms in ${ms.length} starts; baseline: its \`version\``,
    ],
  };
}

/** How long the executable takes to print its version: the runtime's own start and a few modules. */
async function measureVersion(): Promise<number> {
  const started = performance.now();
  const { success } = await new Deno.Command(BINARY, { args: ["version"] }).output();
  if (!success) throw new Error(`${BINARY} version failed`);
  return performance.now() - started;
}

/** Starts the executable on a copy of a data folder, and kills it when it is ready. */
export async function measureStart(
  { rabbit, vhost, data, path = BINARY, config: more = "" }: StartOptions,
): Promise<Start> {
  const folder = await Deno.makeTempDir({ prefix: "hb-bench-" });
  try {
    if (data !== undefined) await copyFolder(data, `${folder}/data`);
    const [beatPort, httpPort] = [freePort(), freePort()];
    const config = `${folder}/conf.properties`;
    await Deno.writeTextFile(config, `${configuration(rabbit, { vhost, folder, beatPort, httpPort })}${more}`);
    const started = performance.now();
    await using process = new Child(path, ["run", "--config", config]);
    const sinceStart = () => performance.now() - started;
    const [beatMs, readyMs] = await Promise.all([
      untilIt(() => answersBeat(beatPort)).then(sinceStart),
      untilIt(() => isReady(httpPort)).then(sinceStart),
    ]);
    const [cpuMs, bytes] = [1000 * await cpuSeconds(process.pid), await residentBytes(process.pid)];
    const [, remembered] = await process.wrote(/agents: (\d+) remembered/);
    return { beatMs, readyMs, cpuMs, bytes, agents: Number(remembered) };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function untilIt(works: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!await works()) {
    if (performance.now() > deadline) throw new Error(`it was not ready within ${TIMEOUT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

async function answersBeat(port: number): Promise<boolean> {
  try {
    const reply = await beat({ hostname: "127.0.0.1", port }, storedAgent(0, Date.now()), { timeoutMs: TIMEOUT_MS });
    return reply.text !== undefined;
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return false;
    throw cause;
  }
}

async function isReady(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
    await answer.body?.cancel();
    return answer.status === 200;
  } catch (cause) {
    // Fetch has no class of its own for a port on which nobody listens.
    if (cause instanceof TypeError && String(cause.cause ?? cause).includes("refused")) return false;
    throw cause;
  }
}
