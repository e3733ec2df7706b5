import type { ConnectionLimits } from "../connection_limits.ts";
import type { RefusalReason } from "../stats.ts";
import { newSeed, textHash } from "./text_hash.ts";

/** How many counts each address has. */
const ROWS = 4;
/** How many counts there are in a row for each connection that may be open, and the most that there are. */
const COUNTS_PER_CONNECTION = 4;
const MAX_ROW = 2 ** 20;

/** The limits of the beat port and the memory in which workers count its connections. */
export interface SharedLimitsOptions {
  readonly memory: SharedArrayBuffer;
  /** One for each of the two numbers that an address is turned into. */
  readonly seeds: readonly [number, number];
  readonly workers: number;
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number;
}

/**
 * The limits of one worker, over the connections of all. Each worker counts in memory of its own, so that what a crashed
 * one had is known, and reads that of the others. Connections of one address are counted in four places that its hash
 * names; the least of them is at most too high, by what addresses have that share all four: with 20,000 addresses of
 * one connection each, one in 2,500 seems to have two. Where two connections race for the last place, both may be
 * refused, but never both admitted.
 */
export class SharedLimits implements ConnectionLimits {
  readonly #options: SharedLimitsOptions;
  readonly #worker: number;
  readonly #cells: Int32Array;
  readonly #row: number;
  /** How many numbers one worker has: its connections, and the rows. */
  readonly #share: number;

  /** @param worker the number of the worker, from 0 */
  constructor(options: SharedLimitsOptions, worker: number) {
    this.#options = options;
    this.#worker = worker;
    this.#row = rowLength(options.maxConnections);
    this.#share = 1 + ROWS * this.#row;
    this.#cells = new Int32Array(options.memory);
  }

  /** Memory and seeds for so many workers. */
  static options(
    limits: Pick<SharedLimitsOptions, "workers" | "maxConnections" | "maxConnectionsPerIp">,
  ): SharedLimitsOptions {
    const cells = limits.workers * (1 + ROWS * rowLength(limits.maxConnections));
    return { ...limits, memory: new SharedArrayBuffer(4 * cells), seeds: [newSeed(), newSeed()] };
  }

  admit(address: string, isProxy: boolean): RefusalReason | undefined {
    const { maxConnections, maxConnectionsPerIp } = this.#options;
    // Counted first and looked at then: of two workers that do this at the same time at least one sees both.
    if (this.#add(0, 1) > maxConnections) {
      this.#add(0, -1);
      return "too_many_connections";
    }
    if (isProxy || this.#count(address, 1) <= maxConnectionsPerIp) return undefined;
    this.release(address, false);
    return "too_many_connections_of_address";
  }

  release(address: string, isProxy: boolean): void {
    this.#add(0, -1);
    if (!isProxy) this.#count(address, -1);
  }

  /** Counts the connections of this worker no more, after it has ended. */
  clear(): void {
    this.#cells.fill(0, this.#worker * this.#share, (this.#worker + 1) * this.#share);
  }

  /** Adds to the connections of an address. @returns how many it has, or more */
  #count(address: string, change: number): number {
    const [first, second] = this.#options.seeds;
    const hash = textHash(address, first);
    const step = textHash(address, second) | 1;
    let least = Infinity;
    for (let row = 0; row < ROWS; row++) {
      const place = hash + Math.imul(row, step) & this.#row - 1;
      least = Math.min(least, this.#add(1 + row * this.#row + place, change));
    }
    return least;
  }

  /** Adds to a number of this worker. @returns the sum of that number over all workers */
  #add(cell: number, change: number): number {
    Atomics.add(this.#cells, this.#worker * this.#share + cell, change);
    let sum = 0;
    for (let at = cell; at < this.#cells.length; at += this.#share) sum += Atomics.load(this.#cells, at);
    return sum;
  }
}

function rowLength(maxConnections: number): number {
  return Math.min(MAX_ROW, 2 ** Math.ceil(Math.log2(COUNTS_PER_CONNECTION * maxConnections)));
}
