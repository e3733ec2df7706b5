import type { RefusalReason } from "./stats.ts";

/** Counts connections and says who may not have another one. */
export interface ConnectionLimits {
  /**
   * Counts a connection unless there may not be one.
   * @param isProxy whether it comes from a balancer: then there is no limit per address
   * @returns undefined when it is counted; else why it is not
   */
  admit(address: string, isProxy: boolean): RefusalReason | undefined;
  /** Counts a connection no more that was admitted with the same words. */
  release(address: string, isProxy: boolean): void;
}

/** The limits of a server that is alone on its ports. */
export class OwnLimits implements ConnectionLimits {
  readonly #max: number;
  readonly #maxPerAddress: number;
  readonly #perAddress = new Map<string, number>();
  #count = 0;

  constructor({ maxConnections, maxConnectionsPerIp }: { maxConnections: number; maxConnectionsPerIp: number }) {
    this.#max = maxConnections;
    this.#maxPerAddress = maxConnectionsPerIp;
  }

  admit(address: string, isProxy: boolean): RefusalReason | undefined {
    if (this.#count >= this.#max) return "too_many_connections";
    if (!isProxy) {
      const count = this.#perAddress.get(address) ?? 0;
      if (count >= this.#maxPerAddress) return "too_many_connections_of_address";
      this.#perAddress.set(address, count + 1);
    }
    this.#count++;
    return undefined;
  }

  release(address: string, isProxy: boolean): void {
    this.#count--;
    if (isProxy) return;
    const count = this.#perAddress.get(address) ?? 0;
    if (count > 1) this.#perAddress.set(address, count - 1);
    else this.#perAddress.delete(address);
  }
}
