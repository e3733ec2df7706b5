import { z } from "zod";
import { SupervisorCatalog } from "../../apps/keeper.ts";
import { quoted } from "../../quoted.ts";
import type { CatalogRow } from "../../store/store.ts";
import { Problem } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { etagOf, fromStore, json, tagged } from "./answers.ts";
import { catalogChanges, type CatalogPair, countStored, pairsOfCatalog, pairsOfStored } from "./catalog_pairs.ts";
import { id, NOTHING, read, readBody, readQuery } from "./parameters.ts";
import type { ApiParts } from "./parts.ts";

/** How many apps and agents a catalog names. */
interface CatalogCounts {
  readonly apps: number;
  readonly agents: number;
}

/** How many counts are remembered; the history has 20 catalogs. */
const MAX_COUNTS = 64;
/** How many changes are written between two places where a list may be interrupted. */
const CHANGES_PER_STEP = 16;

/** A catalog of the history by its id, or one that is in memory. */
type Side = number | "held" | "current";

const side = read("the id of a catalog, current or held", (value): Side | undefined => {
  if (value === "held" || value === "current") return value;
  const number = id.safeParse(value);
  return number.success ? number.data : undefined;
});

const DIFF = z.object({ from: side, to: side });
const ACCEPT = z.object({ at_ms: z.number("the at_ms of the held catalog, a number") });

/** The history of catalogs, and what can be done with them. */
export function catalogRoutes(parts: ApiParts): Route[] {
  const catalogs = new CatalogHistory(parts);
  return [
    { method: "GET", path: "/api/v1/catalogs", handle: (call) => catalogs.list(call) },
    { method: "GET", path: "/api/v1/catalogs/diff", handle: (call) => catalogs.diff(call) },
    { method: "POST", path: "/api/v1/catalogs/accept", handle: (call) => accept(parts, call) },
    { method: "GET", path: "/api/v1/catalogs/{id}", handle: (call) => catalogs.show(call) },
    { method: "POST", path: "/api/v1/catalogs/{id}/rollback", handle: (call) => rollback(parts, call) },
  ];
}

