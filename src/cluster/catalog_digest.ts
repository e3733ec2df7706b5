import type { AppSet } from "../apps/app_set.ts";
import type { Catalog } from "../apps/catalog.ts";
import { keyAddress } from "../fleet/address.ts";

/** How many agents, and apps of sets, are looked at between two places where the job may be interrupted. */
const LOOKS_PER_STEP = 256;

/**
 * A short text that is the same for catalogs which give every agent the same, in whatever order they were put together.
 * A long job.
 */
export function* catalogDigest(catalog: Catalog): Generator<void, string, void> {
  const known = new Map<AppSet, string>();
  let looks = 0;
  const textOf = (set: AppSet): string => {
    let text = known.get(set);
    if (text === undefined) {
      const { json } = set;
      text = `${hash(json, FIRST)}.${hash(json, SECOND)}`;
      known.set(set, text);
      looks += set.apps.size;
    }
    return text;
  };
  const everywhere = textOf(catalog.everywhere);
  let first = hash(everywhere, FIRST);
  let second = hash(everywhere, SECOND);
  for (const [address, set] of catalog.entries()) {
    const text = textOf(set);
    if (text !== everywhere) {
      const line = `${keyAddress(address)} ${text}`;
      // Added up, because the order is none of the catalog's.
      first = (first + hash(line, FIRST)) >>> 0;
      second = (second + hash(line, SECOND)) >>> 0;
    }
    if (++looks < LOOKS_PER_STEP) continue;
    looks = 0;
    yield;
  }
  return first.toString(16).padStart(8, "0") + second.toString(16).padStart(8, "0");
}

const FIRST = 0x811c9dc5;
const SECOND = 0x01000193;

/** FNV-1a over the units of a text, 32 bits, from this basis. */
function hash(text: string, basis: number): number {
  let value = basis;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  return value >>> 0;
}
