import { faultOf } from "./fault.ts";

/** The name of the database in the data folder. */
export const DATABASE_FILE = "elves-heartbeat.db";

/**
 * Moves a file that cannot be used, and what SQLite keeps beside it, out of the way.
 * @returns why, and where it is now
 * @throws {StoreFault} when it cannot be moved
 */
export function setAsideFile(file: string, reason: string, nowMs: number): { reason: string; to: string } {
  const to = freeName(`${file}.damaged-${new Date(nowMs).toISOString().replaceAll(/[-:]/g, "").replace(/\..*/, "Z")}`);
  try {
    // The file itself goes last: a write-ahead log that stayed alone would be taken for the one of the next file.
    for (const suffix of ["-wal", "-shm", ""]) move(file + suffix, to + suffix);
  } catch (cause) {
    throw faultOf(cause);
  }
  return { reason, to };
}

function move(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}

/** The name, or the same with a number where one of that second exists. */
function freeName(name: string): string {
  for (let number = 2, free = name;; free = `${name}-${number++}`) {
    try {
      Deno.statSync(free);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) return free;
      throw faultOf(cause);
    }
  }
}
