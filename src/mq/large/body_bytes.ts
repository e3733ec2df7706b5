import { Buffer } from "node:buffer";

/** Room in front for what frames a list, bytes: an mqkey of 512 characters, all of them escaped, and the rest. */
const FRONT_BYTES = 8 * 1024;
/** The first size, bytes; after it the size of the whole is known well enough. */
const FIRST_BYTES = 256 * 1024;
/** Room behind the expected end, bytes, since the last piece is reserved for the worst case. */
const PIECE_BYTES = 256 * 1024;
/** The most bytes that one UTF-16 unit takes in UTF-8. */
const BYTES_PER_UNIT = 3;

/** The bytes of a long list, into which its text is written as it comes: a list of 100,000 rows is 25 MB. */
export class BodyBytes {
  #bytes = Buffer.allocUnsafe(FIRST_BYTES);
  #length = FRONT_BYTES;

  /**
   * Appends text.
   * @param share how much of the whole list is written with it, above 0 and at most 1
   */
  append(text: string, share: number): void {
    const most = this.#length + text.length * BYTES_PER_UNIT;
    if (most > this.#bytes.length) this.#grow(most, (this.#length + text.length) / share);
    this.#length += this.#bytes.write(text, this.#length);
  }

  /** The whole message. */
  framed(before: string, after: string): Buffer {
    const front = Buffer.from(before);
    this.append(after, 1);
    const list = this.#bytes.subarray(FRONT_BYTES, this.#length);
    if (front.length > FRONT_BYTES) return Buffer.concat([front, list]);
    front.copy(this.#bytes, FRONT_BYTES - front.length);
    return this.#bytes.subarray(FRONT_BYTES - front.length, this.#length);
  }

  /**
   * @param least what is needed now, bytes
   * @param whole what the whole will take if the rest is like what is written, bytes; a little is added
   */
  #grow(least: number, whole: number): void {
    const bytes = Buffer.allocUnsafe(Math.max(least, Math.ceil(whole * 1.05) + PIECE_BYTES));
    this.#bytes.copy(bytes, 0, 0, this.#length);
    this.#bytes = bytes;
  }
}
