import { LATE, within } from "./deadline.ts";
import type { Logger } from "./log.ts";

interface Closer {
  name: string;
  close: () => void | Promise<void>;
}

/** How long one closer may take before the stop goes on without it, ms. */
const CLOSER_TIMEOUT_MS = 2_000;
/** How long the whole stop may take, ms; below the 5 s after which peers and operators lose patience. */
const STOP_TIMEOUT_MS = 4_500;

/**
 * The named teardown stack of the process. A closer is pushed on the line after the thing it closes exists; closing
 * runs them last in first out, goes on after a failure, and is bounded in time.
 */
export class Lifecycle {
  readonly #log: Logger;
  readonly #closers: Closer[] = [];
  #closing: Promise<void> | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Registers what must happen at the stop; the name is what the log calls it. */
  push(name: string, close: () => void | Promise<void>): void {
    this.#closers.push({ name, close });
  }

  /** Closes everything, newest first. A second call waits for the first. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const deadline = performance.now() + STOP_TIMEOUT_MS;
    for (let closer = this.#closers.pop(); closer !== undefined; closer = this.#closers.pop()) {
      const left = Math.max(0, deadline - performance.now());
      await this.#closeOne(closer, Math.min(left, CLOSER_TIMEOUT_MS));
    }
  }

  async #closeOne({ name, close }: Closer, timeoutMs: number): Promise<void> {
    try {
      const closed = await within(Promise.resolve().then(close), timeoutMs);
      if (closed === LATE) throw new Error(`not closed within ${Math.round(timeoutMs)} ms`);
    } catch (cause) {
      this.#log.warn("stop: {name} did not close cleanly: {cause}", { name, cause });
    }
  }
}
