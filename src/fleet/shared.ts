/** How many values are kept by default: most fleets have a few versions and app maps in common. */
const MAX_KEPT = 1_000;
/** Longer texts are not looked up, characters: forged ones would take memory, and V8 takes long to look up very long ones. */
const MAX_LENGTH = 2_048;

/** Gives equal texts one value, so that it is made once and takes memory once, however many agents send it. */
export class Shared<T> {
  readonly #values = new Map<string, T>();
  readonly #make: (text: string) => T;
  readonly #maxKept: number;

  constructor(make: (text: string) => T, maxKept = MAX_KEPT) {
    this.#make = make;
    this.#maxKept = maxKept;
  }

  /** The value of a text. */
  of(text: string): T {
    if (text.length > MAX_LENGTH) return this.#make(text);
    let value = this.#values.get(text);
    if (value === undefined) {
      value = this.#make(text);
      if (this.#values.size >= this.#maxKept) this.#values.clear();
      this.#values.set(text, value);
    }
    return value;
  }
}
