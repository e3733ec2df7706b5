/**
 * How long something took, counted into fixed buckets. prom-client's own histogram takes 250 ns for each observation
 * (measured), which a beat of 30 us would notice; this takes 11 and allocates nothing.
 */
export class Durations {
  /** Upper bounds of the buckets, ascending, ms. */
  readonly boundsMs: readonly number[];
  /** How many took longer than the bound before and at most as long as this one; the last: longer than all. */
  readonly counts: Float64Array;
  readonly #cells: Float64Array;

  /**
   * @param boundsMs upper bounds of the buckets, ascending, ms
   * @param cells where it is counted, with {@link durationCells} numbers; memory of its own by default
   */
  constructor(boundsMs: readonly number[], cells: Float64Array = new Float64Array(durationCells(boundsMs))) {
    this.boundsMs = boundsMs;
    this.#cells = cells;
    this.counts = cells.subarray(0, boundsMs.length + 1);
  }

  /** What all took together, ms. */
  get sumMs(): number {
    return this.#cells[this.counts.length]!;
  }

  /**
   * Counts something that took this long.
   * @param times how many things did; 1 by default
   */
  observe(ms: number, times = 1): void {
    let bucket = 0;
    while (bucket < this.boundsMs.length && ms > this.boundsMs[bucket]!) bucket++;
    this.counts[bucket]! += times;
    this.#cells[this.counts.length]! += ms * times;
  }
}

/** How many numbers {@link Durations} with these bounds take: one for each bucket, and the sum. */
export function durationCells(boundsMs: readonly number[]): number {
  return boundsMs.length + 2;
}
