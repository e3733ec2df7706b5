import { retryDelayMs } from "../backoff.ts";
import type { Logger } from "../log.ts";
import { isObject } from "./entries.ts";
import type { CatalogUpdates, OfferOutcome } from "./offer.ts";

/** What a sync needs. */
export interface SyncOptions {
  readonly log: Logger;
  /** Where supervisor's answers and casts go. */
  readonly catalog: CatalogUpdates & { readonly current: unknown };
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
 *
 * Casts come by here too. While the service or its connection is down they wait in the broker's queue, and nothing in
 * them tells how old they are: agents that were told each in turn would go back to old versions for a moment. So after
 * a (re)connection only the newest is kept, and it counts only if supervisor then does not answer. As long as no catalog
 * is known it does not count even then: most agents may miss in it, and would remove all their apps.
 */
export class SupervisorSync implements CatalogUpdates {
  readonly source = "supervisor";
  readonly #options: SyncOptions;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #asking = false;
  /** The answer to the question under way may be older than what has come meanwhile. */
  #askAgain = false;
  #paused = true;
  /** Whether it was logged, since supervisor answered last, that casts are left alone. */
  #toldLeftAlone = false;
  /** How many connections were lost. */
  #losses = 0;
  /** Whether supervisor has answered, or failed to, since the (re)connection. */
  #settled = false;
  /** The newest cast since the (re)connection, until then. */
  #kept: { readonly body: unknown } | undefined;

  constructor(options: SyncOptions) {
    this.#options = options;
  }

  /** Asks at once; for after a (re)connection. */
  now(): void {
    this.#paused = false;
    this.#askAgain = this.#asking;
    this.#schedule(0);
  }

  /** Takes a cast, or keeps it until supervisor was asked. */
  async offer(body: unknown): Promise<OfferOutcome> {
    // Supervisor may have answered the question under way before it sent this.
    if (this.#asking) this.#askAgain = true;
    // What says nothing is refused, and replaces nothing that is kept.
    const saysNothing = !isObject(body) || !Array.isArray(body.result);
    const mayCount = this.#settled && this.#options.catalog.current !== undefined;
    if (mayCount || saysNothing) return await this.#options.catalog.offer(body);
    this.#kept = { body };
    if (this.#settled) this.#schedule(0);
    return { result: "deferred" };
  }

  /** Asks no more until told to: while there is no connection, and at the stop. */
  pause(): void {
    this.#paused = true;
    this.#settled = false;
    this.#losses++;
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
    const losses = this.#losses;
    try {
      const answer = await this.#options.ask();
      if (this.#askAgain) return this.#schedule(0);
      const outcome = await this.#options.catalog.offer(answer, "supervisor");
      if (outcome.result === "rejected") throw new Error(`its answer cannot be used: ${outcome.reason}`);
      this.#failures = 0;
      this.#toldLeftAlone = false;
      if (!this.#askAgain && losses === this.#losses) this.#settle();
      this.#schedule(this.#options.intervalMs());
    } catch (cause) {
      this.#retry(cause);
      if (losses === this.#losses) await this.#takeKept();
    } finally {
      this.#asking = false;
    }
  }

  /** Lets casts count from now on, and gives what was kept. */
  #settle(): { readonly body: unknown } | undefined {
    const kept = this.#kept;
    this.#settled = true;
    this.#kept = undefined;
    return kept;
  }

  /** Without supervisor's answer the newest cast is the best that is known; but it is not enough to begin with. */
  async #takeKept(): Promise<void> {
    const { catalog, log } = this.#options;
    const kept = this.#settle();
    if (kept === undefined) return;
    if (catalog.current === undefined) {
      if (this.#toldLeftAlone) return;
      this.#toldLeftAlone = true;
      log.warn("catalog: a cast that may be old is left alone, as none is known yet; waiting for supervisor's answer");
      return;
    }
    await catalog.offer(kept.body).catch((cause) =>
      log.error("catalog: a cast could not be taken: {cause}", { cause })
    );
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
