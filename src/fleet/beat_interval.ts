/** The weight of one more beat. */
const WEIGHT = 1 / 256;

/** Measures the time between two beats of an agent, over the last hundreds of beats of the whole fleet. */
export class BeatInterval {
  /** Ms; undefined before the first measurement. */
  meanMs: number | undefined;

  /** An agent beat again after so many ms. */
  add(passedMs: number): void {
    this.meanMs = this.meanMs === undefined ? passedMs : this.meanMs + (passedMs - this.meanMs) * WEIGHT;
  }
}
