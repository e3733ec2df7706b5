import { Buffer } from "node:buffer";
import { within } from "../../src/deadline.ts";
import { AmqpConnection } from "../demo/amqp.ts";

const PAUSE_MS = 100;
/** How long modules wait for an answer, ms. */
const PATIENCE_MS = 5_000;

/** What a caller asks, and when it may be disappointed. */
export interface CallerOptions {
  readonly url: string;
  /** The agent that is asked for next. */
  readonly ip: () => string;
  /** Whether there was a fault at that monotonic time or later. */
  readonly isDisturbed: (fromMs: number) => boolean;
}

/** A module that asks all the time, one call after the other. */
export class Caller implements AsyncDisposable {
  /** Calls that were answered; that went with RabbitMQ or in a fault; and that had no answer for no reason. */
  readonly calls = { answered: 0, lost: 0, unanswered: 0 };
  readonly #options: CallerOptions;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      try {
        await using connection = await AmqpConnection.open(this.#options.url);
        await this.#ask(connection);
      } catch {
        // RabbitMQ is away, which a module is told by its connection.
        await pause(PAUSE_MS);
      }
    }
  }

  /** Asks until the connection is lost. */
  async #ask({ model, lost }: AmqpConnection): Promise<void> {
    const channel = await model.createChannel();
    const { queue } = await channel.assertQueue("", { exclusive: true });
    const waiting = new Map<string, () => void>();
    await channel.consume(queue, (message) => waiting.get(message?.properties.correlationId)?.(), { noAck: true });
    let isLost = false;
    lost.then(() => isLost = true);
    for (let number = 1; !isLost && !this.#stopped; number++) {
      const id = String(number);
      const answered = new Promise<boolean>((resolve) => waiting.set(id, () => resolve(true)));
      const askedMs = performance.now();
      const body = { mqkey: "soak.heartbeat.agentInfo", mqtype: "call", mqbody: { ip: this.#options.ip() } };
      channel.publish("elves", "soak.heartbeat", Buffer.from(JSON.stringify(body)), {
        replyTo: queue,
        correlationId: id,
      });
      const outcome = await within(Promise.race([answered, lost.then(() => false)]), PATIENCE_MS);
      this.#count(outcome === true, askedMs);
      waiting.delete(id);
      await pause(PAUSE_MS);
    }
  }

  #count(isAnswered: boolean, askedMs: number): void {
    if (isAnswered) this.calls.answered++;
    else if (this.#options.isDisturbed(askedMs)) this.calls.lost++;
    else this.calls.unanswered++;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
