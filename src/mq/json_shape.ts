/** How deep JSON may be nested; a catalog is nested 4 deep. */
const MAX_DEPTH = 32;
/** The most objects and lists in a message; a catalog has two for each version of an app. */
const MAX_CONTAINERS = 100_000;
/** The most keys in a message. */
const MAX_KEYS = 300_000;
/** The longest text in a message, bytes. */
const MAX_TEXT_BYTES = 8_192;

const QUOTE = 0x22;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * What in JSON of any size would take too long to parse or too much memory; undefined when nothing does. JSON.parse
 * cannot be interrupted: 50 MiB of `{},{},...`, of brackets or of long keys took 5 s and 4 GiB, and nothing else was
 * served meanwhile; 50 MiB of addresses, as in a catalog, take 1.5 s.
 */
export function shapeFault(bytes: Uint8Array): string | undefined {
  let depth = 0;
  let containers = 0;
  let keys = 0;
  for (let at = 0; at < bytes.length; at++) {
    const code = bytes[at]!;
    if (code === QUOTE) {
      const end = textEnd(bytes, at + 1);
      if (end === undefined) return `a text of more than ${MAX_TEXT_BYTES} bytes`;
      at = end;
    } else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      if (++depth > MAX_DEPTH) return `more than ${MAX_DEPTH} levels`;
      if (++containers > MAX_CONTAINERS) return `more than ${MAX_CONTAINERS} objects and lists`;
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--;
    else if (code === COLON && ++keys > MAX_KEYS) return `more than ${MAX_KEYS} keys`;
  }
  return undefined;
}

/** Where the text ends that begins at `from`; undefined when it is too long. */
function textEnd(bytes: Uint8Array, from: number): number | undefined {
  for (let at = from; at - from <= MAX_TEXT_BYTES; at++) {
    const code = bytes[at];
    if (code === QUOTE || code === undefined) return at;
    if (code === BACKSLASH) at++;
  }
  return undefined;
}
