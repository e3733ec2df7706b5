import type { FleetEvent } from "../fleet/events.ts";
import type { StoredSilence } from "../fleet/silences.ts";
import type { StoredAgent } from "../fleet/stored.ts";
import type { Connection } from "./connection.ts";
import { faultOf } from "./fault.ts";
import type { CatalogRow, Page } from "./protocol.ts";
import { unpackAgents, unpackEvents } from "./rows.ts";

/** What survived the last run. */
export interface Memory {
  readonly agents: StoredAgent[];
  /** The newest catalog of each source, newest first. */
  readonly catalogs: CatalogRow[];
  /** Events that were not marked as sent, oldest first. */
  readonly unsent: FleetEvent[];
  readonly silences: StoredSilence[];
}

/** What there is without a database. */
export function noMemory(): Memory {
  return { agents: [], catalogs: [], unsent: [], silences: [] };
}

/**
 * Opens the database and reads what it remembers, page by page, so that the main thread serves others in between. One
 * that proves damaged is set aside and remembers nothing.
 * @throws {StoreFault} when it cannot be opened or read at the moment
 */
export async function openAndLoad(connection: Connection): Promise<Memory> {
  await connection.open();
  try {
    return await load(connection);
  } catch (cause) {
    const fault = faultOf(cause);
    connection.fail(fault);
    if (fault.kind !== "damaged") throw fault;
    await connection.open();
    return noMemory();
  }
}

async function load(connection: Connection): Promise<Memory> {
  const memory = noMemory();
  memory.catalogs.push(...await connection.ask("newestCatalogs", null));
  memory.silences.push(...await connection.ask("silences", null));
  await eachPage((after) => connection.ask("unsent", { after }), (rows) => memory.unsent.push(...unpackEvents(rows)));
  await eachPage((after) => connection.ask("agents", { after }), (rows) => memory.agents.push(...unpackAgents(rows)));
  return memory;
}

/** Takes every page; the worker reads the next one meanwhile. */
async function eachPage<T>(ask: (after: number) => Promise<Page<T>>, take: (rows: T) => void): Promise<void> {
  for (let coming: Promise<Page<T>> | undefined = ask(0); coming !== undefined;) {
    const { rows, next }: Page<T> = await coming;
    coming = next === undefined ? undefined : ask(next);
    // Whether it fails is seen when it is awaited, unless these rows fail before.
    coming?.catch(() => {});
    take(rows);
  }
}
