import type { Channel } from "amqplib";

/** The queue on which modules find this one. */
export const MODULE_QUEUE = "heartbeat";
/** Routing keys of messages for this module. */
const MODULE_BINDING = "*.heartbeat";

/**
 * Declares the modules' exchange. Whoever starts first declares it, so the arguments are the same in all modules
 * (PROTOCOL.md section 2).
 * @throws when it exists with other arguments, or for want of permission
 */
export async function declareExchange(channel: Channel, exchange: string): Promise<void> {
  await channel.assertExchange(exchange, "topic", { durable: true, autoDelete: false });
}

/**
 * Declares everything that calls need, and tells how many messages wait already.
 * @throws as {@link declareExchange}
 */
export async function declareModuleQueue(channel: Channel, exchange: string): Promise<number> {
  await declareExchange(channel, exchange);
  const waiting = await declareQueue(channel);
  await channel.bindQueue(MODULE_QUEUE, exchange, MODULE_BINDING);
  return waiting;
}

/**
 * Declares a queue of this connection alone, which gets everything that the module queue gets.
 * @throws as {@link declareExchange}
 */
export async function declareOwnQueue(channel: Channel, exchange: string, queue: string): Promise<void> {
  await declareExchange(channel, exchange);
  await channel.assertQueue(queue, { durable: false, exclusive: true, autoDelete: true });
  await channel.bindQueue(queue, exchange, MODULE_BINDING);
}

/**
 * Declares the queue alone, and tells how many messages wait already.
 * @throws as {@link declareExchange}
 */
export async function declareQueue(channel: Channel): Promise<number> {
  const { messageCount } = await channel.assertQueue(MODULE_QUEUE, {
    durable: true,
    exclusive: false,
    autoDelete: false,
  });
  return messageCount;
}
