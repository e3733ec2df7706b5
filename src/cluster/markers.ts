/**
 * The markers of this run that are under way. One that comes back says that everything before it was read, and how long
 * that took.
 */
export class Markers {
  readonly #now: () => number;
  /** When each was sent. */
  readonly #sentMs = new Map<number, number>();
  #number = 0;
  #tripMs = 0;

  /** @param now the monotonic clock, ms */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The number of the next one. */
  next(): number {
    this.#number++;
    this.#sentMs.set(this.#number, this.#now());
    return this.#number;
  }

  /** One came back, and with it all before it. */
  returned(number: number): void {
    const sentMs = this.#sentMs.get(number);
    if (sentMs !== undefined) this.#tripMs = this.#now() - sentMs;
    for (const each of this.#sentMs.keys()) if (each <= number) this.#sentMs.delete(each);
  }

  /** Nothing is under way any more. */
  clear(): void {
    this.#sentMs.clear();
  }

  /** For how long the oldest one has been under way, ms; 0 when none is. */
  get oldestMs(): number {
    const [sentMs] = this.#sentMs.values();
    return sentMs === undefined ? 0 : this.#now() - sentMs;
  }

  /** How long the last one took, or for how long the next one has been under way if that is more, ms. */
  get lagMs(): number {
    return Math.max(this.#tripMs, this.oldestMs);
  }
}
