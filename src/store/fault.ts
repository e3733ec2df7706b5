import { errorText } from "../error_text.ts";

/**
 * What a fault asks for: `damaged`, the file is set aside and made anew; `gone`, it is made anew; `full`, the same again
 * later; `disk`, open again later; `inUse`, the folder belongs to another process.
 */
export type FaultKind = "damaged" | "gone" | "full" | "disk" | "inUse";

/** Why something could not be read or stored. */
export class StoreFault extends Error {
  override readonly name = "StoreFault";
  readonly kind: FaultKind;

  constructor(kind: FaultKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Deno 2.4 gives no result code with an error of SQLite, only its text (sqlite3ErrStr in main.c and build.c). */
const DAMAGED =
  /malformed|not a database|unsupported file format|no such table|no such column|has no column named|already exists/;
const FULL = /database or disk is full|No space left on device/;

/** Names the reaction that an error of SQLite or the file system asks for. */
export function faultOf(cause: unknown): StoreFault {
  if (cause instanceof StoreFault) return cause;
  const message = errorText(cause);
  const kind = DAMAGED.test(message) ? "damaged" : FULL.test(message) ? "full" : "disk";
  return new StoreFault(kind, message, { cause });
}
