/** Up to this many bytes, plain ASCII is decoded here: 0.1 us instead of the 0.2-0.3 us of a TextDecoder call. */
const SHORT_BYTES = 32;
/** One array of char codes for each short length. */
const CODES = Array.from({ length: SHORT_BYTES + 1 }, (_, length) => new Array<number>(length).fill(0));
// Not fatal: Java's Thrift replaces bad UTF-8 too. The byte order mark is kept, it is part of what was sent.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of the bytes from `from` up to `to`, in UTF-8; bad sequences become U+FFFD. */
export function readText(bytes: Uint8Array, from: number, to: number): string {
  const codes = CODES[to - from];
  if (codes === undefined) return utf8.decode(bytes.subarray(from, to));
  for (let index = 0; index < codes.length; index++) {
    const code = bytes[from + index]!;
    if (code > 0x7f) return utf8.decode(bytes.subarray(from, to));
    codes[index] = code;
  }
  return String.fromCharCode.apply(null, codes);
}
