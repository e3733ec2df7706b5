import { DatabaseSync } from "node:sqlite";
import { faultOf, StoreFault } from "./fault.ts";
import { prepare, rollback } from "./schema.ts";

/** How long a look at the lock by another process may hold us up, ms. */
const BUSY_MS = 500;

/** Who holds a folder. */
export interface Holder {
  /** Tells two stores of one process apart. */
  readonly instance: string;
  readonly pid: number;
  /** Ms since the epoch. */
  readonly startedAtMs: number;
}

/**
 * The lock on a data folder: a write transaction that stays open on a small SQLite file of its own. The kernel ends it
 * with the process, however that dies; others can still read in the file who holds it. (Deno 2.4 has no `tryLock`.)
 */
export class FolderLock {
  readonly #db: DatabaseSync;
  #held = false;

  private constructor(db: DatabaseSync) {
    this.#db = db;
  }

  /** @throws {StoreFault} `inUse` when another store holds the folder; `disk` when nothing can be locked there */
  static acquire(folder: string, holder: Holder): FolderLock {
    const file = `${folder}/elves-heartbeat.lock`;
    try {
      return FolderLock.#acquire(folder, { file, holder });
    } catch (cause) {
      const fault = faultOf(cause);
      if (fault.kind !== "damaged") throw fault;
      // Nobody holds a file that is not SQLite's, and there is nothing in it to keep.
      Deno.removeSync(file);
      return FolderLock.#acquire(folder, { file, holder });
    }
  }

  static #acquire(folder: string, { file, holder }: { file: string; holder: Holder }): FolderLock {
    const lock = new FolderLock(new DatabaseSync(file));
    try {
      lock.#take(folder, holder);
      return lock;
    } catch (cause) {
      lock.release();
      throw cause;
    }
  }

  #take(folder: string, holder: Holder): void {
    this.#db.exec(`PRAGMA busy_timeout = ${BUSY_MS}; PRAGMA synchronous = OFF`);
    if (begin(this.#db)) {
      sign(this.#db, holder);
      this.#held = begin(this.#db);
    }
    if (this.#held) return;
    const other = read(this.#db);
    // A worker of this store that crashed may still hold the lock, in Deno 2.4 for ever: then it is ours all the same.
    if (other?.instance !== holder.instance) {
      throw new StoreFault("inUse", `data.dir ${folder} is in use by ${describe(other)}`);
    }
    this.#db.exec("PRAGMA busy_timeout = 0");
  }

  /** Takes over from a crashed worker of this store that has let go by now. */
  hold(): void {
    this.#held ||= begin(this.#db);
  }

  release(): void {
    this.#db.close();
  }
}

function begin(db: DatabaseSync): boolean {
  try {
    db.exec("BEGIN IMMEDIATE");
    return true;
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes("locked")) return false;
    throw cause;
  }
}

/** Writes down who holds the lock; a full disk is no reason to go without the lock itself. */
function sign(db: DatabaseSync, { instance, pid, startedAtMs }: Holder): void {
  try {
    db.exec("DROP TABLE IF EXISTS holder; CREATE TABLE holder (instance TEXT, pid INTEGER, started_at_ms INTEGER)");
    db.prepare("INSERT INTO holder VALUES (?, ?, ?)").run(instance, pid, startedAtMs);
    db.exec("COMMIT");
  } catch (cause) {
    rollback(db);
    if (faultOf(cause).kind !== "full") throw cause;
  }
}

function read(db: DatabaseSync): Holder | undefined {
  try {
    const row = prepare(db, "SELECT instance, pid, started_at_ms FROM holder").get();
    if (row === undefined) return undefined;
    return { instance: String(row.instance), pid: Number(row.pid), startedAtMs: Number(row.started_at_ms) };
  } catch (cause) {
    // It is locked before it is signed for the first time.
    if (cause instanceof Error && /no such table|locked/.test(cause.message)) return undefined;
    throw cause;
  }
}

function describe(holder: Holder | undefined): string {
  if (holder === undefined) return "another process";
  return `pid ${holder.pid} (elves-heartbeat started ${new Date(holder.startedAtMs).toISOString()})`;
}
