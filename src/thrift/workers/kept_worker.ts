import { retryDelayMs } from "../../backoff.ts";
import { within } from "../../deadline.ts";
import type { Logger } from "../../log.ts";
import type { Certificate } from "../door.ts";
import type { NumberedCatalog, WorkerStart } from "./protocol.ts";
import { WorkerLink, type WorkerListener } from "./worker_link.ts";

/** A worker that ran for so long before it ended is started again at once, ms. */
const STABLE_MS = 60_000;

/** What a kept worker needs. */
export interface KeptWorkerOptions {
  readonly log: Logger;
  /** What it runs. */
  readonly script: URL;
  /** What a worker begins with now. */
  readonly start: (worker: number) => WorkerStart;
  readonly listener: Omit<WorkerListener, "crashed">;
  /** Counts nothing any more that this worker had. */
  readonly lost: (worker: number) => void;
}

/** One of the workers: when it ends by a fault of its own, another takes its place. */
export class KeptWorker {
  readonly #number: number;
  readonly #options: KeptWorkerOptions;
  #link: WorkerLink | undefined;
  #isListening = false;
  #listensSinceMs = 0;
  /** How often it ended, or could not begin, in a row. */
  #failures = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  /** @param worker its number, from 0 */
  constructor(worker: number, options: KeptWorkerOptions) {
    this.#number = worker;
    this.#options = options;
  }

  /** Whether it takes beats. */
  get isListening(): boolean {
    return this.#isListening;
  }

  /**
   * Starts it. Resolves when it listens.
   * @throws Error when it cannot
   */
  async start(): Promise<void> {
    const { script, start, listener } = this.#options;
    this.#link = new WorkerLink(this.#number, script, { ...listener, crashed: (_, cause) => this.#ended(cause) });
    await this.#link.start(start(this.#number));
    this.#isListening = true;
    this.#listensSinceMs = performance.now();
  }

  /**
   * Has it answer from another catalog. Resolves when it does.
   * @throws Error when it ended; the one after it begins with the newest
   */
  async replaceCatalog(catalog: NumberedCatalog): Promise<void> {
    await this.#link?.replaceCatalog(catalog);
  }

  /**
   * Has it show another certificate.
   * @throws Error when it cannot
   */
  async renew(certificate: Certificate): Promise<void> {
    if (this.#isListening) await this.#link?.renew(certificate);
  }

  /**
   * Has it close its ports and end its connections, then ends it, at the latest after `patienceMs`. Resolves when the
   * fleet has its last beats. Never rejects.
   */
  async stop(drainTimeoutMs: number, patienceMs: number): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    const link = this.#link;
    if (link === undefined) return;
    if (this.#isListening) await within(link.stop(drainTimeoutMs).catch(() => {}), patienceMs);
    this.#isListening = false;
    link.terminate();
  }

  #ended(cause: Error): void {
    // Who started it hears of it there.
    if (!this.#isListening) return;
    this.#isListening = false;
    this.#options.lost(this.#number);
    if (performance.now() - this.#listensSinceMs > STABLE_MS) this.#failures = 0;
    this.#startLater(cause);
  }

  #startLater(cause: unknown): void {
    if (this.#isStopped) return;
    const delayMs = retryDelayMs(++this.#failures);
    this.#options.log.error(
      "beat port: worker {worker} has ended by a fault, another is started in {seconds} s: {cause}",
      { worker: this.#number + 1, seconds: delayMs / 1000, cause },
    );
    this.#timer = setTimeout(() => this.#startAgain(), delayMs);
  }

  async #startAgain(): Promise<void> {
    try {
      await this.start();
      this.#options.log.info("beat port: worker {worker} takes beats again", { worker: this.#number + 1 });
    } catch (cause) {
      this.#link?.terminate();
      this.#startLater(cause);
    }
  }
}
