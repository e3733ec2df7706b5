import { type AddressKey, addressKey, keyAddress } from "../fleet/address.ts";
import { AddressMap, type ReadonlyAddressMap } from "../fleet/address_map.ts";
import { AppSet, type AppVersion, REPLY_MEMORY_BYTES } from "./app_set.ts";
import { AppSets } from "./app_sets.ts";
import type { AppEntry, UnreadApp } from "./entries.ts";

/** How many addresses, or apps of them, are handled between two places where a long job may be interrupted. */
const ADDRESSES_PER_STEP = 256;

/** What may run where. A catalog never changes; a new one takes its place as a whole. */
export class Catalog {
  /** What an agent may run that has no set of its own. */
  readonly everywhere: AppSet;
  readonly #byAddress: ReadonlyAddressMap<AppSet>;
  /** The names of all apps that some agent may run. */
  readonly apps: ReadonlySet<string>;
  /**
   * Agents of which it is not known what they may run, with an app that is missing: the entry that named them could not
   * be read, and there is no former catalog that says what they had. To be answered without that app they would remove
   * it; to an exception they do nothing (PROTOCOL.md section 1).
   */
  readonly unknown: ReadonlyAddressMap<string>;

  /**
   * @param byAddress the sets of agents that have one of their own
   * @param names `apps`: the names of all apps in these sets; `unknown`: agents that may not be answered from them
   */
  constructor(
    everywhere: AppSet,
    byAddress: ReadonlyAddressMap<AppSet>,
    names: { apps: ReadonlySet<string>; unknown?: ReadonlyAddressMap<string> },
  ) {
    this.everywhere = everywhere;
    this.#byAddress = byAddress;
    this.apps = names.apps;
    this.unknown = names.unknown ?? new AddressMap();
  }

  /** What the agent at an address may run. */
  for(address: AddressKey): AppSet {
    return this.#byAddress.get(address) ?? this.everywhere;
  }

  /** Whether an agent has a set of its own. */
  names(address: AddressKey): boolean {
    return this.#byAddress.has(address);
  }

  /** How many agents are named in it. */
  get agents(): number {
    return this.#byAddress.size;
  }

  /** Every address that is named, with its set. */
  entries(): Iterable<[AddressKey, AppSet]> {
    return this.#byAddress;
  }
}

/** The catalog in which every agent may run the same apps. */
export function catalogForAll(apps: Readonly<Record<string, string>>): Catalog {
  const sorted = Object.entries(apps).map(([app, version]) => ({ app, version })).sort((a, b) =>
    a.app < b.app ? -1 : 1
  );
  const set = new AppSet(sorted, { bytesLeft: REPLY_MEMORY_BYTES });
  return new Catalog(set, new AddressMap(), { apps: new Set(Object.keys(apps)) });
}

/**
 * Builds the catalog of valid entries. A long job: it yields where it may be interrupted. Where two entries give one
 * agent two versions of an app, the later one counts.
 *
 * @param kept apps whose entry was refused: they stay as `previous` has them, unless a valid entry says otherwise
 * @param unread what the refused entries would have been about
 */
export function* buildCatalog(
  entries: readonly AppEntry[],
  { kept, previous, unread = [] }: {
    kept: ReadonlySet<string>;
    previous: Catalog | undefined;
    unread?: readonly UnreadApp[];
  },
): Generator<void, Catalog, void> {
  const step = new Step();
  const sets = new AppSets();
  const names = new Set<string>();
  if (previous !== undefined && kept.size > 0) {
    for (const [address, set] of previous.entries()) {
      for (const { app, version } of set.sorted) {
        if (!kept.has(app)) continue;
        sets.give(address, sets.number(app, version));
        names.add(app);
      }
      if (step.isOver(1 + set.apps.size)) yield;
    }
  }
  for (const { app, version, agents } of entries) {
    if (agents.length > 0) names.add(app);
    const number = sets.number(app, version);
    for (const ip of agents) {
      sets.give(addressKey(ip), number);
      if (step.isOver(1)) yield;
    }
  }
  const { byAddress, nothing } = yield* sets.finish();
  const unknown = new AddressMap<string>();
  for (const { app, agents } of unread) {
    for (const ip of agents) {
      const address = addressKey(ip);
      const isNew = previous === undefined || previous.unknown.has(address);
      if (isNew && !byAddress.get(address)?.apps.has(app)) unknown.set(address, app);
      if (step.isOver(1)) yield;
    }
  }
  return new Catalog(nothing, byAddress, { apps: names, unknown });
}

