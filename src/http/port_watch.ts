import { within } from "../deadline.ts";

/** How often it is looked, ms. */
const EVERY_MS = 5_000;
/** How long a connection may take, ms; one that takes longer waits in the queue of a port that is busy. */
const PATIENCE_MS = 2_000;

/**
 * Connects to a port of this process from time to time, and tells when that fails. When Deno.serve cannot accept a
 * connection its port is closed, but Deno tells so only after its last connection has ended, and who holds half requests
 * never ends them (measured with 2.4.2: no descriptor was left, and the page was gone for good).
 */
export class PortWatch {
  readonly #address: Deno.NetAddr;
  readonly #onClosed: (cause: unknown) => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;

  /** @param onClosed called once, unless it is stopped before */
  constructor(address: Deno.NetAddr, onClosed: (cause: unknown) => void) {
    this.#address = address;
    this.#onClosed = onClosed;
    this.#wait();
  }

  /** Looks no more. */
  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#look(), EVERY_MS);
  }

  async #look(): Promise<void> {
    const { hostname, port } = this.#address;
    try {
      await within(Deno.connect({ hostname, port }).then((connection) => connection.close()), PATIENCE_MS);
      if (!this.#isStopped) this.#wait();
    } catch (cause) {
      if (!this.#isStopped) this.#onClosed(cause);
    }
  }
}
