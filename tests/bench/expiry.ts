import { connect } from "amqplib";
import { cpuSecondsSince, threadSeconds } from "../support/process_stats.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { LoopProbe } from "./lists.ts";
import type { Stretch } from "./loop_stretch.ts";
import { addVhost, type Product, startProduct } from "./product.ts";
import { inTurns, RUNTIME } from "./rounds.ts";
import { makeStoredFleet } from "./stored_fleet.ts";

const AGENTS = 100_000;
/** Long enough for everything else that a start does to be over, s. */
const GRACE_S = 6;
const ROUNDS = 3;

/** One time that all agents went offline, all times from the moment at which they did. */
interface Expiry {
  /** Until the last event of it came to a module, ms. */
  readonly toldMs: number;
  /** CPU time of the process meanwhile, ms. */
  readonly cpuMs: number;
}

/**
 * All agents of a large fleet come due in one moment: a service starts with what a former run has stored, nobody beats
 * and the guard is out of the way, so that they go offline when the grace of the start ends.
 */
export async function expiryFigures(rabbit: RabbitServer): Promise<Figure[]> {
  const folder = await Deno.makeTempDir({ prefix: "hb-bench-" });
  try {
    const data = `${folder}/data`;
    await makeStoredFleet(data, AGENTS);
    const { binary, source } = await inTurns({
      binary: () => binaryExpiry(rabbit, data),
      source: () => sourceExpiry(rabbit, data),
    }, ROUNDS);
    const told = binary.map(({ toldMs }) => toldMs);
    const cpu = source.map(({ cpuMs }) => cpuMs);
    const list = (values: readonly number[]) => values.map(thousands).join(", ");
    return [
      {
        name: `expiry of ${thousands(AGENTS)} agents at once`,
        figure: `${thousands(median(told))} ms`,
        notes: [
          `the compiled executable, until all are offline, stored and told over RabbitMQ (${list(told)} ms); ` +
          `${thousands(median(binary.map(({ cpuMs }) => cpuMs)))} CPU-ms`,
        ],
      },
      {
        name: "longest stretch of work in this expiry",
        figure: `${thousands(median(cpu))} ms`,
        value: median(cpu),
        unit: "ms",
        notes: [
          `on ${RUNTIME}: CPU time of the main thread between two rounds of its event loop (${
            list(cpu)
          } ms); with the ` +
          `time for which it waits for other threads of its own ${list(source.map(({ busyMs }) => busyMs))} ms`,
        ],
      },
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function binaryExpiry(rabbit: RabbitServer, data: string): Promise<Expiry> {
  await using product = await startFleet("binary", rabbit, data);
  const before = await threadSeconds(product.process.pid);
  const toldMs = await told(product);
  return { toldMs, cpuMs: 1000 * await cpuSecondsSince(before, product.process.pid) };
}

async function sourceExpiry(rabbit: RabbitServer, data: string): Promise<Stretch> {
  await using product = await startFleet("source", rabbit, data);
  const probe = new LoopProbe(product.process);
  await probe.longest();
  await told(product);
  return await probe.longest();
}

async function startFleet(how: "source" | "binary", rabbit: RabbitServer, data: string): Promise<Product> {
  const config = `agent.grace = ${GRACE_S}s\nagent.timeout = 1s\nguard.minAgents = ${2 * AGENTS}\n`;
  const preload = how === "source" ? { preload: "loop_probe.ts" } : {};
  return await startProduct(how, rabbit, { vhost: await addVhost(rabbit), data, config, ...preload });
}

/** How long after its moment the last of all agents was told of, ms. */
async function told({ mqUrl }: Product): Promise<number> {
  const connection = await connect(mqUrl);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true });
  await channel.bindQueue(queue, "elves", "heartbeat.event");
  let offline = 0;
  let sinceMs = Infinity;
  await channel.consume(queue, (message) => {
    const { mqkey, mqbody } = JSON.parse(message?.content.toString() ?? "{}");
    if (mqkey !== "heartbeat.event.agentOffline") return;
    offline += mqbody.result.length;
    sinceMs = Math.min(sinceMs, Date.parse(mqbody.result[0].at));
  }, { noAck: true });
  await waitFor(() => offline === AGENTS, { timeoutMs: 60_000, what: `${AGENTS} agents told of as offline` });
  const toldMs = Date.now() - sinceMs;
  await connection.close();
  return toldMs;
}