/** Whether two catalogs give every agent the same. A long job. */
export function* sameCatalog(a: Catalog, b: Catalog): Generator<void, boolean, void> {
  if (a.agents !== b.agents || a.unknown.size !== b.unknown.size) return false;
  const step = new Step();
  for (const [address, app] of a.unknown) {
    if (b.unknown.get(address) !== app) return false;
    if (step.isOver(1)) yield;
  }
  const comparison = new Comparison();
  for (const [address, set] of a.entries()) {
    if (!comparison.isSame(set, b.for(address))) return false;
    if (step.isOver(comparison.cost)) yield;
  }
  return true;
}

/** Compares sets of two catalogs; what is shared by many agents only once. */
class Comparison {
  readonly #same = new Map<AppSet, AppSet>();
  /** How many apps the last comparison looked at, and one. */
  cost = 1;

  isSame(a: AppSet, b: AppSet): boolean {
    this.cost = 1;
    if (this.#same.get(a) === b) return true;
    this.cost += a.sorted.length;
    const isSame = a.equals(b);
    if (isSame) this.#same.set(a, b);
    return isSame;
  }
}

/** Counts work up to where it may be interrupted. */
class Step {
  #done = 0;

  /** @param work addresses, or apps of them, that were handled since this was asked last */
  isOver(work: number): boolean {
    this.#done += work;
    if (this.#done < ADDRESSES_PER_STEP) return false;
    this.#done = 0;
    return true;
  }
}

/** How many agents have apps now, and how many of them would have none. A long job. */
export function* emptiedBy(
  next: Catalog,
  current: Catalog,
): Generator<void, { having: number; emptied: number }, void> {
  let handled = 0;
  let having = 0;
  let emptied = 0;
  for (const [address, set] of current.entries()) {
    if (set.apps.size > 0) {
      having++;
      if (next.for(address).apps.size === 0) emptied++;
    }
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  return { having, emptied };
}

/**
 * The catalog in the form of updateAppInfo, as JSON text: what is remembered of it, and what a rollback offers again.
 * A long job.
 */
export function* catalogBody(catalog: Catalog): Generator<void, string, void> {
  const entries = new Map<AppVersion, string[]>();
  const step = new Step();
  for (const [address, { sorted }] of catalog.entries()) {
    for (const pair of sorted) {
      const agents = entries.get(pair);
      if (agents === undefined) entries.set(pair, [keyAddress(address)]);
      else agents.push(keyAddress(address));
    }
    if (step.isOver(1 + sorted.length)) yield;
  }
  const unread = new Map<string, string[]>();
  for (const [address, app] of catalog.unknown) {
    const agents = unread.get(app) ?? [];
    agents.push(keyAddress(address));
    unread.set(app, agents);
    if (step.isOver(1)) yield;
  }
  const texts: string[] = [];
  for (const [{ app, version }, agentList] of entries) {
    texts.push(JSON.stringify({ app, version, agentList }));
    yield;
  }
  for (const [app, agentList] of unread) {
    // Without a version the entry is refused when it is read again, so that what is not known stays so.
    texts.push(JSON.stringify({ app, version: "", agentList }));
    yield;
  }
  return `{"result":[${texts.join(",")}]}`;
}

/** How many agents get something else from the one than from the other. A long job. */
export function* changedAgents(before: Catalog, after: Catalog): Generator<void, number, void> {
  let changed = 0;
  const step = new Step();
  const comparison = new Comparison();
  for (const [address, set] of after.entries()) {
    if (!comparison.isSame(set, before.for(address))) changed++;
    if (step.isOver(comparison.cost)) yield;
  }
  for (const [address, set] of before.entries()) {
    if (!after.names(address) && set.apps.size > 0) changed++;
    if (step.isOver(1)) yield;
  }
  return changed;
}
