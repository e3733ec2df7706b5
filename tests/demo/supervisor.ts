import type { Channel, ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";
import type { AppVersions } from "../support/fleet_simulator.ts";
import { AmqpConnection } from "./amqp.ts";
import type { Message } from "./module_client.ts";

const QUEUE = "supervisor";

/** One entry of supervisor's list: these agents may run this version of this app. */
export interface CatalogEntry {
  readonly app: string;
  readonly version: string;
  readonly agentList: readonly string[];
}

/** elves-supervisor v0.3.3 as far as the heartbeat module sees it. */
export class Supervisor implements AsyncDisposable {
  readonly #connection: AmqpConnection;
  readonly #channel: Channel;
  readonly #exchange: string;
  readonly #onAsked: (request: Message, reply: Message) => void;
  #catalog: readonly CatalogEntry[];

  private constructor(connection: AmqpConnection, channel: Channel, options: SupervisorOptions) {
    this.#connection = connection;
    this.#channel = channel;
    this.#exchange = options.exchange;
    this.#catalog = options.catalog;
    this.#onAsked = options.onAsked;
  }

  /** Connects and answers from then on. */
  static async open(url: string, options: SupervisorOptions): Promise<Supervisor> {
    const connection = await AmqpConnection.open(url);
    const channel = await connection.model.createChannel();
    await channel.assertExchange(options.exchange, "topic", { durable: true });
    await channel.assertQueue(QUEUE, { durable: true });
    await channel.bindQueue(QUEUE, options.exchange, `*.${QUEUE}`);
    const supervisor = new Supervisor(connection, channel, options);
    await channel.consume(QUEUE, (message) => supervisor.#asked(message), { noAck: true });
    return supervisor;
  }

  /** What the agent at an address may run. */
  appsFor(ip: string): AppVersions {
    const entries = this.#catalog.filter(({ agentList }) => agentList.includes(ip));
    return Object.fromEntries(entries.map(({ app, version }) => [app, version]));
  }

  /** Takes another catalog and tells the heartbeat module at once. */
  update(catalog: readonly CatalogEntry[]): Message {
    this.#catalog = catalog;
    const body = { mqkey: "supervisor.heartbeat.updateAppInfo", mqtype: "cast", mqbody: { result: catalog } };
    const routingKey = "supervisor.heartbeat";
    this.#channel.publish(this.#exchange, routingKey, Buffer.from(JSON.stringify(body)));
    return { exchange: this.#exchange, routingKey, body };
  }

  /** The catalog in force. */
  get catalog(): readonly CatalogEntry[] {
    return this.#catalog;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }

  #asked(message: ConsumeMessage | null): void {
    if (message === null) return;
    const { fields, properties } = message;
    const { replyTo, correlationId } = properties;
    const asked = JSON.parse(message.content.toString());
    // v0.3.3 knows this form of a call and no other.
    if (asked.mqkey !== "heartbeat.supervisor.appAuthInfo" || asked.mqtype !== "call" || replyTo === undefined) return;
    const body = { mqkey: "supervisor.heartbeat", mqflag: "cast", mqbody: { result: this.#catalog } };
    this.#channel.publish("", replyTo, Buffer.from(JSON.stringify(body)), { correlationId });
    const request = { exchange: fields.exchange, routingKey: fields.routingKey, replyTo, correlationId, body: asked };
    this.#onAsked(request, { exchange: "", routingKey: replyTo, correlationId, body });
  }
}

/** What supervisor knows, and who is told when it was asked. */
export interface SupervisorOptions {
  readonly exchange: string;
  readonly catalog: readonly CatalogEntry[];
  readonly onAsked: (request: Message, reply: Message) => void;
}
