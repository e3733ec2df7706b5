/** How many numbers an agent has. */
const WIDTH = 4;
/** The agents of one piece of memory: as long as one of them is there, the whole piece is, 2 KiB. */
const AGENTS = 64;

const LAST_BEAT = 0;
const LAST_SEEN = 1;
const SINCE = 2;
const CHANGED = 3;

let piece = new Float64Array(0);
let next = 0;

/**
 * The numbers of an agent, in memory that agents share. As a field of its own each would be an object of 16 bytes for V8 to
 * look at when it collects garbage: the longest stretch of a list of 100,000 was a sixth longer (measured).
 */
export class AgentNumbers {
  readonly #numbers: Float64Array;
  readonly #at: number;

  constructor() {
    if (next === piece.length) {
      piece = new Float64Array(AGENTS * WIDTH);
      next = 0;
    }
    this.#numbers = piece;
    this.#at = next;
    next += WIDTH;
  }

  /** Monotonic time of the last beat, ms. */
  get lastBeatMs(): number {
    return this.#numbers[this.#at + LAST_BEAT]!;
  }

  set lastBeatMs(ms: number) {
    this.#numbers[this.#at + LAST_BEAT] = ms;
  }

  /** Wall-clock time of the last beat, ms since the epoch. */
  get lastSeenMs(): number {
    return this.#numbers[this.#at + LAST_SEEN]!;
  }

  set lastSeenMs(ms: number) {
    this.#numbers[this.#at + LAST_SEEN] = ms;
  }

  /** Wall-clock time since when it has been online (suspect included) or offline, ms since the epoch. */
  get sinceMs(): number {
    return this.#numbers[this.#at + SINCE]!;
  }

  set sinceMs(ms: number) {
    this.#numbers[this.#at + SINCE] = ms;
  }

  /** The same on the monotonic clock, ms. */
  get changedMs(): number {
    return this.#numbers[this.#at + CHANGED]!;
  }

  set changedMs(ms: number) {
    this.#numbers[this.#at + CHANGED] = ms;
  }
}
