import { type Channel, type ChannelModel, connect, type ConsumeMessage, type Options } from "amqplib";
import { waitFor } from "../support/wait_for.ts";

/** A message of events, as it came. */
export interface EventMessage {
  readonly message: ConsumeMessage;
  readonly mqkey: string;
  readonly mqtype: string;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** Declares a durable queue for events, which outlives its readers, made of bare amqplib. */
export async function bindEventQueue(url: string, queue: string, options: Options.AssertQueue = {}): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  await channel.assertExchange("elves", "topic", { durable: true });
  await channel.assertQueue(queue, { durable: true, ...options });
  await channel.bindQueue(queue, "elves", "heartbeat.event");
  await model.close();
}

/** Deletes a queue. */
export async function deleteQueue(url: string, queue: string): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  await channel.deleteQueue(queue);
  await model.close();
}

/** A module that reads events, as one would be written from the documentation. */
export class EventReader implements AsyncDisposable {
  readonly messages: EventMessage[] = [];
  /** The rows with an id that had not come before, in the order of their coming. */
  readonly fresh: Readonly<Record<string, unknown>>[] = [];
  /** How many rows came again. */
  repeated = 0;
  readonly #ids = new Set<unknown>();
  readonly #model: ChannelModel;

  private constructor(model: ChannelModel) {
    this.#model = model;
    // The tests kill the broker.
    model.on("error", () => {});
  }

  /** Begins to read. */
  static async connect(url: string, queue: string): Promise<EventReader> {
    const model = await connect(url, { noDelay: true });
    const reader = new EventReader(model);
    const channel = await model.createChannel();
    await channel.consume(queue, (message) => reader.#take(channel, message));
    return reader;
  }

  /** The ids that came, without repetitions. */
  get ids(): unknown[] {
    return this.fresh.map(({ id }) => id);
  }

  /** Waits until so many different events have come. */
  async read(count: number): Promise<void> {
    await waitFor(() => this.fresh.length >= count, { timeoutMs: 30_000, what: `${count} events on the bus` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#model.close();
  }

  #take(channel: Channel, message: ConsumeMessage | null): void {
    if (message === null) return;
    const { mqkey, mqtype, mqbody: { result: rows } } = JSON.parse(message.content.toString());
    this.messages.push({ message, mqkey, mqtype, rows });
    for (const row of rows) {
      if (this.#ids.has(row.id)) this.repeated++;
      else this.fresh.push(row);
      this.#ids.add(row.id);
    }
    channel.ack(message);
  }
}
