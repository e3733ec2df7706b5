import type { ClusterRecord, SharedSilence } from "./records.ts";

/** What began so shortly before is not missed in a list of all, which may not have known of it, ms. */
const RECENT_MS = 10_000;
/** How many runs are remembered that were greeted. */
const MAX_GREETED = 1_000;

/** The maintenance windows of this instance. */
export interface SilenceKeeper {
  /** Takes in those that began elsewhere and are not known. */
  add(silences: readonly SharedSilence[]): void;
  remove(ids: readonly string[]): void;
  /** All that are in force here. */
  list(): readonly SharedSilence[];
}

/** What sharing them needs. */
export interface SharedSilencesOptions {
  /** Id of this process. */
  readonly run: string;
  readonly keeper: SilenceKeeper;
  /** Whether this instance leads. */
  readonly leads: () => boolean;
  readonly publish: (record: ClusterRecord) => void;
}

/**
 * Keeps the maintenance windows of the instances the same. They last longer than what a newcomer reads of the stream, so
 * the leader tells each newcomer all of them.
 */
export class SharedSilences {
  readonly #options: SharedSilencesOptions;
  readonly #greeted = new Set<string>();

  constructor(options: SharedSilencesOptions) {
    this.#options = options;
  }

  /** A run gave a sign of life. */
  greet(run: string): void {
    const { leads, keeper, publish } = this.#options;
    if (this.#greeted.has(run) || !leads()) return;
    if (this.#greeted.size >= MAX_GREETED) this.#greeted.clear();
    this.#greeted.add(run);
    publish({ kind: "silenceAdd", silences: keeper.list(), completeFor: run });
  }

  /**
   * Some began elsewhere.
   * @param completeFor the run for which these are all there are: what it remembers beside them was ended meanwhile
   * @param sentMs when that was said, ms since the epoch
   */
  began(
    silences: readonly SharedSilence[],
    { completeFor, sentMs }: { completeFor: string | undefined; sentMs: number },
  ): void {
    const { run, keeper } = this.#options;
    if (completeFor === run) {
      const ids = new Set(silences.map(({ id }) => id));
      const ended = keeper.list().filter(({ id, createdAtMs }) => !ids.has(id) && createdAtMs < sentMs - RECENT_MS);
      keeper.remove(ended.map(({ id }) => id));
    }
    keeper.add(silences);
  }

  /** Some were ended by hand elsewhere. */
  ended(ids: readonly string[]): void {
    this.#options.keeper.remove(ids);
  }
}
