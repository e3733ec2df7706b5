import { READ_BUFFER_BYTES } from "./limits.ts";

/** How many buffers that nobody uses are kept: as many as connections begin and end within a moment. */
const MAX_SPARE = 256;

/**
 * The read buffers of connections. Memory of its own for each takes a microsecond to get, and as long again to give back
 * (measured): a tenth of what a short connection costs.
 */
export class ReadBuffers {
  readonly #spare: Uint8Array<ArrayBuffer>[] = [];

  /** A small buffer; what is in it means nothing. */
  take(): Uint8Array<ArrayBuffer> {
    return this.#spare.pop() ?? new Uint8Array(READ_BUFFER_BYTES);
  }

  /** The buffer itself, or a small one in its place. */
  small(buffer: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    return buffer.length === READ_BUFFER_BYTES ? buffer : this.take();
  }

  /** Takes back a buffer that nobody reads into or writes from any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (buffer.length === READ_BUFFER_BYTES && this.#spare.length < MAX_SPARE) this.#spare.push(buffer);
  }
}
