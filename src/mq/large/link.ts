import { startThread } from "../../thread.ts";
import type { Fate, FromWorker, LargeAnswer, ToWorker } from "./protocol.ts";

/** What runs in the thread. */
const SCRIPT = new URL("./worker.ts", import.meta.url);

/** The body of a long list. Its text goes to the thread that sends it as it is written. */
export class ListBody {
  readonly #link: LargeLink;
  /** Its number at the thread. */
  readonly number: number;

  constructor(link: LargeLink, number: number) {
    this.#link = link;
    this.number = number;
  }

  /**
   * Appends text.
   * @param share how much of the whole list is written with it, above 0 and at most 1
   */
  append(text: string, share: number): void {
    this.#link.tell({ kind: "text", body: this.number, text, share });
  }

  /** It will not be sent. */
  discard(): void {
    this.#link.tell({ kind: "discard", body: this.number });
  }

  /** Sends it as what is told about it; `done` is called once. */
  send(answer: Omit<LargeAnswer, "body">, done: (fate: Fate) => void): void {
    this.#link.send({ ...answer, body: this.number }, done);
  }
}

/**
 * The main thread's end of the line to the thread that sends large answers, over a connection of its own.
 *
 * In the main thread a list of 100,000 rows held beats up for 50 to 70 ms on Deno 2.4: 26 MB of body and as much again
 * in amqplib's frames are made in one piece, and have V8 collect the whole fleet in one more. From a thread: 6 ms.
 */
export class LargeLink {
  readonly #worker: Worker;
  readonly #onEnded: (fault: string) => void;
  /** Who waits for what becomes of an answer, by body. */
  readonly #waiting = new Map<number, (fate: Fate) => void>();
  readonly #closed = Promise.withResolvers<void>();
  #bodies = 0;
  #hasEnded = false;

  /** @param onEnded called when the thread ended by a fault of its own; after the answers it had are told lost */
  constructor(onEnded: (fault: string) => void) {
    this.#onEnded = onEnded;
    this.#worker = startThread<FromWorker>(SCRIPT, {
      told: (message) => this.#told(message),
      crashed: (fault) => this.#crashed(fault),
    }, "large answers");
  }

  /** Begins a body. */
  begin(): ListBody {
    return new ListBody(this, ++this.#bodies);
  }

  /** Tells the thread something, if it still runs. */
  tell(message: ToWorker): void {
    if (!this.#hasEnded) this.#worker.postMessage(message);
  }

  /** Sends an answer; `done` is called once. */
  send(answer: LargeAnswer, done: (fate: Fate) => void): void {
    if (this.#hasEnded) return done({ name: "lost", loss: "closed" });
    this.#waiting.set(answer.body, done);
    this.tell({ kind: "send", answer });
  }

  /** What is not sent yet is void; the next answer is sent over another connection. */
  disconnect(): void {
    this.tell({ kind: "disconnect" });
    this.#loseAll();
  }

  /** Closes the connection in order and ends the thread. */
  async close(): Promise<void> {
    this.tell({ kind: "close" });
    await this.#closed.promise;
    this.terminate();
  }

  /** Ends the thread, whatever it does. */
  terminate(): void {
    this.#hasEnded = true;
    this.#worker.terminate();
    this.#closed.resolve();
    this.#loseAll();
  }

  #told(message: FromWorker): void {
    if (message.kind === "closed") return this.#closed.resolve();
    const done = this.#waiting.get(message.body);
    this.#waiting.delete(message.body);
    done?.(message.fate);
  }

  #crashed(fault: string): void {
    if (this.#hasEnded) return;
    this.terminate();
    this.#onEnded(fault);
  }

  #loseAll(): void {
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const done of waiting) done({ name: "lost", loss: "closed" });
  }
}
