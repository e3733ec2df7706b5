import { AppSet } from "./app_set.ts";
import type { AppEntry, UnreadApp } from "./entries.ts";

/** How many addresses are handled between two places where building a catalog may be interrupted. */
const ADDRESSES_PER_STEP = 256;

/** What may run where. A catalog never changes; a new one takes its place as a whole. */
export class Catalog {
  readonly #everywhere: AppSet;
  readonly #byIp: ReadonlyMap<string, AppSet>;
  /** The names of all apps that some agent may run. */
  readonly apps: ReadonlySet<string>;
  /**
   * Agents of which it is not known what they may run, with an app that is missing: the entry that named them could not
   * be read, and there is no former catalog that says what they had. To be answered without that app they would remove
   * it; to an exception they do nothing (PROTOCOL.md section 1).
   */
  readonly unknown: ReadonlyMap<string, string>;

  /**
   * @param everywhere what an agent may run that has no set of its own
   * @param byIp canonical address to set
   * @param names `apps`: the names of all apps in these sets; `unknown`: agents that may not be answered from them
   */
  constructor(
    everywhere: AppSet,
    byIp: ReadonlyMap<string, AppSet>,
    names: { apps: ReadonlySet<string>; unknown?: ReadonlyMap<string, string> },
  ) {
    this.#everywhere = everywhere;
    this.#byIp = byIp;
    this.apps = names.apps;
    this.unknown = names.unknown ?? new Map();
  }

  /** What the agent at a canonical address may run. */
  for(ip: string): AppSet {
    return this.#byIp.get(ip) ?? this.#everywhere;
  }

  /** Whether an agent has a set of its own. */
  names(ip: string): boolean {
    return this.#byIp.has(ip);
  }

  /** How many agents are named in it. */
  get agents(): number {
    return this.#byIp.size;
  }

  /** Every address that is named, with its set. */
  entries(): IterableIterator<[string, AppSet]> {
    return this.#byIp.entries();
  }
}

/** The catalog in which every agent may run the same apps. */
export function catalogForAll(apps: Readonly<Record<string, string>>): Catalog {
  const set = new AppSet(new Map(Object.entries(apps)));
  return new Catalog(set, new Map(), { apps: new Set(set.apps.keys()) });
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
  const nothing = new AppSet(new Map());
  const byIp = new Map<string, AppSet>();
  const names = new Set<string>();
  let handled = 0;
  if (previous !== undefined && kept.size > 0) {
    for (const [ip, set] of previous.entries()) {
      for (const [app, version] of set.apps) {
        if (!kept.has(app)) continue;
        byIp.set(ip, (byIp.get(ip) ?? nothing).with(app, version));
        names.add(app);
      }
      if (++handled % ADDRESSES_PER_STEP === 0) yield;
    }
  }
  for (const { app, version, agents } of entries) {
    if (agents.length > 0) names.add(app);
    for (const ip of agents) {
      byIp.set(ip, (byIp.get(ip) ?? nothing).with(app, version));
      if (++handled % ADDRESSES_PER_STEP === 0) yield;
    }
  }
  const unknown = new Map<string, string>();
  for (const { app, agents } of unread) {
    for (const ip of agents) {
      const isNew = previous === undefined || previous.unknown.has(ip);
      if (isNew && !byIp.get(ip)?.apps.has(app)) unknown.set(ip, app);
      if (++handled % ADDRESSES_PER_STEP === 0) yield;
    }
  }
  return new Catalog(nothing, byIp, { apps: names, unknown });
}

/** Whether two catalogs give every agent the same. A long job. */
export function* sameCatalog(a: Catalog, b: Catalog): Generator<void, boolean, void> {
  if (a.agents !== b.agents || a.unknown.size !== b.unknown.size) return false;
  let handled = 0;
  for (const [ip, app] of a.unknown) {
    if (b.unknown.get(ip) !== app) return false;
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  for (const [ip, set] of a.entries()) {
    if (b.for(ip).json !== set.json) return false;
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  return true;
}

/** How many agents have apps now, and how many of them would have none. A long job. */
export function* emptiedBy(
  next: Catalog,
  current: Catalog,
): Generator<void, { having: number; emptied: number }, void> {
  let handled = 0;
  let having = 0;
  let emptied = 0;
  for (const [ip, set] of current.entries()) {
    if (set.apps.size > 0) {
      having++;
      if (next.for(ip).apps.size === 0) emptied++;
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
  const entries = new Map<string, { app: string; version: string; agentList: string[] }>();
  const add = (ip: string, app: string, version: string) => {
    const key = JSON.stringify([app, version]);
    const entry = entries.get(key);
    if (entry === undefined) entries.set(key, { app, version, agentList: [ip] });
    else entry.agentList.push(ip);
  };
  let handled = 0;
  for (const [ip, set] of catalog.entries()) {
    for (const [app, version] of set.apps) add(ip, app, version);
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  for (const [ip, app] of catalog.unknown) {
    // Without a version the entry is refused when it is read again, so that what is not known stays so.
    add(ip, app, "");
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  const texts: string[] = [];
  for (const entry of entries.values()) {
    texts.push(JSON.stringify(entry));
    yield;
  }
  return `{"result":[${texts.join(",")}]}`;
}

/** How many agents get something else from the one than from the other. A long job. */
export function* changedAgents(before: Catalog, after: Catalog): Generator<void, number, void> {
  let changed = 0;
  let handled = 0;
  for (const [ip, set] of after.entries()) {
    if (before.for(ip).json !== set.json) changed++;
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  for (const [ip, set] of before.entries()) {
    if (!after.names(ip) && set.apps.size > 0) changed++;
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  return changed;
}
