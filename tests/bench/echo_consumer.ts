/**
 * The baseline for calls: a bare amqplib consumer that sends a ready reply, as many bytes as the product's has, and
 * acknowledges. Argument: URL. Each job says from now on how many bytes.
 */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import { serveJobs } from "./jobs.ts";

/** What the echo sends. */
export interface EchoJob {
  readonly bytes: number;
}

const [url = ""] = Deno.args;
let content = Buffer.alloc(0);
const connection = await connect(url, { noDelay: true });
const channel = await connection.createChannel();
await channel.assertExchange("elves", "topic", { durable: true });
await channel.assertQueue("heartbeat", { durable: true });
await channel.bindQueue("heartbeat", "elves", "*.heartbeat");
await channel.consume("heartbeat", (message) => {
  if (message === null) return;
  const { replyTo, correlationId } = message.properties;
  channel.publish("", replyTo, content, { correlationId });
  channel.ack(message);
});

await serveJobs(({ bytes }: EchoJob) => {
  content = Buffer.alloc(bytes, " ");
  return Promise.resolve({});
});
