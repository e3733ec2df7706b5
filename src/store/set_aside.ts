import { faultOf } from "./fault.ts";

/** The name of the database in the data folder. */
export const DATABASE_FILE = "elves-heartbeat.db";

/** How many files that were set aside are kept; a disk that damages every file must not fill itself with them. */
const KEPT_FILES = 5;
/** What SQLite keeps beside a file. The file itself comes last: a log that stayed alone could be taken for the next one's. */
const SUFFIXES = ["-wal", "-shm", ""];

/**
 * Moves a database that cannot be used out of the way.
 * @returns where it is now
 * @throws {StoreFault} when it cannot be moved
 */
export function setAsideFile(folder: string, nowMs: number): string {
  const file = `${folder}/${DATABASE_FILE}`;
  const time = new Date(nowMs).toISOString().replaceAll(/[-:]/g, "").replace(/\..*/, "Z");
  try {
    const to = freeName(`${file}.damaged-${time}`);
    for (const suffix of SUFFIXES) move(file + suffix, to + suffix);
    removeOld(folder);
    return to;
  } catch (cause) {
    throw faultOf(cause);
  }
}

function removeOld(folder: string): void {
  const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
  const aside = names.filter((name) => name.startsWith(`${DATABASE_FILE}.damaged-`) && !/-(wal|shm)$/.test(name));
  for (const old of aside.sort().slice(0, -KEPT_FILES)) {
    for (const name of names.filter((name) => SUFFIXES.some((suffix) => name === old + suffix))) {
      Deno.removeSync(`${folder}/${name}`);
    }
  }
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
      throw cause;
    }
  }
}
