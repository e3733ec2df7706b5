/**
 * The baseline for lists: JSON.stringify of the same rows. Argument: URL of the RabbitMQ from whose heartbeat module
 * the rows come.
 */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import process from "node:process";
import { serveJobs } from "./jobs.ts";

/** How many rows are made into the bytes of a message, and how often. */
export interface ListTextJob {
  readonly rows: number;
  readonly times: number;
}

/** What one list takes, ms. */
export interface ListCost {
  readonly tookMs: number;
  readonly cpuMs: number;
}

async function wholeList(): Promise<unknown[]> {
  const [url = ""] = Deno.args;
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true });
  const reply = Promise.withResolvers<string>();
  await channel.consume(queue, (message) => reply.resolve(message?.content.toString() ?? ""), { noAck: true });
  const body = { mqkey: "bench.heartbeat.agentList", mqtype: "call", mqbody: {} };
  channel.publish("elves", "bench.heartbeat", Buffer.from(JSON.stringify(body)), { replyTo: queue });
  const { mqbody } = JSON.parse(await reply.promise);
  await connection.close();
  return mqbody.result;
}

let list: unknown[] | undefined;

await serveJobs(async ({ rows, times }: ListTextJob): Promise<ListCost> => {
  list ??= await wholeList();
  const result = list.slice(0, rows);
  const [started, used] = [performance.now(), process.cpuUsage()];
  let bytes = 0;
  for (let i = 0; i < times; i++) {
    const mqbody = { flag: "true", error: "", count: list.length, result };
    bytes += Buffer.from(JSON.stringify({ mqkey: "heartbeat.bench", mqtype: "cast", mqbody })).length;
  }
  if (bytes === 0) throw new Error("no list");
  const { user, system } = process.cpuUsage(used);
  return { tookMs: (performance.now() - started) / times, cpuMs: (user + system) / 1000 / times };
});
