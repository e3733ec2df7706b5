import type { ConsumeMessage } from "amqplib";
import { AmqpConnection } from "../demo/amqp.ts";

const QUEUE = "watcher";
const ROUTING_KEY = "heartbeat.event";
/** How long until a broker that is gone is tried again, ms. */
const RETRY_MS = 100;

/** An event as a reader sees it. */
export interface EventRow {
  readonly id: string;
  readonly kind: string;
  readonly ip?: string;
  readonly asset?: string;
  readonly at_ms: number;
  readonly last_hb_ms?: number;
  readonly away_seconds?: number;
  readonly first?: boolean;
}

/** What a reader keeps that drops repeated ids. */
export class EventLog {
  /** Each event once, in the order in which they came. */
  readonly events: EventRow[] = [];
  /** How often an event came that was there already. */
  repeated = 0;
  readonly #ids = new Set<string>();

  add(rows: readonly EventRow[]): void {
    for (const row of rows) {
      if (this.#ids.has(row.id)) this.repeated++;
      else {
        this.#ids.add(row.id);
        this.events.push(row);
      }
    }
  }

  of(kind: string, ip?: string): EventRow[] {
    return this.events.filter((event) => event.kind === kind && (ip === undefined || event.ip === ip));
  }
}

/** What a test chooses about the reader. */
export interface EventConsumerOptions {
  readonly exchange?: string;
  /** Other addresses of the same broker, tried in turn when one is lost. */
  readonly others?: readonly string[];
  /** The kind of its queue; a classic one lives on one node. */
  readonly queueType?: "classic" | "quorum";
}

/** A module that watches events: a durable queue of its own, acknowledged after reading, through restarts of the broker. */
export class EventConsumer implements AsyncDisposable {
  readonly log = new EventLog();
  readonly #urls: readonly string[];
  readonly #options: EventConsumerOptions;
  readonly #closed = Promise.withResolvers<void>();
  #isClosed = false;
  #attempts = 0;
  #running: Promise<void> = Promise.resolve();

  private constructor(urls: readonly string[], options: EventConsumerOptions) {
    this.#urls = urls;
    this.#options = options;
  }

  /** Declares and binds the queue, so that nothing is missed from then on, and reads. */
  static async open(url: string, options: EventConsumerOptions = {}): Promise<EventConsumer> {
    const consumer = new EventConsumer([url, ...options.others ?? []], options);
    const connection = await consumer.#connect();
    consumer.#running = consumer.#run(connection);
    return consumer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#closed.resolve();
    await this.#running;
  }

  async #run(first: AmqpConnection): Promise<void> {
    for (let connection: AmqpConnection | undefined = first; !this.#isClosed; connection = await this.#reconnect()) {
      if (connection === undefined) continue;
      await Promise.race([connection.lost, this.#closed.promise]);
      await connection[Symbol.asyncDispose]();
    }
  }

  async #reconnect(): Promise<AmqpConnection | undefined> {
    if (this.#isClosed) return undefined;
    try {
      return await this.#connect();
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      return undefined;
    }
  }

  async #connect(): Promise<AmqpConnection> {
    const { exchange = "elves", queueType = "classic" } = this.#options;
    const url = this.#urls[this.#attempts++ % this.#urls.length];
    const connection = await AmqpConnection.open(url!);
    const channel = await connection.model.createChannel();
    await channel.assertExchange(exchange, "topic", { durable: true });
    await channel.assertQueue(QUEUE, { durable: true, arguments: { "x-queue-type": queueType } });
    await channel.bindQueue(QUEUE, exchange, ROUTING_KEY);
    await channel.consume(QUEUE, (message) => {
      if (message === null) return;
      this.log.add(rowsOf(message));
      channel.ack(message);
    });
    return connection;
  }
}

function rowsOf(message: ConsumeMessage): EventRow[] {
  const { mqkey, mqbody } = JSON.parse(message.content.toString());
  const kind = String(mqkey).slice(`${ROUTING_KEY}.`.length);
  return mqbody.result.map((row: EventRow) => ({ ...row, kind }));
}
