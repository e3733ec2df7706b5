import { DatabaseSync } from "node:sqlite";
import type { StoredSilence } from "../fleet/silences.ts";
import { faultOf, StoreFault } from "./fault.ts";
import type { CatalogRow, EventQuery, OpenOptions, Page, WritePart } from "./protocol.ts";
import { type AgentPage, PageWriter } from "./pages.ts";
import {
  AGENT_COLUMNS,
  type AgentColumns,
  EVENT_COLUMNS,
  EVENT_WIDTH,
  unpackAgents,
  UNTOLD,
  type Value,
} from "./rows.ts";
import { APPLICATION_ID, migrate, pragma, prepare, rollback, SCHEMA_VERSION } from "./schema.ts";
import { DATABASE_FILE } from "./set_aside.ts";

/** How many rows one page of a load holds at most: some 5 ms of work for either thread. */
const PAGE_ROWS = 4_000;
/** How many characters of app maps a page shall hold about; forged agents have up to 32 KiB each. */
const PAGE_CHARACTERS = 1_000_000;
/** How many catalogs are kept. */
const KEPT_CATALOGS = 20;
/** How many of the oldest events a transaction looks at to delete them, besides as many as it adds. */
const PRUNE_STEP = 1_000;
/** How long another process (an operator's sqlite3) may hold us up, ms. */
const BUSY_MS = 2_000;
/** What the write-ahead log is cut back to after a mass change, bytes. */
const WAL_BYTES = 16 * 1024 * 1024;

/** The open database. Lives in the worker: every method may wait for the disk. */
export class Database {
  readonly #db: DatabaseSync;
  readonly #file: string;
  readonly #inode: number | null;
  readonly #options: OpenOptions;
  readonly #statements: ReturnType<typeof prepareAll>;
  /** Keeps what the pages have in common until the last one. */
  #pages = new PageWriter();
  /** The place up to which agents were read. */
  #agentsUpTo = 0;
  /** How many of them the next page holds; more when those of the last one were small. */
  #pageRows = PAGE_ROWS / 8;
  #writing = false;
  #added = 0;

  private constructor(db: DatabaseSync, file: string, options: OpenOptions) {
    this.#db = db;
    this.#file = file;
    this.#inode = Deno.statSync(file).ino;
    this.#options = options;
    this.#statements = prepareAll(db);
  }

