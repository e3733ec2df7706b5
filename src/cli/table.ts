import { type Style, styled, type Terminal } from "./terminal.ts";
import { cut, textWidth, visible } from "./text_width.ts";

/** One column of a table. */
export interface Column<Row> {
  readonly title: string;
  /** The text of a cell; may hold anything, it is made visible here. */
  readonly text: (row: Row) => string;
  readonly align?: "left" | "right";
  readonly style?: (row: Row) => Style | undefined;
  /** How few columns of the terminal it may get when the window is narrow; without it, it keeps its width. */
  readonly least?: number;
  /** Whether the others give way first: a text that is worth little when a part is missing, such as an address. */
  readonly isWhole?: boolean;
}

/** Blanks between two columns. */
const GAP = 2;

/** A table whose rows come in one or more batches; the first batch decides how wide the columns are. */
export class Table<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #terminal: Pick<Terminal, "size" | "colors">;
  #widths: readonly number[] | undefined;
  /** Columns of the window; undefined: there is none, and nothing is cut. */
  #window: number | undefined;

  constructor(columns: readonly Column<Row>[], terminal: Pick<Terminal, "size" | "colors">) {
    this.#columns = columns;
    this.#terminal = terminal;
  }

  /** The lines of some rows, each with its line end; before the first ones the titles. */
  lines(rows: readonly Row[]): string {
    const cells = rows.map((row) => this.#columns.map(({ text }) => visible(text(row))));
    const titles = this.#columns.map(({ title }) => title);
    let head = "";
    if (this.#widths === undefined) {
      this.#window = this.#terminal.size()?.columns;
      this.#widths = this.#layout([titles, ...cells]);
      head = this.#line(titles, () => "heading");
    }
    return head + cells.map((texts, i) => {
      const row = rows[i];
      return this.#line(texts, (column) => row === undefined ? undefined : column.style?.(row));
    }).join("");
  }

  #line(texts: readonly string[], style: (column: Column<Row>) => Style | undefined): string {
    const parts = this.#columns.map((column, i) => {
      const width = this.#widths?.[i] ?? 0;
      const text = this.#window === undefined ? texts[i] ?? "" : cut(texts[i] ?? "", width);
      const blanks = " ".repeat(Math.max(0, width - textWidth(text)));
      // The blanks stay outside of the colour.
      const shown = styled(this.#terminal, text, style(column));
      return column.align === "right" ? blanks + shown : shown + blanks;
    });
    return `${parts.join(" ".repeat(GAP)).trimEnd()}\n`;
  }

  /** The width of each column: what its longest cell takes, and less where the window is too narrow for all. */
  #layout(lines: readonly (readonly string[])[]): number[] {
    const widths = this.#columns.map((_, i) =>
      lines.reduce((most, cells) => Math.max(most, textWidth(cells[i] ?? "")), 0)
    );
    if (this.#window === undefined) return widths;
    let excess = widths.reduce((sum, width) => sum + width, GAP * (widths.length - 1)) - this.#window;
    while (excess > 0) {
      const widest = this.#widestToShrink(widths, false) ?? this.#widestToShrink(widths, true);
      if (widest === undefined) break;
      widths[widest] = (widths[widest] ?? 0) - 1;
      excess--;
    }
    return widths;
  }

  #widestToShrink(widths: readonly number[], isWholeToo: boolean): number | undefined {
    let found: number | undefined;
    this.#columns.forEach(({ least = Infinity, isWhole = false }, i) => {
      const width = widths[i] ?? 0;
      const mayShrink = width > least && (isWholeToo || !isWhole);
      if (mayShrink && (found === undefined || width > (widths[found] ?? 0))) found = i;
    });
    return found;
  }
}
