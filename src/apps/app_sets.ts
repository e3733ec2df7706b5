import type { AddressKey } from "../fleet/address.ts";
import { AddressMap } from "../fleet/address_map.ts";
import { AppSet, type AppVersion, REPLY_MEMORY_BYTES } from "./app_set.ts";

/** How many apps of agents are handled between two places where the work may be interrupted. */
const APPS_PER_STEP = 256;
/** The largest set that agents share; V8 takes the length of a text of 16,384 characters or more for its hash. */
const MAX_SHARED_APPS = 2_000;

/**
 * Collects what every agent may run and makes the sets of it. Only at the end, because a set for each step on the way
 * would be one for each app of each agent: a list of 25 MiB took 1.5 GB and 70 s.
 */
export class AppSets {
  readonly #pairs: AppVersion[] = [];
  readonly #numbers = new Map<string, number>();
  /** Address to numbers of pairs, in the order in which they came. */
  readonly #byAddress = new AddressMap<number[]>();

  /** The number by which a version of an app is given to agents. */
  number(app: string, version: string): number {
    const key = JSON.stringify([app, version]);
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#pairs.push({ app, version }) - 1;
      this.#numbers.set(key, number);
    }
    return number;
  }

  /** Gives an agent a version of an app, in the place of another version of it. */
  give(address: AddressKey, number: number): void {
    const numbers = this.#byAddress.get(address);
    if (numbers === undefined) this.#byAddress.set(address, [number]);
    else numbers.push(number);
  }

  /** Address to set, and the set of all other agents. A long job; to be done once. */
  *finish(): Generator<void, { byAddress: AddressMap<AppSet>; nothing: AppSet }, void> {
    const memory = { bytesLeft: REPLY_MEMORY_BYTES };
    const order = yield* this.#inOrder();
    const byAddress = new AddressMap<AppSet>();
    const shared = new Map<string, AppSet>();
    let handled = 0;
    for (const [address, numbers] of this.#byAddress) {
      const places = order.places(numbers);
      const key = places.length <= MAX_SHARED_APPS ? places.join() : undefined;
      const known = key === undefined ? undefined : shared.get(key);
      const set = known ?? new AppSet(places.map((place) => order.pairs[place]!), memory);
      if (key !== undefined && known === undefined) shared.set(key, set);
      byAddress.set(address, set);
      this.#byAddress.delete(address);
      handled += numbers.length;
      if (handled < APPS_PER_STEP) continue;
      handled = 0;
      yield;
    }
    return { byAddress, nothing: new AppSet([], memory) };
  }

  *#inOrder(): Generator<void, PairOrder, void> {
    const numbers = this.#pairs.map((_pair, number) => number);
    // 50,000 names take 60 ms.
    numbers.sort((a, b) => compare(this.#pairs[a]!.app, this.#pairs[b]!.app));
    yield;
    return new PairOrder(this.#pairs, numbers);
  }
}

/** All pairs in the order of the apps' names. */
class PairOrder {
  readonly pairs: readonly AppVersion[];
  /** The place of each number. */
  readonly #place: Uint32Array;
  /** Which app there is at each place, from 0. */
  readonly #app: Uint32Array;
  /** For each app, when it was last seen. */
  readonly #seen: Uint32Array;
  #look = 0;

  constructor(pairs: readonly AppVersion[], numbers: readonly number[]) {
    this.pairs = numbers.map((number) => pairs[number]!);
    this.#place = new Uint32Array(pairs.length);
    this.#app = new Uint32Array(pairs.length);
    this.#seen = new Uint32Array(pairs.length);
    let apps = 0;
    for (const [place, number] of numbers.entries()) {
      if (place > 0 && this.pairs[place]?.app !== this.pairs[place - 1]?.app) apps++;
      this.#place[number] = place;
      this.#app[place] = apps;
    }
  }

  /** The places of the pairs with these numbers, in order; of several versions of one app that of the last number. */
  places(numbers: readonly number[]): number[] {
    this.#look++;
    const places: number[] = [];
    for (let i = numbers.length - 1; i >= 0; i--) {
      const place = this.#place[numbers[i]!]!;
      const app = this.#app[place]!;
      if (this.#seen[app] === this.#look) continue;
      this.#seen[app] = this.#look;
      places.push(place);
    }
    return places.sort((a, b) => a - b);
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a === b ? 0 : 1;
}
