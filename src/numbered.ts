/**
 * Longer texts are not looked up, characters: V8 takes the length of a text of 16,384 characters or more for its hash,
 * so that 2,000 different ones of one length, which any client of the beat port can send, took a minute.
 */
const MAX_SHARED_LENGTH = 8_192;

/** Gives equal texts one number, in the order in which they come; very long ones are not looked up. */
export class Numbered {
  readonly #known = new Map<string, number>();
  #new: string[] = [];
  #count = 0;

  /** The number of a text. */
  placeOf(text: string): number {
    const isShort = text.length <= MAX_SHARED_LENGTH;
    const known = isShort ? this.#known.get(text) : undefined;
    if (known !== undefined) return known;
    if (isShort) this.#known.set(text, this.#count);
    this.#new.push(text);
    return this.#count++;
  }

  /** Those that have come since this was called the last time. */
  takeNew(): string[] {
    const taken = this.#new;
    this.#new = [];
    return taken;
  }
}
