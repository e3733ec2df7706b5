import type { Channel, ConsumeMessage } from "amqplib";
import { Buffer } from "node:buffer";
import { isObject } from "../apps/entries.ts";
import { LATE, within } from "../deadline.ts";
import { quoted } from "../quoted.ts";
import type { Broker } from "./broker.ts";
import { explainFault } from "./faults.ts";
import { shapeFault } from "./json_shape.ts";

/** How long supervisor has for an answer, ms. */
const TIMEOUT_MS = 5_000;
/** Where supervisor listens, and what it is asked. */
const ROUTING_KEY = "heartbeat.supervisor";
const MQKEY = "heartbeat.supervisor.appAuthInfo";

/** What asking needs. */
export interface SupervisorOptions {
  readonly broker: Pick<Broker, "channel" | "stats">;
  /** The modules' exchange. */
  readonly exchange: string;
  /** Id of this process; part of the names of reply queues. */
  readonly instance: string;
  /** The largest answer that is parsed, bytes. */
  readonly maxBodyBytes: number;
  /** How long each form of the question waits for an answer, ms; 5 s. */
  readonly timeoutMs?: number;
}

/** How an answer is called for: by reply_to (supervisor v0.3.3) or by an id in mqtype (v0.3.0 to v0.3.2). */
type Form = "reply_to" | "call_id";

/** Asks supervisor for its catalog (PROTOCOL.md section 2, "We call supervisor"). */
export class Supervisor {
  readonly #options: SupervisorOptions;
  /** What worked last. */
  #form: Form = "reply_to";
  #questions = 0;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /**
   * Asks in the form that worked last, then in the other.
   * @returns the answer's mqbody
   * @throws when supervisor is not there, does not answer either form in time, or answers with an error
   */
  async ask(): Promise<unknown> {
    const { broker, exchange, instance } = this.#options;
    const channel = await broker.channel();
    const question = new Question(channel, this.#options, `heartbeat.reply.${instance}.${++this.#questions}`);
    try {
      await question.prepare(exchange);
      const forms: Form[] = this.#form === "reply_to" ? ["reply_to", "call_id"] : ["call_id", "reply_to"];
      for (const form of forms) {
        const answer = await question.put(form);
        if (answer === undefined) continue;
        this.#form = answer.form;
        return answer.body;
      }
    } finally {
      await question.end();
    }
    throw new Error(
      `supervisor did not answer within ${this.#options.timeoutMs ?? TIMEOUT_MS} ms, asked in both forms`,
    );
  }
}

interface SupervisorAnswer {
  readonly form: Form;
  readonly body: unknown;
}

/**
 * One question, on a channel and with a queue of its own: what supervisor answers too late finds no queue any more and
 * is never taken for the answer to a later question.
 */
class Question {
  readonly #channel: Channel;
  readonly #options: SupervisorOptions;
  readonly #queue: string;
  /** Routing key of the answer in the older form, 16 upper-case hexadecimal digits; also the correlation id. */
  readonly #id = randomId();
  #settle: ((answer: SupervisorAnswer | Error) => void) | undefined;
  #early: SupervisorAnswer | Error | undefined;
  #open = true;

  constructor(channel: Channel, options: SupervisorOptions, queue: string) {
    this.#channel = channel;
    this.#options = options;
    this.#queue = queue;
    let fault: unknown = new Error("the connection to RabbitMQ was lost");
    channel.on("error", (cause) => fault = cause);
    channel.on("close", () => {
      this.#open = false;
      this.#deliver(new Error(`supervisor cannot be asked: ${explainFault(fault)}`));
    });
    channel.on("return", () => {
      this.#deliver(new Error(`supervisor is not there: nothing is bound to ${ROUTING_KEY} on ${options.exchange}`));
    });
  }

  /** Makes the queue to which supervisor answers in either form. */
  async prepare(exchange: string): Promise<void> {
    try {
      await this.#channel.assertQueue(this.#queue, { exclusive: true, autoDelete: true, durable: false });
      await this.#channel.bindQueue(this.#queue, exchange, this.#id);
      await this.#channel.consume(this.#queue, (message) => this.#take(message), { noAck: true });
    } catch (cause) {
      throw new Error(`supervisor cannot be asked: ${explainFault(cause)}`, { cause });
    }
  }

  /**
   * Asks in one form and waits for an answer in any form; undefined when the time is over.
   * @throws when supervisor is not there or answers with an error, or the connection is lost
   */
  async put(form: Form): Promise<SupervisorAnswer | undefined> {
    const timeoutMs = this.#options.timeoutMs ?? TIMEOUT_MS;
    const mqtype = form === "reply_to" ? "call" : `call.${this.#id}`;
    const answered = new Promise<SupervisorAnswer | Error>((resolve) => this.#settle = resolve);
    try {
      if (this.#early !== undefined) this.#deliver(this.#early);
      else {
        this.#channel.publish(
          this.#options.exchange,
          ROUTING_KEY,
          Buffer.from(JSON.stringify({ mqkey: MQKEY, mqtype, mqbody: {} })),
          {
            mandatory: true,
            expiration: timeoutMs,
            correlationId: this.#id,
            ...(form === "reply_to" ? { replyTo: this.#queue } : {}),
          },
        );
      }
      const answer = await within(answered, timeoutMs);
      if (answer instanceof Error) throw answer;
      return answer === LATE ? undefined : answer;
    } finally {
      this.#settle = undefined;
    }
  }

  /** Gives the queue up. */
  async end(): Promise<void> {
    if (this.#open) await this.#channel.close();
  }

  #deliver(answer: SupervisorAnswer | Error): void {
    if (this.#settle !== undefined) this.#settle(answer);
    else this.#early ??= answer;
  }

  #take(message: ConsumeMessage | null): void {
    const answer = message === null ? new Error("the reply queue was deleted") : this.#read(message);
    if (answer === undefined) this.#options.broker.stats.foreignReplies++;
    else this.#deliver(answer);
  }

  #read({ content, fields, properties }: ConsumeMessage): SupervisorAnswer | Error | undefined {
    const { correlationId } = properties;
    // Peers need not echo it; one that differs belongs to somebody else's question.
    if (typeof correlationId === "string" && correlationId !== "" && correlationId !== this.#id) return undefined;
    const { maxBodyBytes } = this.#options;
    if (content.length > maxBodyBytes) {
      return new Error(`supervisor's answer has ${content.length} bytes, at most ${maxBodyBytes} are read`);
    }
    const fault = shapeFault(content);
    if (fault !== undefined) return new Error(`supervisor's answer has ${fault}`);
    const body = bodyOf(content);
    if (body === undefined) return undefined;
    if (body.flag === "false") {
      return new Error(`supervisor answers with an error: ${errorText(body.error)}`);
    }
    return { form: fields.exchange === "" ? "reply_to" : "call_id", body };
  }
}

function bodyOf(content: Buffer): Record<string, unknown> | undefined {
  try {
    const message: unknown = JSON.parse(content.toString());
    return isObject(message) && isObject(message.mqbody) ? message.mqbody : undefined;
  } catch {
    return undefined;
  }
}

function errorText(error: unknown): string {
  return typeof error === "string" ? error.slice(0, 200) : quoted(error);
}

function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("").toUpperCase();
}
