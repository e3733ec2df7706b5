import type { FaultLog } from "../log.ts";
import type { Slices } from "../slices.ts";
import { buildCatalog, type Catalog } from "./catalog.ts";
import { type AppEntry, isObject, readEntries, type RefusedEntry } from "./entries.ts";

/** How many refused entries the log names; the rest is counted. */
const NAMED_REFUSALS = 10;
/** The most entries that a catalog may have, one for each version of an app. */
const MAX_ENTRIES = 100_000;
/** What an offer must be, in words. */
export const OFFER_FORM = `an object with a list "result" of at most ${MAX_ENTRIES} entries`;

/** What became of an offered catalog. */
export type OfferOutcome =
  | {
    /** `applied`: it is in force; `unchanged`: it says what already was in force; `held`: it would empty too many agents. */
    readonly result: "applied" | "unchanged" | "held";
    readonly apps: number;
    readonly agents: number;
    readonly refused: readonly RefusedEntry[];
  }
  /** It may be old, and supervisor is asked first. */
  | { readonly result: "deferred" }
  | { readonly result: "rejected"; readonly reason: string };

/** Where new catalogs are taken in. */
export interface CatalogUpdates {
  /** The source in force; with `local` nothing is taken in. */
  readonly source: "local" | "supervisor";
  /**
   * Offers a catalog in the form of updateAppInfo. Offers are handled in the order in which they came.
   * @param origin how it came, for the history; `updateAppInfo` unless told otherwise
   */
  offer(body: unknown, origin?: string): Promise<OfferOutcome>;
}

/** A catalog that was offered and can be read. */
export interface Candidate {
  readonly catalog: Catalog;
  readonly refused: readonly RefusedEntry[];
  readonly origin: string;
}

/**
 * Reads an offer in the form of updateAppInfo.
 * @param previous the catalog in force, from which apps stay whose entry cannot be read
 * @returns undefined when it has not even that form
 */
export async function readOffer(
  body: unknown,
  { origin, previous, slices }: { origin: string; previous: Catalog | undefined; slices: Slices },
): Promise<Candidate | undefined> {
  const list = isObject(body) ? body.result : undefined;
  if (!Array.isArray(list) || list.length > MAX_ENTRIES) return undefined;
  const { entries, refused, ...rest } = await slices.run(readEntries(list));
  const kept = rest.hasUnnamed ? rest.refusedApps.union(unmentioned(previous, entries)) : rest.refusedApps;
  const catalog = await slices.run(buildCatalog(entries, { kept, previous, unread: rest.unread }));
  return { catalog, refused, origin };
}

/** The apps that a list does not mention, any of which an entry without a readable name may be about. */
function unmentioned(previous: Catalog | undefined, entries: readonly AppEntry[]): ReadonlySet<string> {
  const mentioned = new Set(entries.map(({ app }) => app));
  return new Set([...previous?.apps ?? []].filter((app) => !mentioned.has(app)));
}

/** Warns about entries that were not taken; casts can repeat them at will. */
export function logRefused(refused: readonly RefusedEntry[], faults: FaultLog): void {
  for (const [place, { entry, app = "unnamed", reason }] of refused.slice(0, NAMED_REFUSALS).entries()) {
    faults.warn(`entry${place}`, "catalog: entry {entry} (app {app}): {reason}", { entry, app, reason });
  }
  if (refused.length <= NAMED_REFUSALS) return;
  faults.warn("entries", "catalog: {more} more entries have faults", { more: refused.length - NAMED_REFUSALS });
}