  /**
   * Opens the database of a folder that is locked, or makes a new one.
   * @throws {StoreFault} `damaged` when the file is not ours or not usable; another one when nothing can be opened now
   */
  static open(options: OpenOptions): { database: Database; fresh: boolean } {
    const file = `${options.folder}/${DATABASE_FILE}`;
    createFile(file);
    const db = new DatabaseSync(file);
    try {
      db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA temp_store = MEMORY`);
      const version = versionOf(db);
      // Without a sync per transaction a power failure may take the last ones, the end of the process never does.
      db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = ${WAL_BYTES}`);
      migrate(db, version);
      return { database: new Database(db, file, options), fresh: version === 0 };
    } catch (cause) {
      db.close();
      throw faultOf(cause);
    }
  }

  /** The next agents; undefined behind the last ones. */
  agents(): AgentPage | undefined {
    const { place, ...columns } = this.#statements.agents.get(this.#agentsUpTo, this.#pageRows) ?? {};
    if (typeof place !== "number") {
      this.#pages = new PageWriter();
      return undefined;
    }
    this.#agentsUpTo = place;
    const page = columns as AgentColumns;
    const fitting = Math.floor(this.#pageRows * PAGE_CHARACTERS / page.apps.length);
    this.#pageRows = Math.max(1, Math.min(PAGE_ROWS, fitting, this.#pageRows * 2));
    return this.#pages.page(page);
  }

  /** The events behind a place that were not sent, oldest first. */
  unsent(after: number): Page<Value[]> {
    const rows = this.#statements.unsent.all(after, PAGE_ROWS);
    return { rows: rows.flatMap(eventValues), next: nextPlace(rows) };
  }

  /** The events that match, newest first. */
  events({ ip, kinds, beforeId, limit = 100 }: EventQuery): Value[] {
    const conditions: string[] = [];
    const values: Value[] = [];
    const restrict = (condition: string, value: Value) => {
      conditions.push(condition);
      values.push(value);
    };
    if (ip !== undefined) restrict("ip = ?", ip);
    if (kinds !== undefined) restrict("kind IN (SELECT value FROM json_each(?))", JSON.stringify(kinds));
    if (beforeId !== undefined) restrict("row < (SELECT row FROM events WHERE id = ?)", beforeId);
    const where = conditions.length === 0 ? "" : `WHERE ${conditions.join(" AND ")}`;
    const sql = `SELECT ${EVENT_COLUMNS} FROM events ${where} ORDER BY row DESC LIMIT ?`;
    return prepare(this.#db, sql).all(...values, limit).flatMap(eventValues);
  }

  /** The silences as they were stored last. */
  silences(): StoredSilence[] {
    const optional = (value: unknown) => value === null ? undefined : String(value);
    return this.#statements.silences.all().map((row) => ({
      id: String(row.id),
      cidr: optional(row.cidr),
      asset: optional(row.asset),
      reason: String(row.reason),
      by: String(row.who),
      createdAtMs: Number(row.createdAtMs),
      untilMs: Number(row.untilMs),
    }));
  }

  /** The catalogs that are kept, newest first; only the newest of each source on request. */
  catalogs({ newestOnly = false } = {}): CatalogRow[] {
    const rows = newestOnly ? this.#statements.newestCatalogs.all() : this.#statements.catalogs.all();
    return rows.map((row) => ({
      id: Number(row.id),
      takenAtMs: Number(row.taken_at_ms),
      source: row.source === "local" ? "local" : "supervisor",
      origin: String(row.origin),
      body: String(row.body),
    }));
  }

  /**
   * Does a piece of a transaction; the first piece begins it.
   * @throws {StoreFault} when it cannot be stored; then nothing of the transaction is
   */
  write(part: WritePart): void {
    try {
      this.#begin();
      this.#store(part);
      if (part.commit) this.#commit(part.nowMs);
    } catch (cause) {
      this.#writing = false;
      const fault = faultOf(cause);
      if (fault.kind === "full") rollback(this.#db);
      throw fault;
    }
  }

  close(): void {
    this.#db.close();
  }

  #begin(): void {
    if (this.#writing) return;
    // SQLite goes on writing to a file that was deleted, and nobody would ever see those rows again.
    if (inodeOf(this.#file) !== this.#inode) throw new StoreFault("gone", `${this.#file} was removed or replaced`);
    this.#db.exec("BEGIN IMMEDIATE");
    this.#writing = true;
    this.#added = 0;
  }

  #store({ forgotten, agents, seen, events, sent, catalogs, silences }: WritePart): void {
    const { forget, agent, agentsSeen, event, markSent, catalog, catalogAgain } = this.#statements;
    for (const ip of forgotten) forget.run(ip);
    for (const { ip, asset, version, apps, online, untold, lastSeenMs, sinceMs } of unpackAgents(agents)) {
      const state = untold ? UNTOLD : online ? 1 : 0;
      agent.run(ip, storable(asset), storable(version), storable(apps), state, lastSeenMs, sinceMs);
    }
    agentsSeen.run(seen);
    for (let at = 0; at < events.length; at += EVENT_WIDTH) {
      // Nobody is told of an audit, so there is nothing left to send.
      const done = events[at + 1] === "audit" ? 1 : 0;
      event.run(...events.slice(at, at + EVENT_WIDTH), done);
    }
    this.#added += events.length / EVENT_WIDTH;
    for (const id of sent) markSent.run(id);
    for (const { takenAtMs, source, origin, body } of catalogs) {
      if (catalogAgain.run(takenAtMs, source, body).changes === 0) catalog.run(takenAtMs, source, origin, body);
    }
    if (silences !== undefined) this.#replaceSilences(silences);
  }

  #replaceSilences(silences: readonly StoredSilence[]): void {
    const { noSilences, silence } = this.#statements;
    noSilences.run();
    for (const { id, cidr, asset, reason, by, createdAtMs, untilMs } of silences) {
      silence.run(id, cidr ?? null, asset ?? null, reason, by, createdAtMs, untilMs);
    }
  }

  #commit(nowMs: number): void {
    const { pruneAged, pruneExcess, pruneCatalogs } = this.#statements;
    const step = PRUNE_STEP + this.#added;
    pruneAged.run(step, nowMs - this.#options.eventRetentionMs);
    pruneExcess.run(this.#options.maxEvents, step);
    pruneCatalogs.run(KEPT_CATALOGS);
    this.#db.exec("COMMIT");
    this.#writing = false;
  }
}

/** Makes an empty file that only we may read, unless there is one. */
function createFile(file: string): void {
  try {
    Deno.openSync(file, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw faultOf(cause);
  }
}

function inodeOf(file: string): number | null {
  try {
    return Deno.statSync(file).ino;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return null;
    throw cause;
  }
}

/**
 * The version of the schema in a file, 0 for an empty one.
 * @throws {StoreFault} `damaged` when the file is none of ours
 */
function versionOf(db: DatabaseSync): number {
  const application = pragma(db, "application_id");
  const version = pragma(db, "user_version");
  const empty = prepare(db, "SELECT count(*) AS tables FROM sqlite_schema").get()?.tables === 0;
  if (application === 0 && version === 0 && empty) return 0;
  if (application !== APPLICATION_ID) throw new StoreFault("damaged", "it is a database of another program");
  if (version > SCHEMA_VERSION) {
    throw new StoreFault(
      "damaged",
      `it is from a later elves-heartbeat (schema ${version}, this one knows ${SCHEMA_VERSION})`,
    );
  }
  return version;
}

/** A column that is a text whatever it holds: one bad row must not keep the others from being read. */
function text(column: string): string {
  return `CAST(coalesce(${column}, '') AS TEXT) AS ${column}`;
}

/** A column that is a time of JavaScript (ECMA-262, 21.4.1.1) whatever it holds. Whole numbers are quicker to write. */
function time(column: string): string {
  return `max(0, min(8.64e15, coalesce(iif(typeof(${column}) = 'integer', ${column}, CAST(${column} AS REAL)), 0)))`;
}

function prepareAll(db: DatabaseSync) {
  return {
    agents: prepare(
      db,
      `SELECT max(row) AS place, ${AGENT_COLUMNS.map((column) => `json_group_array(${column}) AS ${column}`).join(", ")}
       FROM (SELECT row, CAST(ip AS TEXT) AS ip, ${text("asset")}, ${text("version")}, ${text("apps")},
       CASE WHEN online = ${UNTOLD} THEN ${UNTOLD} WHEN online THEN 1 ELSE 0 END AS state,
       ${time("last_seen_ms")} AS lastSeenMs, ${time("since_ms")} AS sinceMs
       FROM agents WHERE row > ? ORDER BY row LIMIT ?)`,
    ),
    unsent: prepare(db, `SELECT row, ${EVENT_COLUMNS} FROM events WHERE sent = 0 AND row > ? ORDER BY row LIMIT ?`),
    catalogs: prepare(db, "SELECT * FROM catalogs ORDER BY id DESC"),
    newestCatalogs: prepare(
      db,
      "SELECT * FROM catalogs WHERE id IN (SELECT max(id) FROM catalogs GROUP BY source) ORDER BY id DESC",
    ),
    silences: prepare(
      db,
      `SELECT id, cidr, asset, ${text("reason")}, ${text("who")}, ${time("created_at_ms")} AS createdAtMs,
       ${time("until_ms")} AS untilMs FROM silences ORDER BY until_ms`,
    ),
    noSilences: prepare(db, "DELETE FROM silences"),
    silence: prepare(
      db,
      `INSERT INTO silences (id, cidr, asset, reason, who, created_at_ms, until_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (id) DO NOTHING`,
    ),
    forget: prepare(db, "DELETE FROM agents WHERE ip = ?"),
    agent: prepare(
      db,
      `INSERT INTO agents (ip, asset, version, apps, online, last_seen_ms, since_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (ip) DO UPDATE SET asset = excluded.asset, version = excluded.version, apps = excluded.apps,
       online = excluded.online, last_seen_ms = excluded.last_seen_ms, since_ms = excluded.since_ms`,
    ),
    // Most of what is stored; one statement for many takes half the time of one for each (measured).
    agentsSeen: prepare(
      db,
      `UPDATE agents SET last_seen_ms = seen.ms
       FROM (SELECT value ->> 0 AS ip, value ->> 1 AS ms FROM json_each(?)) AS seen WHERE agents.ip = seen.ip`,
    ),
    event: prepare(
      db,
      `INSERT INTO events (${EVENT_COLUMNS}, sent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
    ),
    markSent: prepare(db, "UPDATE events SET sent = 1 WHERE id = ?"),
    catalog: prepare(db, "INSERT INTO catalogs (taken_at_ms, source, origin, body) VALUES (?, ?, ?, ?)"),
    // Said again: no further entry in the history, but the newest of its source is younger.
    catalogAgain: prepare(
      db,
      "UPDATE catalogs SET taken_at_ms = ? WHERE id = (SELECT max(id) FROM catalogs WHERE source = ?) AND body = ?",
    ),
    pruneAged: prepare(
      db,
      `DELETE FROM events WHERE row IN
       (SELECT row FROM (SELECT row, at_ms FROM events ORDER BY row LIMIT ?) WHERE at_ms < ?)`,
    ),
    pruneExcess: prepare(
      db,
      `DELETE FROM events WHERE row IN
       (SELECT row FROM events WHERE row <= (SELECT max(row) FROM events) - ? ORDER BY row LIMIT ?)`,
    ),
    pruneCatalogs: prepare(db, "DELETE FROM catalogs WHERE id <= (SELECT max(id) FROM catalogs) - ?"),
  };
}

/** SQLite's texts end at the first NUL when they are read; an agent may send one where JSON was due. */
function storable(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\u2400") : text;
}

function nextPlace(rows: readonly Record<string, unknown>[]): number | undefined {
  return rows.length < PAGE_ROWS ? undefined : Number(rows.at(-1)?.row);
}

function eventValues(row: Record<string, unknown>): Value[] {
  return EVENT_COLUMNS.split(", ").map((column) => row[column] as Value);
}
