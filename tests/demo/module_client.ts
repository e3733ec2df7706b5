import type { Channel, ConsumeMessage, Options } from "amqplib";
import { Buffer } from "node:buffer";
import { AmqpConnection } from "./amqp.ts";

/** How a module asks and how it is answered; PROTOCOL.md section 2 has the table. */
export const DIALECTS = ["seed", "v0.3.3", "keyed"] as const;
export type Dialect = (typeof DIALECTS)[number];

/** How long the published modules wait for a reply, ms. */
const CALL_TIMEOUT_MS = 5_000;

/** A message as it went over RabbitMQ. */
export interface Message {
  /** Empty: RabbitMQ's default exchange, which takes the routing key for the name of a queue. */
  readonly exchange: string;
  readonly routingKey: string;
  readonly replyTo?: string | undefined;
  readonly correlationId?: string | undefined;
  /** The JSON value in it. */
  readonly body: Readonly<Record<string, unknown>>;
}

/** One call and its reply. Times are ms since the epoch. */
export interface Conversation {
  readonly request: Message;
  readonly reply: Message;
  readonly sentMs: number;
  readonly answeredMs: number;
  readonly tookMs: number;
}

/** An Elves module as far as the heartbeat module sees one: amqplib and nothing of ours. */
export class ModuleClient implements AsyncDisposable {
  readonly #connection: AmqpConnection;
  readonly #channel: Channel;
  readonly #queue: string;
  readonly #exchange: string;
  readonly #name: string;
  /** Call id (which is a routing key) or correlation id to whoever waits for it. */
  readonly #waiting = new Map<string, PromiseWithResolvers<ConsumeMessage>>();

  private constructor(connection: AmqpConnection, channel: Channel, place: { queue: string } & ModuleOptions) {
    this.#connection = connection;
    this.#channel = channel;
    this.#queue = place.queue;
    this.#exchange = place.exchange;
    this.#name = place.name;
    connection.lost.then((cause) => this.#waiting.forEach(({ reject }) => reject(cause)));
  }

  /** Connects and opens a temporary queue for replies. */
  static async open(url: string, options: ModuleOptions): Promise<ModuleClient> {
    const connection = await AmqpConnection.open(url);
    const channel = await connection.model.createChannel();
    await channel.assertExchange(options.exchange, "topic", { durable: true });
    const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true });
    const client = new ModuleClient(connection, channel, { queue, ...options });
    await channel.consume(queue, (reply) => client.#received(reply), { noAck: true });
    return client;
  }

  /** Asks the heartbeat module and waits for the reply. */
  call(dialect: Dialect, action: string, parameters: Readonly<Record<string, unknown>>): Promise<Conversation> {
    const id = callId();
    const mqkey = `${this.#name}.heartbeat.${action}`;
    switch (dialect) {
      case "seed":
        return this.#callWithId(id, { mqkey, mqtype: `call.${id}`, mqbody: parameters });
      case "keyed":
        return this.#callWithId(id, { mqkey: `${mqkey}.${id}`, mqtype: "call", ...parameters });
      case "v0.3.3": {
        const properties = { replyTo: this.#queue, correlationId: id };
        return this.#send({ mqkey, mqtype: "call", mqbody: parameters }, { key: id, properties });
      }
    }
  }

  /** Sends a keyed message as it is. */
  callKeyed(body: Readonly<Record<string, unknown>> & { readonly mqkey: string }): Promise<Conversation> {
    return this.#callWithId(body.mqkey.split(".").at(-1) ?? "", body);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  /** The reply comes through the exchange, with the call id as its routing key. */
  async #callWithId(id: string, body: Readonly<Record<string, unknown>>): Promise<Conversation> {
    await this.#channel.bindQueue(this.#queue, this.#exchange, id);
    try {
      return await this.#send(body, { key: id, properties: {} });
    } finally {
      await this.#channel.unbindQueue(this.#queue, this.#exchange, id);
    }
  }

  async #send(
    body: Readonly<Record<string, unknown>>,
    { key, properties }: { key: string; properties: Options.Publish },
  ): Promise<Conversation> {
    const routingKey = `${this.#name}.heartbeat`;
    const sentMs = Date.now();
    const started = performance.now();
    this.#channel.publish(this.#exchange, routingKey, Buffer.from(JSON.stringify(body)), properties);
    const { fields, properties: replied, content } = await this.#expect(key);
    const tookMs = performance.now() - started;
    const { exchange } = fields;
    const { replyTo, correlationId } = properties;
    return {
      request: { exchange: this.#exchange, routingKey, replyTo, correlationId, body },
      reply: {
        exchange,
        routingKey: fields.routingKey,
        correlationId: replied.correlationId,
        body: JSON.parse(content.toString()),
      },
      sentMs,
      answeredMs: Date.now(),
      tookMs,
    };
  }

  async #expect(key: string): Promise<ConsumeMessage> {
    const reply = Promise.withResolvers<ConsumeMessage>();
    this.#waiting.set(key, reply);
    const timer = setTimeout(() => {
      reply.reject(new Error(`no reply to call ${key} within ${CALL_TIMEOUT_MS} ms`));
    }, CALL_TIMEOUT_MS);
    try {
      return await reply.promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(key);
    }
  }

  #received(reply: ConsumeMessage | null): void {
    if (reply === null) return;
    const key = reply.fields.exchange === "" ? reply.properties.correlationId : reply.fields.routingKey;
    this.#waiting.get(key)?.resolve(reply);
  }
}

/** Which module it says it is, and where the modules meet. */
export interface ModuleOptions {
  readonly name: string;
  readonly exchange: string;
}

/** 16 upper-case hexadecimal digits, as the published modules make them. */
export function callId(): string {
  return [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    .toUpperCase();
}