/** Reads the catalogs that are kept. */
class CatalogHistory {
  readonly #parts: ApiParts;
  /** By id and length of the body: when the store had to be made anew, ids begin again. */
  readonly #counts = new Map<string, CatalogCounts>();

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  async list(call: Call): Promise<Response> {
    readQuery(call, NOTHING);
    const rows = await this.#rows();
    const currentId = currentOf(this.#parts, rows);
    const catalogs: Record<string, unknown>[] = [];
    for (const row of rows) {
      const { id, takenAtMs, source, origin } = row;
      catalogs.push({
        ...{ id, taken_at: new Date(takenAtMs).toISOString(), taken_at_ms: takenAtMs, source, origin },
        ...await this.#countsOf(row),
        current: id === currentId,
      });
    }
    return Response.json({ held: heldRow(this.#parts), catalogs });
  }

  async show(call: Call): Promise<Response> {
    readQuery(call, NOTHING);
    const { body } = find(await this.#rows(), idOf(call));
    return tagged(call.request, body, await etagOf(body));
  }

  async diff(call: Call): Promise<Response> {
    const { from, to } = readQuery(call, DIFF);
    const rows = typeof from === "number" || typeof to === "number" ? await this.#rows() : [];
    return json(await this.#read(this.#writeDiff({ from, to }, rows)));
  }

  *#writeDiff({ from, to }: z.output<typeof DIFF>, rows: readonly CatalogRow[]): Generator<void, string, void> {
    const changes = yield* catalogChanges(yield* this.#pairs(from, rows), yield* this.#pairs(to, rows));
    const texts: string[] = [];
    for (const change of changes) {
      texts.push(JSON.stringify(change));
      if (texts.length % CHANGES_PER_STEP === 0) yield;
    }
    return `{"changes":[${texts.join(",")}]}`;
  }

  #pairs(wanted: Side, rows: readonly CatalogRow[]): Generator<void, CatalogPair[], void> {
    if (typeof wanted === "number") return pairsOfStored(find(rows, wanted).body);
    const { catalog } = this.#parts;
    if (!(catalog instanceof SupervisorCatalog)) {
      throw new Problem(
        409,
        "the apps come from auth.localAppInfo, the same for every agent: there is nothing to compare",
      );
    }
    const chosen = wanted === "current" ? catalog.current : catalog.held?.catalog;
    if (chosen === undefined) throw new Problem(404, `there is no ${wanted} catalog at the moment`);
    return pairsOfCatalog(chosen);
  }

  async #countsOf({ id, body }: CatalogRow): Promise<CatalogCounts> {
    const key = `${id}:${body.length}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = await this.#read(countStored(body));
    if (this.#counts.size >= MAX_COUNTS) this.#counts.clear();
    this.#counts.set(key, counts);
    return counts;
  }

  /** @throws {Problem} 503 when a stored catalog is not readable */
  async #read<T>(job: Generator<void, T, void>): Promise<T> {
    try {
      return await this.#parts.slices.run(job);
    } catch (cause) {
      if (cause instanceof SyntaxError) throw new Problem(503, `the store is damaged: ${cause.message}`);
      throw cause;
    }
  }

  #rows(): Promise<CatalogRow[]> {
    return fromStore(this.#parts.store.catalogs());
  }
}

/** The id of the catalog in force: the newest that supervisor gave, unless it was too old at the start. */
function currentOf({ catalog }: ApiParts, rows: readonly CatalogRow[]): number | undefined {
  if (catalog.source === "local" || catalog.current === undefined) return undefined;
  return rows.find(({ source }) => source === catalog.source)?.id;
}

function heldRow({ catalog }: ApiParts): Record<string, unknown> | null {
  const held = catalog instanceof SupervisorCatalog ? catalog.held : undefined;
  if (held === undefined) return null;
  const { atMs, reason, catalog: { apps, agents } } = held;
  return { at: new Date(atMs).toISOString(), at_ms: atMs, reason, apps: apps.size, agents };
}

async function accept({ operations, catalog }: ApiParts, call: Call): Promise<Response> {
  readQuery(call, NOTHING);
  const { at_ms } = readBody(call, ACCEPT);
  if (catalog.source === "local") throw isLocal();
  const outcome = await operations.acceptCatalog(at_ms, call.who);
  if (outcome === undefined) {
    throw new Problem(409, "that catalog is not held, or not any more; see GET /api/v1/catalogs");
  }
  return Response.json({ result: outcome.result });
}

async function rollback({ operations }: ApiParts, call: Call): Promise<Response> {
  readQuery(call, NOTHING);
  const wanted = idOf(call);
  const outcome = await fromStore(operations.rollback(wanted, call.who));
  if (outcome === "local") throw isLocal();
  if (outcome === "unknown") throw unknownCatalog(wanted);
  if (outcome.result === "rejected") throw new Problem(503, `the stored catalog is not readable: ${outcome.reason}`);
  return Response.json({ result: outcome.result });
}

function isLocal(): Problem {
  return new Problem(409, "the apps come from auth.localAppInfo, which is changed in conf.properties");
}

function idOf({ params }: Call): number {
  const result = id.safeParse(params.id ?? "");
  if (result.success) return result.data;
  throw new Problem(400, `id must be the number of a catalog, ${quoted(params.id)} came`, { field: "id" });
}

function find(rows: readonly CatalogRow[], wanted: number): CatalogRow {
  const row = rows.find(({ id }) => id === wanted);
  if (row === undefined) throw unknownCatalog(wanted);
  return row;
}

function unknownCatalog(wanted: number): Problem {
  return new Problem(404, `there is no catalog ${wanted}; GET /api/v1/catalogs has those that are kept`);
}
