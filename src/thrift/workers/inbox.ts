import type { Beat } from "../../fleet/beat.ts";
import type { BeatOutcome } from "../../fleet/fleet.ts";
import { beatAt, type BeatBatch, sizeOf } from "./batch.ts";

/** How long beats may hold the main thread before calls and pages have their turn, ms. */
const SLICE_MS = 5;
/** How many beats are taken between two looks at the clock. */
const BEATS_PER_LOOK = 32;

/** A batch that came, and what is done when it is taken. */
interface Arrived {
  readonly batch: BeatBatch;
  /** How many beats of it are taken. */
  taken: number;
  readonly outcomes: BeatOutcome[];
  readonly done: (outcomes: readonly BeatOutcome[]) => void;
}

/** Batches of beats on the main thread, taken in the order in which they came, in slices. */
export class Inbox {
  readonly #take: (beat: Beat, peer: string | undefined) => BeatOutcome;
  readonly #waiting: Arrived[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param take takes one beat in; never throws */
  constructor(take: (beat: Beat, peer: string | undefined) => BeatOutcome) {
    this.#take = take;
  }

  /**
   * Takes a batch, at once if none waits.
   * @param done called when the whole batch is taken, with the outcomes of the beats that were asked about
   */
  add(batch: BeatBatch, done: (outcomes: readonly BeatOutcome[]) => void): void {
    this.#waiting.push({ batch, taken: 0, outcomes: [], done });
    if (this.#timer === undefined) this.#run(SLICE_MS);
  }

  /** Takes all that waits, now. */
  finish(): void {
    this.#run(Infinity);
  }

  #run(sliceMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const endMs = performance.now() + sliceMs;
    for (let first = this.#waiting[0]; first !== undefined; first = this.#waiting[0]) {
      this.#some(first);
      if (first.taken === sizeOf(first.batch)) {
        this.#waiting.shift();
        first.done(first.outcomes);
      }
      if (this.#waiting.length > 0 && performance.now() >= endMs) {
        this.#timer = setTimeout(() => this.#run(SLICE_MS), 0);
        return;
      }
    }
  }

  /** Takes some beats of a batch. */
  #some(arrived: Arrived): void {
    const { batch, outcomes } = arrived;
    const end = Math.min(arrived.taken + BEATS_PER_LOOK, sizeOf(batch));
    for (; arrived.taken < end; arrived.taken++) {
      const { beat, peer } = beatAt(batch, arrived.taken);
      const outcome = this.#take(beat, peer);
      if (batch.asked[outcomes.length] === arrived.taken) outcomes.push(outcome);
    }
  }
}
