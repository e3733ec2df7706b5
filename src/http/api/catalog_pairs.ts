import { z } from "zod";
import type { Catalog } from "../../apps/catalog.ts";
import { compareVersions } from "../../apps/rollout.ts";
import { addressRank } from "../../fleet/address.ts";
import { compareAddresses } from "../../fleet/order.ts";

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
 * @throws {SyntaxError} when it is not what catalogBody (src/apps/catalog.ts) writes
 */
export function* pairsOfBody(body: string): Generator<void, CatalogPair[], void> {
  const pairs: CatalogPair[] = [];
  if (!body.startsWith('{"result":[') || !body.endsWith("]}")) {
    throw new SyntaxError("a stored catalog is not readable");
  }
  for (let at = body.indexOf(ENTRY_START); at !== -1;) {
    const next = body.indexOf(ENTRY_START, at + 1);
    // Behind an entry there is a comma, behind the last one the end of list and body.
    const entry = body.slice(at, next === -1 ? -2 : next - 1);
    const list = entry.indexOf(LIST_START);
    const head = list === -1 ? undefined : ENTRY.safeParse(JSON.parse(`${entry.slice(0, list)}}`)).data;
    if (head === undefined) throw new SyntaxError("an entry of a stored catalog is not readable");
    pairs.push({ ...head, agents: yield* addressesIn(entry.slice(list + LIST_START.length, -2)) });
    at = next;
  }
  return pairs;
}

/** @param list what stands between the brackets of a list of texts */
function* addressesIn(list: string): Generator<void, Set<string>, void> {
  const addresses = new Set<string>();
  for (let at = 0; at < list.length;) {
    const cut = list.indexOf('",', at + PIECE_LENGTH);
    const end = cut === -1 ? list.length : cut + 1;
    for (const ip of JSON.parse(`[${list.slice(at, end)}]`)) addresses.add(String(ip));
    at = end + 1;
    yield;
  }
  yield;
  return addresses;
}

/** The same of a catalog in memory. A long job. */
export function* pairsOfCatalog(catalog: Catalog): Generator<void, CatalogPair[], void> {
  const pairs = new Map<string, { app: string; version: string; agents: Set<string> }>();
  let handled = 0;
  for (const [ip, set] of catalog.entries()) {
    for (const [app, version] of set.apps) {
      const key = keyOf({ app, version });
      const pair = pairs.get(key);
      if (pair === undefined) pairs.set(key, { app, version, agents: new Set([ip]) });
      else pair.agents.add(ip);
    }
    if (++handled % ADDRESSES_PER_STEP === 0) yield;
  }
  return [...pairs.values()];
}

/** How many apps and agents a catalog names. */
export interface CatalogCounts {
  readonly apps: number;
  readonly agents: number;
}

/** Counts apps and agents. A long job. */
export function* countPairs(pairs: readonly CatalogPair[]): Generator<void, CatalogCounts, void> {
  const agents = new Set<string>();
  let handled = 0;
  for (const pair of pairs) {
    for (const ip of pair.agents) {
      agents.add(ip);
      if (++handled % ADDRESSES_PER_STEP === 0) yield;
    }
  }
  return { apps: new Set(pairs.map(({ app }) => app)).size, agents: agents.size };
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
  const places = addresses.slice(0, NAMED_ADDRESSES).map((ip) => ({ ip, rank: addressRank(ip) }));
  return places.sort(compareAddresses).map(({ ip }) => ip);
}

function keyOf({ app, version }: { app: string; version: string }): string {
  return JSON.stringify([app, version]);
}
