import type { Durations } from "../../durations.ts";
import { BeatCounters, type BeatStats } from "../stats.ts";

/** The counters of all workers together, read at any time. */
export class SummedStats implements BeatStats {
  readonly #all: readonly BeatCounters[];

  constructor(all: readonly BeatCounters[]) {
    this.#all = all;
  }

  get beats(): number {
    return this.#sum.beats;
  }

  get calls(): BeatStats["calls"] {
    return this.#sum.calls;
  }

  get refusals(): BeatStats["refusals"] {
    return this.#sum.refusals;
  }

  get connections(): BeatStats["connections"] {
    return this.#sum.connections;
  }

  get acceptFailures(): number {
    return this.#sum.acceptFailures;
  }

  get latency(): Durations {
    return this.#sum.latency;
  }

  get #sum(): BeatCounters {
    return BeatCounters.sum(this.#all);
  }
}
