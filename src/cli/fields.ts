import { type Style, styled, type Terminal } from "./terminal.ts";
import { visible, wrap } from "./text_width.ts";

/** One line of a description: what it is about, and how that is. */
export interface Field {
  readonly what: string;
  /** May hold anything; it is made visible here. */
  readonly text: string;
  readonly style?: Style | undefined;
}

/** Columns of the names. */
const NAMES = 10;
const INDENT = "  ";

/** Writes a description, line by line; on a terminal, long texts go on below themselves. */
export function writeFields(terminal: Terminal, fields: readonly Field[]): void {
  const left = (terminal.size()?.columns ?? Infinity) - INDENT.length - NAMES - 1;
  const lines = fields.flatMap(({ what, text, style }) =>
    wrap(visible(text), left).map((part, i) =>
      `${INDENT}${(i === 0 ? what : "").padEnd(NAMES)} ${styled(terminal, part, style)}`.trimEnd()
    )
  );
  terminal.write(lines.map((line) => `${line}\n`).join(""));
}
