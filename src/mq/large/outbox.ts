import type { Buffer } from "node:buffer";
import { Backlog } from "../backlog.ts";
import { BodyBytes } from "./body_bytes.ts";
import type { LargeConnection } from "./connection.ts";
import type { Fate, LargeAnswer } from "./protocol.ts";

/** What the outbox needs. */
export interface LargeOutboxOptions {
  readonly connection: Pick<LargeConnection, "limit" | "publish">;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  /** Told once about every answer. */
  readonly done: (body: number, fate: Fate) => void;
}

interface Waiting {
  readonly answer: LargeAnswer;
  readonly content: Buffer;
  /** Monotonic time after which nobody waits for it any more, ms. */
  readonly deadlineMs: number;
}

/** Gathers the bodies of large answers and sends them, one at a time. */
export class LargeOutbox {
  readonly #options: LargeOutboxOptions;
  readonly #bodies = new Map<number, BodyBytes>();
  readonly #waiting = new Backlog<Waiting>();
  #isSending = false;

  constructor(options: LargeOutboxOptions) {
    this.#options = options;
  }

  /**
   * Appends to a body, or begins it.
   * @param share how much of the whole is there with it, above 0 and at most 1
   */
  append(body: number, text: string, share: number): void {
    let bytes = this.#bodies.get(body);
    if (bytes === undefined) this.#bodies.set(body, bytes = new BodyBytes());
    bytes.append(text, share);
  }

  /** Forgets a body that will not be sent. */
  discard(body: number): void {
    this.#bodies.delete(body);
  }

  /** Sends an answer when it has its turn. */
  send(answer: LargeAnswer): void {
    const bytes = this.#bodies.get(answer.body) ?? new BodyBytes();
    this.#bodies.delete(answer.body);
    const content = bytes.framed(answer.before, answer.after);
    const gone = this.#waiting.push({ answer, content, deadlineMs: this.#options.now() + answer.patienceMs });
    this.#lose(gone, "overflow");
    if (!this.#isSending) void this.#sendAll();
  }

  /** Drops what waits. */
  clear(): void {
    this.#lose(this.#waiting.clear(), "closed");
  }

  #lose(lost: readonly Waiting[], loss: "overflow" | "closed"): void {
    for (const { answer } of lost) this.#options.done(answer.body, { name: "lost", loss });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      this.#options.done(next.answer.body, await this.#send(next));
    }
    this.#isSending = false;
  }

  async #send({ answer, content, deadlineMs }: Waiting): Promise<Fate> {
    const { connection, now } = this.#options;
    const isLate = () => now() > deadlineMs;
    if (isLate()) return { name: "lost", loss: "expired" };
    if (content.length > connection.limit) return { name: "tooLarge", limit: connection.limit };
    return await connection.publish(answer, content, isLate);
  }
}
