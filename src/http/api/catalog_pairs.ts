import { z } from "zod";
import type { AppSet } from "../../apps/app_set.ts";
import type { Catalog } from "../../apps/catalog.ts";
import { compareVersions } from "../../apps/rollout.ts";
import { addressKey, compareKeys, keyAddress } from "../../fleet/address.ts";

/** How many addresses are handled between two places where the work may be interrupted. */
const ADDRESSES_PER_STEP = 256;
/** How many addresses a change names; the rest is counted. */
export const NAMED_ADDRESSES = 100;

/** The agents that may run one version of one app. */
export interface CatalogPair {
  readonly app: string;
  readonly version: string;
  readonly agents: ReadonlySet<string>;
}

const ENTRY = z.object({ app: z.string(), version: z.string() });

/** Where an entry begins, and its list. Within a text of JSON the quotation marks have backslashes before them. */
const ENTRY_START = '{"app":';
const LIST_START = ',"agentList":[';
/** How much of a list is parsed in one piece, characters: about a thousand addresses. */
const PIECE_LENGTH = 16 * 1024;

/**
 * Reads a stored catalog piece by piece, because several MiB parsed at once would hold beats up. A long job.
 * @param take gets the addresses of an entry, about a thousand at a time
 * @throws {SyntaxError} when it is not what catalogBody (src/apps/catalog.ts) writes
 */
function* readStored(
  body: string,
  take: (entry: { app: string; version: string }, addresses: readonly unknown[]) => void,
): Generator<void, void, void> {
  if (!body.startsWith('{"result":[') || !body.endsWith("]}")) {
    throw new SyntaxError("a stored catalog is not readable");
  }
  for (let at = body.indexOf(ENTRY_START); at !== -1;) {
    const next = body.indexOf(ENTRY_START, at + 1);
    // Behind an entry there is a comma, behind the last one the end of list and body.
    const text = body.slice(at, next === -1 ? -2 : next - 1);
    const list = text.indexOf(LIST_START);
    const entry = list === -1 ? undefined : ENTRY.safeParse(JSON.parse(`${text.slice(0, list)}}`)).data;
    if (entry === undefined) throw new SyntaxError("an entry of a stored catalog is not readable");
    for (let from = list + LIST_START.length, end = text.length - 2; from < end;) {
      const cut = text.indexOf('",', from + PIECE_LENGTH);
      const to = cut === -1 ? end : cut + 1;
      // Without a version it only notes of which agents it is not known what they may run.
      if (entry.version !== "") take(entry, JSON.parse(`[${text.slice(from, to)}]`));
      from = to + 1;
      yield;
    }
    at = next;
    yield;
  }
}

/**
 * What a stored catalog says. A long job.
 * @throws {SyntaxError} when it is not readable
 */
export function* pairsOfStored(body: string): Generator<void, CatalogPair[], void> {
  const pairs = new Pairs();
  yield* readStored(body, (entry, addresses) => {
    const agents = pairs.agentsOf(entry);
    for (const ip of addresses) agents.add(String(ip));
  });
  return pairs.list;
}

/**
 * How many apps and agents a stored catalog names. A long job.
 * @throws {SyntaxError} when it is not readable
 */
export function* countStored(body: string): Generator<void, { apps: number; agents: number }, void> {
  const apps = new Set<string>();
  const agents = new Set<unknown>();
  yield* readStored(body, ({ app }, addresses) => {
    apps.add(app);
    for (const ip of addresses) agents.add(ip);
  });
  return { apps: apps.size, agents: agents.size };
}

/** What a catalog in memory says. A long job. */
export function* pairsOfCatalog(catalog: Catalog): Generator<void, CatalogPair[], void> {
  const pairs = new Pairs();
  const bySet = new Map<AppSet, Set<string>[]>();
  let handled = 0;
  for (const [address, set] of catalog.entries()) {
    const ip = keyAddress(address);
    const all = bySet.get(set) ?? [...set.apps].map(([app, version]) => pairs.agentsOf({ app, version }));
    bySet.set(set, all);
    for (const agents of all) agents.add(ip);
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  return pairs.list;
}

/** Pairs while they are collected. */
class Pairs {
  readonly #byKey = new Map<string, CatalogPair & { readonly agents: Set<string> }>();

  agentsOf({ app, version }: { app: string; version: string }): Set<string> {
    const key = keyOf({ app, version });
    const pair = this.#byKey.get(key) ?? { app, version, agents: new Set() };
    this.#byKey.set(key, pair);
    return pair.agents;
  }

  get list(): CatalogPair[] {
    return [...this.#byKey.values()];
  }
}

/** What another catalog says of one version of one app. */
export interface CatalogChange {
  readonly app: string;
  readonly version: string;
  /** Agents that may run it with the later one only; at most {@link NAMED_ADDRESSES} of them, in their order. */
  readonly added: readonly string[];
  readonly added_count: number;
  /** Agents that may not run it any more. */
  readonly removed: readonly string[];
  readonly removed_count: number;
}

/** What is different between two catalogs, by app and version. A long job. */
export function* catalogChanges(
  from: readonly CatalogPair[],
  to: readonly CatalogPair[],
): Generator<void, CatalogChange[], void> {
  const former = new Map(from.map((pair) => [keyOf(pair), pair]));
  const later = new Map(to.map((pair) => [keyOf(pair), pair]));
  const changes: CatalogChange[] = [];
  for (const [key, { app, version }] of new Map([...former, ...later])) {
    const before = former.get(key)?.agents ?? new Set();
    const after = later.get(key)?.agents ?? new Set();
    const added = yield* missingFrom(before, after);
    const removed = yield* missingFrom(after, before);
    if (added.length + removed.length === 0) continue;
    changes.push({
      ...{ app, version },
      ...{ added: named(added), added_count: added.length },
      ...{ removed: named(removed), removed_count: removed.length },
    });
  }
  return changes.sort((a, b) => a.app === b.app ? compareVersions(a.version, b.version) : a.app < b.app ? -1 : 1);
}

function* missingFrom(set: ReadonlySet<string>, all: ReadonlySet<string>): Generator<void, string[], void> {
  const missing: string[] = [];
  let handled = 0;
  for (const ip of all) {
    if (!set.has(ip)) missing.push(ip);
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  yield;
  return missing;
}

function named(addresses: readonly string[]): string[] {
  const keys = addresses.slice(0, NAMED_ADDRESSES).map(addressKey);
  return keys.sort(compareKeys).map(keyAddress);
}

function keyOf({ app, version }: { app: string; version: string }): string {
  return JSON.stringify([app, version]);
}
