import type { DatabaseSync, StatementSync } from "node:sqlite";

/** `PRAGMA application_id` of our files: "ElHb". */
export const APPLICATION_ID = 0x456c4862;

/**
 * The steps from each version of the schema to the next; a file's `PRAGMA user_version` counts the ones it has taken.
 * Only ever append.
 *
 * `agents` keeps its row ids: agents beat in the same order every minute, so rows stored in that order stay neighbours
 * and a flush touches few pages; a table ordered by address would touch one page a row.
 */
const MIGRATIONS: readonly string[] = [
  `CREATE TABLE agents (
     row INTEGER PRIMARY KEY,
     ip TEXT NOT NULL UNIQUE,
     asset TEXT,
     version TEXT,
     apps TEXT,
     online INTEGER,
     last_seen_ms INTEGER,
     since_ms INTEGER
   );
   CREATE TABLE catalogs (
     id INTEGER PRIMARY KEY AUTOINCREMENT,
     taken_at_ms INTEGER,
     source TEXT,
     origin TEXT,
     body TEXT
   );
   CREATE TABLE events (
     row INTEGER PRIMARY KEY,
     id TEXT NOT NULL UNIQUE,
     kind TEXT,
     ip TEXT,
     asset TEXT,
     at_ms INTEGER,
     since_ms INTEGER,
     last_seen_ms INTEGER,
     away_seconds INTEGER,
     details TEXT,
     sent INTEGER NOT NULL DEFAULT 0
   );
   CREATE INDEX events_by_ip ON events (ip, row);
   CREATE INDEX events_unsent ON events (row) WHERE sent = 0;`,
];

/**
 * Tables that came later and that builds before them may well not know: they use the file all the same, so these are
 * none of the steps. `who`: as long as `by` it would be a keyword.
 */
const EXTRAS = `CREATE TABLE IF NOT EXISTS silences (
   id TEXT PRIMARY KEY,
   cidr TEXT,
   asset TEXT,
   reason TEXT,
   who TEXT,
   created_at_ms INTEGER,
   until_ms INTEGER
 )`;

/** Every table. */
export const TABLES: readonly string[] = ["agents", "catalogs", "events", "silences"];

/** The version of the schema that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** Brings a file of ours, or a new one (version 0), to {@link SCHEMA_VERSION}, in one transaction. */
export function migrate(db: DatabaseSync, version: number): void {
  if (version === SCHEMA_VERSION && hasExtras(db)) return;
  db.exec("BEGIN IMMEDIATE");
  try {
    for (const step of MIGRATIONS.slice(version)) db.exec(step);
    db.exec(EXTRAS);
    db.exec(`PRAGMA application_id = ${APPLICATION_ID}; PRAGMA user_version = ${SCHEMA_VERSION}; COMMIT`);
  } catch (cause) {
    rollback(db);
    throw cause;
  }
}

/** Asked first, because even a statement that changes nothing needs room on the disk. */
function hasExtras(db: DatabaseSync): boolean {
  return prepare(db, "SELECT count(*) AS tables FROM sqlite_schema WHERE name = 'silences'").get()?.tables === 1;
}

/** Ends a transaction, which SQLite may have ended by itself after the error that brings us here. */
export function rollback(db: DatabaseSync): void {
  try {
    db.exec("ROLLBACK");
  } catch (cause) {
    if (!(cause instanceof Error && cause.message.includes("no transaction is active"))) throw cause;
  }
}

/**
 * Prepares a statement.
 * @throws Error as SQLite words it; Deno 2.4 itself says no more than "failed to prepare statement"
 */
export function prepare(db: DatabaseSync, sql: string): StatementSync {
  try {
    return db.prepare(sql);
  } catch (cause) {
    db.exec(`EXPLAIN ${sql}`);
    throw cause;
  }
}

/** The one number that a pragma returns. */
export function pragma(db: DatabaseSync, name: string): number {
  return Number(Object.values(prepare(db, `PRAGMA ${name}`).get() ?? {})[0]);
}
