import { type Channel, type ChannelModel, connect, type ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";

/** One entry of supervisor's list. */
export interface Entry {
  readonly app: unknown;
  readonly version?: unknown;
  readonly agentList: readonly unknown[];
}

/** What supervisor says when it is asked: its list, an error, nothing, or an mqbody of any form. */
export type Word = readonly Entry[] | "error" | "silence" | { readonly mqbody: unknown };

/** An elves-supervisor v0.3.3 that says what a test wants, made of bare amqplib. */
export class ScriptedSupervisor implements AsyncDisposable {
  /** How often it was asked. */
  asked = 0;
  /** What it says to the next questions. */
  readonly nextWords: Word[] = [];
  /** What it says to every other question. */
  word: Word;
  /** Messages of `heartbeat.event`, as `kind` and rows. */
  readonly events: { readonly kind: string; readonly rows: readonly Record<string, unknown>[] }[] = [];
  readonly #model: ChannelModel;
  readonly #channel: Channel;
  readonly #exchange: string;
  readonly #queue: string;

  private constructor(model: ChannelModel, channel: Channel, { exchange, word }: { exchange: string; word: Word }) {
    this.#model = model;
    this.#channel = channel;
    this.#exchange = exchange;
    this.#queue = `supervisor of ${exchange}`;
    this.word = word;
  }

  /** Connects, answers from then on, and notes all events. */
  static async open(url: string, options: { exchange: string; word: Word }): Promise<ScriptedSupervisor> {
    const model = await connect(url, { noDelay: true });
    const channel = await model.createChannel();
    const supervisor = new ScriptedSupervisor(model, channel, options);
    await channel.assertExchange(options.exchange, "topic", { durable: true });
    const { queue } = await channel.assertQueue("", { exclusive: true });
    await channel.bindQueue(queue, options.exchange, "heartbeat.event");
    await channel.consume(queue, (message) => supervisor.#noted(message), { noAck: true });
    await supervisor.come();
    return supervisor;
  }

  /** Is there to be asked. */
  async come(): Promise<void> {
    await this.#channel.assertQueue(this.#queue, { exclusive: true });
    await this.#channel.bindQueue(this.#queue, this.#exchange, "*.supervisor");
    await this.#channel.consume(this.#queue, (message) => this.#answer(message), { noAck: true });
  }

  /** Is not there any more; its queue neither. */
  async leave(): Promise<void> {
    await this.#channel.deleteQueue(this.#queue);
  }

  /** Tells the heartbeat module, without being asked; without a list: a message that lacks it. */
  async cast(result?: readonly unknown[]): Promise<void> {
    const body = { mqkey: "supervisor.heartbeat.updateAppInfo", mqtype: "cast", mqbody: { result } };
    await this.publish(JSON.stringify(body));
  }

  /** Sends a message of any text to the heartbeat module. */
  async publish(text: string): Promise<void> {
    this.#channel.publish(this.#exchange, "supervisor.heartbeat", Buffer.from(text), { persistent: true });
    // Answered behind what was published on the channel before.
    await this.#channel.checkExchange(this.#exchange);
  }

  /** Makes the heartbeat module's queue without it, as a broker keeps it while the module is down. */
  async prepareModuleQueue(): Promise<void> {
    await this.#channel.assertQueue("heartbeat", { durable: true });
    await this.#channel.bindQueue("heartbeat", this.#exchange, "*.heartbeat");
    await this.#channel.purgeQueue("heartbeat");
  }

  /** How many messages wait for the heartbeat module. */
  async waiting(): Promise<number> {
    return (await this.#channel.checkQueue("heartbeat")).messageCount;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.close();
  }

  #noted(message: ConsumeMessage | null): void {
    if (message === null) return;
    const { mqkey, mqbody } = JSON.parse(message.content.toString());
    this.events.push({ kind: mqkey.replace("heartbeat.event.", ""), rows: mqbody.result });
  }

  #answer(message: ConsumeMessage | null): void {
    if (message === null) return;
    const { replyTo, correlationId } = message.properties;
    const { mqtype, mqkey } = JSON.parse(message.content.toString());
    // v0.3.3 knows this form of a call and no other.
    if (mqkey !== "heartbeat.supervisor.appAuthInfo" || mqtype !== "call" || replyTo === undefined) return;
    this.asked++;
    const word = this.nextWords.shift() ?? this.word;
    if (word === "silence") return;
    const body = { mqkey: "supervisor.heartbeat", mqflag: "cast", mqbody: bodyOf(word) };
    this.#channel.publish("", replyTo, Buffer.from(JSON.stringify(body)), { correlationId });
  }
}

function bodyOf(word: Exclude<Word, "silence">): unknown {
  if (word === "error") return { flag: "false", error: "[500] the database is away", result: [] };
  return "mqbody" in word ? word.mqbody : { flag: "true", error: "", result: word };
}
