import { type AddressKey, addressKey, canonicalAddress } from "../fleet/address.ts";
import { type InstalledApps, parseInstalledApps } from "../fleet/beat.ts";
import type { RestoredRow } from "../fleet/stored.ts";
import { Numbered } from "../numbered.ts";
import { type AgentColumns, UNTOLD } from "./rows.ts";

/**
 * Some of the agents on their way to the start. Each text travels once; addresses are read in the worker and app maps in
 * the main thread, so that both have as much to do (measured with 100,000 agents: 0.66 s, and 0.69 s with both in the
 * worker).
 */
export interface AgentPage {
  /** What IPv4 addresses are kept by, one a row. */
  readonly keys: Int32Array;
  /** The other addresses, by row. */
  readonly others: ReadonlyMap<number, AddressKey>;
  /** The text of a JSON array. */
  readonly asset: string;
  /** The versions that no page before had: the text of a JSON array. */
  readonly versions: string;
  /** The app maps that no page before had: the text of a JSON array. */
  readonly apps: string;
  /** Two a row: the places of version and apps among all that have come. */
  readonly places: Uint32Array;
  /** Three a row: last beat, since, and the state of {@link AgentColumns}. */
  readonly numbers: Float64Array;
  /**
   * The rows in the order of their last beats, without those whose address is none, which would spoil every list.
   * SQLite takes as long to sort them as to read them (measured).
   */
  readonly order: Uint32Array;
}

/** The worker's end: makes pages of the columns that SQLite writes. */
export class PageWriter {
  readonly #versions = new Numbered();
  readonly #apps = new Numbered();

  /** The page of the next columns. */
  page(columns: AgentColumns): AgentPage {
    const { keys, others, rows } = readAddresses(JSON.parse(columns.ip));
    const versions: string[] = JSON.parse(columns.version);
    const apps: string[] = JSON.parse(columns.apps);
    const [states, lastSeenMs, sinceMs]: number[][] = [columns.state, columns.lastSeenMs, columns.sinceMs]
      .map((column) => JSON.parse(column));
    const places = new Uint32Array(apps.length * 2);
    const numbers = new Float64Array(apps.length * 3);
    for (let row = 0; row < apps.length; row++) {
      places[row * 2] = this.#versions.placeOf(versions[row] ?? "");
      places[row * 2 + 1] = this.#apps.placeOf(apps[row] ?? "");
      numbers[row * 3] = lastSeenMs?.[row] ?? 0;
      numbers[row * 3 + 1] = sinceMs?.[row] ?? 0;
      numbers[row * 3 + 2] = states?.[row] ?? 0;
    }
    return {
      keys,
      others,
      asset: columns.asset,
      versions: JSON.stringify(this.#versions.takeNew()),
      apps: JSON.stringify(this.#apps.takeNew()),
      places,
      numbers,
      order: Uint32Array.from(rows).sort((a, b) => (numbers[a * 3] ?? 0) - (numbers[b * 3] ?? 0)),
    };
  }
}

/** The keys of the addresses, where those that are no integers stand, and which rows have one at all. */
function readAddresses(ips: readonly string[]) {
  const keys = new Int32Array(ips.length);
  const others = new Map<number, AddressKey>();
  const rows: number[] = [];
  for (let row = 0; row < ips.length; row++) {
    const key = addressKey(ips[row] ?? "");
    // A text that is an integer as key is a canonical IPv4 address.
    if (typeof key === "number") keys[row] = key;
    else if (canonicalAddress(key) === key) others.set(row, key);
    else continue;
    rows.push(row);
  }
  return { keys, others, rows };
}

/** An app map that was read already. */
export interface KnownApps {
  readonly text: string;
  readonly installed: InstalledApps;
}

/** The main thread's end: gives the agents of each page to whoever makes something of them. */
export class PageReader {
  readonly #versions: string[] = [];
  readonly #apps: KnownApps[] = [];
  readonly #take: (row: RestoredRow, apps: KnownApps) => void;

  /** @param take gets every row, and what was read in its apps; rows with the same texts get the same strings */
  constructor(take: (row: RestoredRow, apps: KnownApps) => void) {
    this.#take = take;
  }

  /** Takes the next page. */
  read({ keys, others, asset, versions, apps, places, numbers, order }: AgentPage): void {
    for (const version of JSON.parse(versions) as string[]) this.#versions.push(version);
    for (const text of JSON.parse(apps) as string[]) this.#apps.push({ text, installed: parseInstalledApps(text) });
    const assets: string[] = JSON.parse(asset);
    for (const row of order) {
      const known = this.#apps[places[row * 2 + 1] ?? 0] ?? NO_APPS;
      const state = numbers[row * 3 + 2] ?? 0;
      const agent = {
        key: others.get(row) ?? keys[row] ?? 0,
        asset: assets[row] ?? "",
        version: this.#versions[places[row * 2] ?? 0] ?? "",
        apps: known.text,
        online: state !== 0,
        lastSeenMs: numbers[row * 3] ?? 0,
        sinceMs: numbers[row * 3 + 1] ?? 0,
      };
      this.#take(state === UNTOLD ? { ...agent, untold: true } : agent, known);
    }
  }
}

const NO_APPS: KnownApps = { text: "", installed: { json: "{}", fault: undefined } };
