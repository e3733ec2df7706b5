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
  if (NARROW.test(text) ? text.length <= width : textWidth(text) <= width) return text;
  return beginning(text, width - 1) + ELLIPSIS;
}

/** As much of a visible text as fits into `width` columns. */
function beginning(text: string, width: number): string {
  if (NARROW.test(text)) return text.slice(0, Math.max(0, width));
  let taken = "";
  let left = width;
  for (const { segment } of graphemes.segment(text)) {
    left -= graphemeWidth(segment);
    if (left < 0) break;
    taken += segment;
  }
  return taken;
}

/** A visible text in lines of at most so many columns, broken at blanks, or anywhere in a word that is longer. */
export function wrap(text: string, columns: number): string[] {
  // A character takes at most two: with fewer, nothing would ever fit.
  const width = Math.max(2, columns);
  const lines = [""];
  for (let word of text.split(" ")) {
    const line = lines[lines.length - 1] ?? "";
    if (line !== "" && textWidth(line) + 1 + textWidth(word) <= width) {
      lines[lines.length - 1] = `${line} ${word}`;
      continue;
    }
    if (line !== "") lines.push("");
    while (textWidth(word) > width) {
      const part = beginning(word, width);
      lines.splice(lines.length - 1, 1, part, "");
      word = word.slice(part.length);
    }
    lines[lines.length - 1] = word;
  }
  return lines;
}
