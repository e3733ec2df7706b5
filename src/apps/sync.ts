import { retryDelayMs } from "../backoff.ts";
import type { Logger } from "../log.ts";
import type { CatalogUpdates } from "./keeper.ts";

/** What a sync needs. */
export interface SyncOptions {
  readonly log: Logger;
  /** Where supervisor's answers go. */
  readonly catalog: CatalogUpdates;
  /** Asks supervisor for its catalog. */
  readonly ask: () => Promise<unknown>;
  /** How long after an answer supervisor is asked again, ms; asked each time. */
  readonly intervalMs: () => number;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
}

/**
 * Asks supervisor for its catalog: whenever told to, until it answers, and again after an interval. Without a first
 * call of {@link now} nothing happens.
 */
export class SupervisorSync {
  readonly #options: SyncOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #asking = false;
  /** The answer to the question under way may be older than what has come meanwhile. */
  #askAgain = false;
  #paused = true;

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  /** Asks at once; for after a (re)connection. */
  now(): void {
    this.#paused = false;
    this.#askAgain = this.#asking;
    this.#schedule(0);
  }

  /** A cast has come: supervisor may have answered the question under way before it sent that, so it is asked again. */
  overtaken(): void {
    if (this.#asking) this.#askAgain = true;
  }

  /** Asks no more until told to: while there is no connection, and at the stop. */
  pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
  }

  #schedule(delayMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#paused) this.#timer = setTimeout(() => this.#ask(), this.#askAgain ? 0 : delayMs);
  }

  async #ask(): Promise<void> {
    // An answer that is under way schedules the next question itself.
    if (this.#asking) return;
    this.#asking = true;
    this.#askAgain = false;
    try {
      const answer = await this.#options.ask();
      if (this.#askAgain) return this.#schedule(0);
      const outcome = await this.#options.catalog.offer(answer, "supervisor");
      if (outcome.result === "rejected") throw new Error(`its answer cannot be used: ${outcome.reason}`);
      this.#failures = 0;
      this.#schedule(this.#options.intervalMs());
    } catch (cause) {
      this.#retry(cause);
    } finally {
      this.#asking = false;
    }
  }

  #retry(cause: unknown): void {
    this.#failures++;
    const delayMs = retryDelayMs(this.#failures, this.#options.random);
    if (this.#failures === 1) {
      this.#options.log.warn("supervisor gives no catalog, asking again until it does: {cause}", { cause });
    }
    this.#schedule(delayMs);
  }
}
