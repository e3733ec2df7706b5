import { REPLY_MEMORY_BYTES } from "../../apps/app_set.ts";
import { textHash } from "./text_hash.ts";

/** What a catalog consists of, as far as the size of its packed form depends on it. */
export interface PackedCounts {
  /** Places in the table of addresses; a power of two, more than there are addresses. */
  readonly slots: number;
  readonly addresses: number;
  readonly sets: number;
  /** Apps of all sets. */
  readonly setApps: number;
  /** Different versions of apps. */
  readonly pairs: number;
  readonly addressBytes: number;
  readonly pairBytes: number;
}

const COUNTS = ["slots", "addresses", "sets", "setApps", "pairs", "addressBytes", "pairBytes"] as const;
const SEED_AT = COUNTS.length;
const HEADER = SEED_AT + 1;

/** The set of an address of which it is not known what may run there. */
export const UNKNOWN_SET = -1;
/** The set of every address that is not named. */
export const EVERYWHERE_SET = 0;

/** The parts of a packed catalog: views of one piece of memory. */
export interface PackedParts {
  /** For the hash of an address the number of that address, from 1; 0 where there is none. The next place after it counts where it is another's. */
  readonly slots: Uint32Array;
  /** Where the text of each address begins, and where the last one ends. */
  readonly addressStart: Uint32Array;
  /** The number of each address's set. */
  readonly setOf: Int32Array;
  /** Where the apps of each set begin, and where those of the last one end. */
  readonly setStart: Uint32Array;
  /** Numbers of pairs. */
  readonly setPairs: Uint32Array;
  /** Where the text of each pair begins, and where the last one ends. */
  readonly pairStart: Uint32Array;
  /** ASCII. */
  readonly addressText: Uint8Array;
  /** `"app":"version"`, UTF-8. */
  readonly pairText: Uint8Array;
}

/** Memory for a catalog, with its header, and the parts that are to be filled. */
export function newPacked(counts: PackedCounts, seed: number): { memory: SharedArrayBuffer; parts: PackedParts } {
  const words = HEADER + counts.slots + 2 * counts.addresses + counts.sets + counts.setApps + counts.pairs + 3;
  const memory = new SharedArrayBuffer(4 * words + counts.addressBytes + counts.pairBytes);
  const header = new Int32Array(memory, 0, HEADER);
  for (const [i, name] of COUNTS.entries()) header[i] = counts[name];
  header[SEED_AT] = seed;
  return { memory, parts: partsOf(memory, counts) };
}

function partsOf(memory: SharedArrayBuffer, counts: PackedCounts): PackedParts {
  let at = 4 * HEADER;
  const place = (bytes: number) => (at += bytes) - bytes;
  const words = (count: number) => new Uint32Array(memory, place(4 * count), count);
  return {
    slots: words(counts.slots),
    addressStart: words(counts.addresses + 1),
    setOf: new Int32Array(memory, place(4 * counts.addresses), counts.addresses),
    setStart: words(counts.sets + 1),
    setPairs: words(counts.setApps),
    pairStart: words(counts.pairs + 1),
    addressText: new Uint8Array(memory, place(counts.addressBytes), counts.addressBytes),
    pairText: new Uint8Array(memory, place(counts.pairBytes), counts.pairBytes),
  };
}

/** What each reply of a catalog begins and ends with (PROTOCOL.md section 1). */
const REPLY_HEAD = new TextEncoder().encode('{"data":{');
const REPLY_TAIL = new TextEncoder().encode("}}");
const COMMA = 0x2c;
/** How much of {@link REPLY_MEMORY_BYTES} one thread may keep: most agents share a few sets. */
const MEMORY_SHARE = 1 / 8;

/** A catalog in shared memory, as one thread reads it. It never changes. */
export class PackedCatalog {
  readonly #parts: PackedParts;
  readonly #seed: number;
  /** Replies by number of their set, as far as there is memory for them. */
  readonly #replies: (Uint8Array | undefined)[] = [];
  #bytesLeft = REPLY_MEMORY_BYTES * MEMORY_SHARE;

  /** @param memory what `packCatalog` made */
  constructor(memory: SharedArrayBuffer) {
    const header = new Int32Array(memory, 0, HEADER);
    const counts = Object.fromEntries(COUNTS.map((name, i) => [name, header[i]])) as Record<keyof PackedCounts, number>;
    this.#seed = header[SEED_AT]!;
    this.#parts = partsOf(memory, counts);
  }

  /**
   * What the agent at a canonical address gets; undefined when it is not known what it may run. The bytes are not to be
   * changed.
   */
  reply(address: string): Uint8Array | undefined {
    const set = this.#setOf(address);
    if (set === UNKNOWN_SET) return undefined;
    const kept = this.#replies[set];
    if (kept !== undefined) return kept;
    const reply = this.#put(set);
    if (reply.length <= this.#bytesLeft) {
      this.#bytesLeft -= reply.length;
      this.#replies[set] = reply;
    }
    return reply;
  }

  #setOf(address: string): number {
    const { slots, setOf } = this.#parts;
    const last = slots.length - 1;
    let slot = textHash(address, this.#seed) & last;
    for (let number = slots[slot]!; number > 0; number = slots[slot]!) {
      if (this.#isAddress(number - 1, address)) return setOf[number - 1]!;
      slot = slot + 1 & last;
    }
    return EVERYWHERE_SET;
  }

  #isAddress(number: number, address: string): boolean {
    const { addressStart, addressText } = this.#parts;
    const from = addressStart[number]!;
    if (addressStart[number + 1]! - from !== address.length) return false;
    for (let i = 0; i < address.length; i++) if (addressText[from + i] !== address.charCodeAt(i)) return false;
    return true;
  }

  #put(set: number): Uint8Array {
    const { setStart, setPairs, pairStart, pairText } = this.#parts;
    const pairs = setPairs.subarray(setStart[set]!, setStart[set + 1]!);
    let length = REPLY_HEAD.length + Math.max(0, pairs.length - 1) + REPLY_TAIL.length;
    for (const pair of pairs) length += pairStart[pair + 1]! - pairStart[pair]!;
    const reply = new Uint8Array(length);
    reply.set(REPLY_HEAD);
    let at = REPLY_HEAD.length;
    for (const [i, pair] of pairs.entries()) {
      if (i > 0) reply[at++] = COMMA;
      const text = pairText.subarray(pairStart[pair]!, pairStart[pair + 1]!);
      reply.set(text, at);
      at += text.length;
    }
    reply.set(REPLY_TAIL, at);
    return reply;
  }
}
