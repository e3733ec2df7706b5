import type { AddressKey } from "./address.ts";

const [RANDOM = 0, MASK = 0] = crypto.getRandomValues(new Int32Array(2));
/** Odd, so that no two integers get one place. */
const FACTOR = RANDOM | 1;
/** By which {@link FACTOR} is undone: their product is 1. */
const INVERSE = inverse(FACTOR);

/**
 * A map by address. Where an address stands in it cannot be foretold: V8 has a secret when it hashes texts, but none for
 * integers, and addresses that are chosen for it would all meet in one place, where each is looked for one by one.
 */
export class AddressMap<Value> {
  readonly #byPlace = new Map<AddressKey, Value>();

  get size(): number {
    return this.#byPlace.size;
  }

  get(key: AddressKey): Value | undefined {
    return this.#byPlace.get(placeOf(key));
  }

  has(key: AddressKey): boolean {
    return this.#byPlace.has(placeOf(key));
  }

  set(key: AddressKey, value: Value): void {
    this.#byPlace.set(placeOf(key), value);
  }

  delete(key: AddressKey): void {
    this.#byPlace.delete(placeOf(key));
  }

  /** The values, in the order in which their addresses came. */
  values(): IterableIterator<Value> {
    return this.#byPlace.values();
  }

  /** Addresses and values, in the order in which the addresses came. */
  *[Symbol.iterator](): Generator<[AddressKey, Value], void, void> {
    for (const [place, value] of this.#byPlace) yield [keyAt(place), value];
  }
}

/** A map by address that is only read. */
export type ReadonlyAddressMap<Value> = Omit<AddressMap<Value>, "set" | "delete">;

function placeOf(key: AddressKey): AddressKey {
  return typeof key === "number" ? Math.imul(key, FACTOR) ^ MASK : key;
}

function keyAt(place: AddressKey): AddressKey {
  return typeof place === "number" ? Math.imul(place ^ MASK, INVERSE) : place;
}

/** What an odd number has to be multiplied by to get 1, in 32 bits; each step doubles the bits that are right. */
function inverse(odd: number): number {
  let found = odd;
  for (let bits = 3; bits < 32; bits *= 2) found = Math.imul(found, 2 - Math.imul(odd, found));
  return found;
}
