/** How much of a value is shown, characters. */
const SHOWN = 80;

/** What JSON.stringify leaves as it is, and terminals act upon, or take for the end of a line, or turn lines around with. */
const LEFT_BY_JSON = /[\x7f-\x9f\u2028\u2029\p{Bidi_Control}]/gu;

/**
 * JSON text that is safe in a log and on a terminal.
 * @throws RangeError for what is nested too deeply
 */
export function plainJson(value: unknown): string | undefined {
  return JSON.stringify(value)?.replace(
    LEFT_BY_JSON,
    (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * What a peer sent, as JSON text for an error or the log: short, in one line, and for any value. JSON may be nested more
 * deeply than JSON.stringify can follow.
 */
export function quoted(value: unknown): string {
  let text: string;
  try {
    text = plainJson(value) ?? "nothing";
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    return "something nested very deeply";
  }
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}
