import { type Style, styled, type Terminal } from "./terminal.ts";
import { cut, visible } from "./text_width.ts";

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

/** Writes a description, line by line; on a terminal, long texts are cut at its edge. */
export function writeFields(terminal: Terminal, fields: readonly Field[]): void {
  const left = (terminal.size()?.columns ?? Infinity) - INDENT.length - NAMES - 1;
  const lines = fields.map(({ what, text, style }) => {
    const shown = styled(terminal, cut(visible(text), left), style);
    return `${INDENT}${what.padEnd(NAMES)} ${shown}`.trimEnd();
  });
  terminal.write(lines.map((line) => `${line}\n`).join(""));
}
