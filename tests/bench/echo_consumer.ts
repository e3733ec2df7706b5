/**
 * The baseline for calls: a bare amqplib consumer that sends a ready reply of the size that the product's has, and
 * acknowledges. Arguments: URL, the reply's text.
 */
import { connect } from "amqplib";
import { Buffer } from "node:buffer";

const [url = "", reply = ""] = Deno.args;
const content = Buffer.from(reply);
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
Deno.stdout.writeSync(new TextEncoder().encode("consuming\n"));
