/**
 * What a terminal must not be sent as it is: control characters, everything invisible (U+00AD, zero-width characters,
 * fillers, tags), direction marks, line separators and halves of surrogate pairs. Variation selectors are left alone:
 * they are harmless marks.
 */
const UNPRINTABLE = /(?![\ufe00-\ufe0f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;

/** Nothing but characters that take one column each. */
const NARROW = /^[\x20-\x7e]*$/;

/**
 * Characters that take two columns: Unicode's East Asian Width W and F (UAX #11), by the blocks and properties that
 * hold them.
 */
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\p{Script=Tangut}\p{Emoji_Presentation}\u2e80-\u303e\u3040-\u33ff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u;
/** Half-width forms are of those scripts too, but narrow. */
const HALF_WIDTH = /[\uff61-\uffdc]/u;
/** Characters that take no column of their own. */
const MARK = /^\p{M}/u;

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });

/** What stands for the part that was cut off. */
const ELLIPSIS = "…";

/** A text in which everything that a terminal would act upon, or not show, is written out: `\n`, `\x1b`, `\u202e`. */
export function visible(text: string): string {
  return NARROW.test(text) ? text : text.replace(UNPRINTABLE, escaped);
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === "\n") return "\\n";
  if (character === "\t") return "\\t";
  if (code < 0x100) return `\\x${code.toString(16).padStart(2, "0")}`;
  return code > 0xffff ? `\\u{${code.toString(16)}}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** How many columns of a terminal a visible text takes. */
export function textWidth(text: string): number {
  if (NARROW.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += graphemeWidth(segment);
  return width;
}

function graphemeWidth(grapheme: string): number {
  if (MARK.test(grapheme)) return 0;
  return WIDE.test(grapheme) && !HALF_WIDTH.test(grapheme) ? 2 : 1;
}

/** A visible text of at most `width` columns; what was longer ends in an ellipsis. */
export function cut(text: string, width: number): string {
  if (NARROW.test(text)) return text.length <= width ? text : text.slice(0, Math.max(0, width - 1)) + ELLIPSIS;
  if (textWidth(text) <= width) return text;
  let taken = "";
  let left = width - 1;
  for (const { segment } of graphemes.segment(text)) {
    left -= graphemeWidth(segment);
    if (left < 0) break;
    taken += segment;
  }
  return taken + ELLIPSIS;
}

/** A visible text with blanks behind it (or before it) up to `width` columns. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const blanks = " ".repeat(Math.max(0, width - textWidth(text)));
  return align === "left" ? text + blanks : blanks + text;
}
