/** How much of a value is shown, characters. */
const SHOWN = 80;

/**
 * What a peer sent, as JSON text for an error or the log: short, in one line, and for any value. JSON may be nested more
 * deeply than JSON.stringify can follow.
 */
export function quoted(value: unknown): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? "nothing";
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return "something nested very deeply";
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}
