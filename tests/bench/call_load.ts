/** Calls the heartbeat module over RabbitMQ as modules v0.3.3 do, in a process of its own. */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import { percentile } from "./figure.ts";
import { serveJobs } from "./jobs.ts";

/** Calls of one action. */
export interface CallJob {
  readonly url: string;
  readonly action: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly calls: number;
  /** How many calls wait for their reply at a time. */
  readonly outstanding: number;
}

/** What the calls took, and their last reply. */
export interface CallResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** When the first call was sent and the last reply came, ms since the epoch. */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly replyBytes: number;
  /** The first 2,000 bytes. */
  readonly replyStart: string;
}

const SHOWN_BYTES = 2_000;

async function run({ url, action, parameters, calls, outstanding }: CallJob): Promise<CallResult> {
  const connection = await connect(url, { noDelay: true });
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true });
  const body = Buffer.from(JSON.stringify({ mqkey: `bench.heartbeat.${action}`, mqtype: "call", mqbody: parameters }));
  const sentAt: number[] = [];
  const tookMs: number[] = [];
  const finished = Promise.withResolvers<Buffer>();
  const send = () => {
    channel.publish("elves", "bench.heartbeat", body, { replyTo: queue, correlationId: String(sentAt.length) });
    sentAt.push(performance.now());
  };
  await channel.consume(queue, (reply) => {
    if (reply === null) return finished.reject(new Error("the reply queue is gone"));
    tookMs.push(performance.now() - (sentAt[Number(reply.properties.correlationId)] ?? NaN));
    if (sentAt.length < calls) send();
    else if (tookMs.length === calls) finished.resolve(reply.content);
  }, { noAck: true });
  const [fromMs, started] = [Date.now(), performance.now()];
  for (let i = 0; i < Math.min(outstanding, calls); i++) send();
  const content = await finished.promise;
  const seconds = (performance.now() - started) / 1000;
  const untilMs = Date.now();
  await connection.close();
  return {
    perSecond: calls / seconds,
    p50Ms: percentile(tookMs, 50),
    p99Ms: percentile(tookMs, 99),
    fromMs,
    untilMs,
    replyBytes: content.length,
    replyStart: content.subarray(0, SHOWN_BYTES).toString(),
  };
}

await serveJobs(run);
