import type { FleetEvent } from "../fleet/events.ts";
import type { StoredSilence } from "../fleet/silences.ts";
import type { RestoredRow, StoredAgent } from "../fleet/stored.ts";
import type { Connection } from "./connection.ts";
import { faultOf } from "./fault.ts";
import { type AgentPage, type KnownApps, PageReader } from "./pages.ts";
import type { CatalogRow, Page } from "./protocol.ts";
import { unpackEvents } from "./rows.ts";

/** What survived the last run. */
export interface Memory<Agents = StoredAgent[]> {
  readonly agents: Agents;
  /** The newest catalog of each source, newest first. */
  readonly catalogs: CatalogRow[];
  /** Events that were not marked as sent, oldest first. */
  readonly unsent: FleetEvent[];
  readonly silences: StoredSilence[];
}

/** What is made of the agents while they are read: begins with none, and takes each as {@link PageReader} gives it. */
export type AgentTaker<Agents> = () => {
  readonly agents: Agents;
  take(row: RestoredRow, apps: KnownApps): void;
};

/** What there is without a database. */
export function noMemory<Agents>(taker: AgentTaker<Agents>): Memory<Agents> {
  return { agents: taker().agents, catalogs: [], unsent: [], silences: [] };
}

/**
 * Opens the database and reads what it remembers, page by page, so that the main thread serves others in between. One
 * that proves damaged is set aside and remembers nothing.
 * @throws {StoreFault} when it cannot be opened or read at the moment
 */
export async function openAndLoad<Agents>(
  connection: Connection,
  taker: AgentTaker<Agents>,
): Promise<Memory<Agents>> {
  const opening = connection.open();
  // Asked at once: this thread may be busy when the database is open. In vain where it has to be made anew.
  const loading = load(connection, taker);
  loading.catch(() => {});
  const isNew = await opening;
  try {
    return await loading;
  } catch (cause) {
    if (isNew) return noMemory(taker);
    const fault = faultOf(cause);
    connection.fail(fault);
    if (fault.kind !== "damaged") throw fault;
    await connection.open();
    return noMemory(taker);
  }
}

async function load<Agents>(connection: Connection, taker: AgentTaker<Agents>): Promise<Memory<Agents>> {
  const taken = taker();
  const reader = new PageReader((row, apps) => taken.take(row, apps));
  const unsent: FleetEvent[] = [];
  const [catalogs, silences] = await Promise.all([
    connection.ask("newestCatalogs", null),
    connection.ask("silences", null),
    eachPage((after) => connection.ask("unsent", { after }), (rows) => unsent.push(...unpackEvents(rows))),
    eachAgentPage(connection, (page) => reader.read(page)),
  ]);
  return { agents: taken.agents, catalogs, unsent, silences };
}

/** How many pages are asked for ahead, so that the worker goes on reading while this thread has something else to do. */
const PAGES_AHEAD = 32;

async function eachAgentPage(connection: Connection, take: (page: AgentPage) => void): Promise<void> {
  const coming: Promise<AgentPage | undefined>[] = [];
  const ask = () => {
    const page = connection.ask("agents", null);
    // Whether it fails is seen when it is awaited, unless one before it fails.
    page.catch(() => {});
    coming.push(page);
  };
  while (coming.length < PAGES_AHEAD) ask();
  for (let page = await coming.shift(); page !== undefined; page = await coming.shift()) {
    ask();
    take(page);
  }
  // Nobody else is to wait behind questions that are in vain.
  await Promise.all(coming);
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
