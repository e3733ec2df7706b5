/** As much of Markdown as the READMEs use. */

/** A fenced block, a table, an item of a list or a paragraph. */
export interface Block {
  readonly kind: "code" | "table" | "item" | "paragraph";
  /** Its source. */
  readonly text: string;
}

/** A heading and what stands below it, up to the next heading of any level. */
export interface Section {
  readonly level: number;
  readonly heading: string;
  readonly blocks: readonly Block[];
}

/** Blocks are parted by empty lines, except in code, and the items of a list by their marks. */
const BLOCKS = /^```[\s\S]*?^```$|^(?:.+\n?)+/gm;
const ITEMS = /\n(?=(?:-|\d+\.) )/;

/** The sections of a document that begins with a heading. */
export function sections(markdown: string): Section[] {
  const found: { level: number; heading: string; blocks: Block[] }[] = [];
  for (const [source] of markdown.matchAll(BLOCKS)) {
    const heading = /^(#+) (.*)/.exec(source);
    if (heading !== null) found.push({ level: heading[1]!.length, heading: heading[2]!, blocks: [] });
    else found.at(-1)?.blocks.push(...blocks(source));
  }
  return found;
}

function blocks(source: string): Block[] {
  if (source.startsWith("```")) return [{ kind: "code", text: source }];
  if (source.startsWith("|")) return [{ kind: "table", text: source }];
  if (source.startsWith("<!--")) return [];
  return source.split(ITEMS).map((text) => ({ kind: /^(?:-|\d+\.) /.test(text) ? "item" : "paragraph", text }));
}

/** The cells of a table, row by row, without the line below the header. */
export function cells(table: string): string[][] {
  return table.trim().split("\n").filter((_, line) => line !== 1).map((row) =>
    row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim())
  );
}

/** The texts in backquotes. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, span]) => span!.replaceAll(/\s+/g, " "));
}

/** Where links lead to. */
export function linkTargets(text: string): string[] {
  return [...text.matchAll(/\]\(([^)]*)\)/g)].map(([, target]) => target!);
}

/** The anchor that GitHub gives to a heading: small letters, digits, hyphens for blanks, no other marks. */
export function anchor(heading: string): string {
  return heading.toLowerCase().replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc} -]/gu, "").replaceAll(" ", "-");
}
