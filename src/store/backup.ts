import { DatabaseSync } from "node:sqlite";
import { faultOf, StoreFault } from "./fault.ts";
import { migrate, prepare, TABLES } from "./schema.ts";

const PAGE_ROWS = 1_000;

/**
 * Copies a live database into a new file, as of one moment and without holding up its writer. Row by row, because
 * SQLite's `VACUUM INTO` needs `ATTACH`, which Deno denies to a program that lacks any one permission.
 * @throws {StoreFault} when the target exists or cannot be written; then nothing is left of it
 */
export function backup(from: string, to: string): void {
  try {
    Deno.openSync(to, { write: true, createNew: true, mode: 0o600 }).close();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.AlreadyExists)) throw faultOf(cause);
    throw new StoreFault("disk", `${to} exists already; a backup goes to a new file`, { cause });
  }
  try {
    copyAll(from, to);
  } catch (cause) {
    Deno.removeSync(to);
    throw faultOf(cause);
  }
}

function copyAll(from: string, to: string): void {
  const source = new DatabaseSync(from);
  try {
    const target = new DatabaseSync(to);
    try {
      // Reading in one transaction shows one moment, whatever is written meanwhile.
      source.exec("BEGIN");
      migrate(target, 0);
      target.exec("BEGIN");
      for (const table of TABLES) copyTable(table, source, target);
      target.exec("COMMIT");
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
}

/** Page by page: Deno 2.4 crashes when it collects the statement behind an `iterate()` that still runs. */
function copyTable(table: string, source: DatabaseSync, target: DatabaseSync): void {
  const columns = prepare(source, `PRAGMA table_info(${table})`).all().map((column) => String(column.name));
  const list = columns.join(", ");
  const places = columns.map(() => "?").join(", ");
  const select = prepare(source, `SELECT rowid AS place, ${list} FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ?`);
  const insert = prepare(target, `INSERT INTO ${table} (${list}) VALUES (${places})`);
  for (let after = 0;;) {
    const rows = select.all(after, PAGE_ROWS);
    for (const row of rows) insert.run(...columns.map((column) => row[column] ?? null));
    if (rows.length < PAGE_ROWS) return;
    after = Number(rows.at(-1)?.place);
  }
}
