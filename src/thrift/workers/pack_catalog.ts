import type { AppSet, AppVersion } from "../../apps/app_set.ts";
import type { Catalog } from "../../apps/catalog.ts";
import { type AddressKey, keyAddress } from "../../fleet/address.ts";
import { EVERYWHERE_SET, newPacked, type PackedParts, UNKNOWN_SET } from "./packed_catalog.ts";
import { newSeed, textHash } from "./text_hash.ts";

/** How many addresses, or apps of sets, are handled between two places where the packing may be interrupted. */
const PER_STEP = 256;

const utf8 = new TextEncoder();

/** Puts a catalog into memory from which all threads answer. A long job: it yields where it may be interrupted. */
export function* packCatalog(catalog: Catalog): Generator<void, SharedArrayBuffer, void> {
  const numbers = new Numbers();
  // The first one, EVERYWHERE_SET.
  numbers.set(catalog.everywhere);
  const addresses: string[] = [];
  const sets: number[] = [];
  let addressBytes = 0;
  let handled = 0;
  for (const key of namedIn(catalog)) {
    const address = keyAddress(key);
    sets.push(catalog.unknown.has(key) ? UNKNOWN_SET : numbers.set(catalog.for(key)));
    addresses.push(address);
    addressBytes += address.length;
    handled += 1 + numbers.takeWork();
    if (handled < PER_STEP) continue;
    handled = 0;
    yield;
  }
  const counts = { addresses: addresses.length, addressBytes, slots: slotsFor(addresses.length), ...numbers.counts };
  const seed = newSeed();
  const { memory, parts } = newPacked(counts, seed);
  yield;
  yield* fillAddresses(parts, { addresses, sets, seed });
  yield* numbers.fill(parts);
  return memory;
}

function* namedIn(catalog: Catalog): Generator<AddressKey, void, void> {
  for (const [address] of catalog.entries()) yield address;
  for (const [address] of catalog.unknown) if (!catalog.names(address)) yield address;
}

/** A power of two of which at most half is used. */
function slotsFor(addresses: number): number {
  return 2 ** Math.ceil(Math.log2(2 * addresses + 1));
}

function* fillAddresses(
  { slots, addressStart, addressText, setOf }: PackedParts,
  { addresses, sets, seed }: { addresses: readonly string[]; sets: readonly number[]; seed: number },
): Generator<void, void, void> {
  const last = slots.length - 1;
  let end = 0;
  for (const [i, address] of addresses.entries()) {
    let slot = textHash(address, seed) & last;
    while (slots[slot] !== 0) slot = slot + 1 & last;
    slots[slot] = i + 1;
    setOf[i] = sets[i]!;
    for (let at = 0; at < address.length; at++) addressText[end++] = address.charCodeAt(at);
    addressStart[i + 1] = end;
    if (i % PER_STEP === PER_STEP - 1) yield;
  }
}

/** Numbers the sets of a catalog and the pairs of app and version in them. */
class Numbers {
  readonly #sets = new Map<AppSet, number>();
  readonly #pairs = new Map<AppVersion, number>();
  readonly #pairTexts: Uint8Array[] = [];
  #setApps = 0;
  #pairBytes = 0;
  #work = 0;

  /** The number of a set, from {@link EVERYWHERE_SET}. */
  set(set: AppSet): number {
    const known = this.#sets.get(set);
    if (known !== undefined) return known;
    const number = EVERYWHERE_SET + this.#sets.size;
    this.#sets.set(set, number);
    this.#setApps += set.sorted.length;
    this.#work += set.sorted.length;
    for (const pair of set.sorted) this.#add(pair);
    return number;
  }

  /** How many apps were handled since this was called the last time. */
  takeWork(): number {
    const work = this.#work;
    this.#work = 0;
    return work;
  }

  get counts() {
    return {
      sets: this.#sets.size,
      setApps: this.#setApps,
      pairs: this.#pairs.size,
      pairBytes: this.#pairBytes,
    };
  }

  *fill({ setStart, setPairs, pairStart, pairText }: PackedParts): Generator<void, void, void> {
    let end = 0;
    let handled = 0;
    for (const [set, number] of this.#sets) {
      for (const pair of set.sorted) setPairs[end++] = this.#pairs.get(pair)!;
      setStart[number + 1] = end;
      handled += 1 + set.sorted.length;
      if (handled < PER_STEP) continue;
      handled = 0;
      yield;
    }
    end = 0;
    for (const [i, text] of this.#pairTexts.entries()) {
      pairText.set(text, end);
      pairStart[i + 1] = end += text.length;
      if (i % PER_STEP === PER_STEP - 1) yield;
    }
  }

  #add(pair: AppVersion): void {
    if (this.#pairs.has(pair)) return;
    const text = utf8.encode(`${JSON.stringify(pair.app)}:${JSON.stringify(pair.version)}`);
    this.#pairs.set(pair, this.#pairs.size);
    this.#pairTexts.push(text);
    this.#pairBytes += text.length;
  }
}
