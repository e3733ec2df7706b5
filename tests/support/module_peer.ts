import { type Channel, type ChannelModel, connect, type ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";
import { waitFor } from "./wait_for.ts";

/** How long peers wait for an answer, ms. */
const PATIENCE_MS = 5_000;

/** How a message is sent, beside its body. */
export interface SendOptions {
  /** The AMQP property reply_to: a name, or true for this peer's own queue. */
  readonly replyTo?: string | true;
  readonly correlationId?: string;
  /** Where the answer is awaited on the exchange; bound to this peer's queue first. */
  readonly callId?: string;
}

/** An answer as it came. */
export interface PeerReply {
  readonly message: ConsumeMessage;
  readonly json: ReplyJson;
}

/** A row of an answer. */
export type RowJson = Readonly<Record<string, unknown>>;

/** The result under `mqbody`. */
export interface BodyJson {
  readonly flag: string;
  readonly error: string;
  readonly count: number;
  /** Whether the list may lack agents that had no chance to beat yet. */
  readonly warming?: boolean;
  /** A list or one row, as the dialect has it. */
  readonly result: RowJson & readonly RowJson[];
}

/** An answer in any dialect; not every part is there in each. */
export interface ReplyJson {
  readonly mqkey: string;
  readonly mqtype: string;
  readonly mqflag: string | number;
  readonly mqbody: BodyJson;
  readonly info: readonly RowJson[];
  readonly count: number;
  readonly error: string;
}

/** A module on the bus as Elves modules are one, made of bare amqplib. */
export class ModulePeer implements AsyncDisposable {
  readonly channel: Channel;
  /** The queue to which answers come. */
  readonly queue: string;
  /** Answers that came and were not asked for yet. */
  readonly replies: PeerReply[] = [];
  readonly #model: ChannelModel;
  readonly #exchange: string;

  private constructor(model: ChannelModel, channel: Channel, { queue, exchange }: { queue: string; exchange: string }) {
    this.#model = model;
    this.channel = channel;
    this.queue = queue;
    this.#exchange = exchange;
  }

  /** Connects to the broker and declares the modules' exchange and a temporary queue, as modules do. */
  static async connect(url: string, exchange = "elves"): Promise<ModulePeer> {
    const model = await connect(url, { noDelay: true });
    const channel = await model.createChannel();
    await channel.assertExchange(exchange, "topic", { durable: true });
    const { queue } = await channel.assertQueue("", { exclusive: true, autoDelete: true });
    const peer = new ModulePeer(model, channel, { queue, exchange });
    await channel.consume(queue, (message) => {
      if (message !== null) peer.replies.push({ message, json: JSON.parse(message.content.toString()) });
    }, { noAck: true });
    return peer;
  }

  /** Publishes to the module `heartbeat`. */
  async send(body: unknown, { replyTo, correlationId, callId }: SendOptions = {}): Promise<void> {
    if (callId !== undefined) await this.channel.bindQueue(this.queue, this.#exchange, callId);
    const content = body instanceof Uint8Array ? Buffer.from(body) : Buffer.from(JSON.stringify(body));
    this.channel.publish(this.#exchange, "openapi.heartbeat", content, {
      ...(replyTo === undefined ? {} : { replyTo: replyTo === true ? this.queue : replyTo }),
      ...(correlationId === undefined ? {} : { correlationId }),
    });
  }

  /** Publishes and waits for the next answer. */
  async ask(body: unknown, options: SendOptions): Promise<PeerReply> {
    await this.send(body, options);
    return await this.next();
  }

  /** Waits for the next answer. */
  next(timeoutMs = PATIENCE_MS): Promise<PeerReply> {
    return waitFor(() => this.replies.shift(), { timeoutMs, what: "an answer on the bus" });
  }

  /**
   * A call as modules v0.3.3 make it; gives the mqbody of the answer.
   * @throws when none came in time
   */
  async call(action: string, mqbody?: unknown, timeoutMs = PATIENCE_MS): Promise<BodyJson> {
    await this.send({ mqkey: `openapi.heartbeat.${action}`, mqtype: "call", mqbody }, { replyTo: true });
    return (await this.next(timeoutMs)).json.mqbody;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.close();
  }
}
