/** What a figure must be. */
export interface Target {
  readonly kind: "at least" | "at most";
  readonly value: number;
}

/** A figure against one baseline. */
export interface Comparison {
  /** What it is compared with, with its unit; undefined where there is nothing to compare with. */
  readonly baseline?: string | undefined;
  /** The number that is judged: the median of the ratios of each round, or the figure itself in the target's unit. */
  readonly value?: number | undefined;
  /** What `value` is counted in: x for a ratio. */
  readonly unit?: "x" | "MB" | "ms" | "%" | undefined;
  readonly target?: Target | undefined;
}

/** One figure of the table: a line, and one more for each further baseline. */
export interface Figure extends Comparison {
  readonly name: string;
  /** What was measured, with its unit. */
  readonly figure: string;
  /** The same figure against other baselines. */
  readonly further?: readonly Comparison[];
  readonly notes: readonly string[];
}

/** Whether the figure is what it must be, against each of its baselines; undefined where nothing is required. */
export function meets({ further = [], ...first }: Figure): boolean | undefined {
  const verdicts = [first, ...further].map(isMet).filter((verdict) => verdict !== undefined);
  return verdicts.length === 0 ? undefined : verdicts.every((verdict) => verdict);
}

function isMet({ value, target }: Comparison): boolean | undefined {
  if (target === undefined || value === undefined) return undefined;
  return target.kind === "at least" ? value >= target.value : value <= target.value;
}

/** The figures in aligned columns, and their notes below. */
export function table(figures: readonly Figure[]): string {
  const header = ["", "figure", "baseline", "ratio", "target", ""];
  const rows = [header, ...figures.flatMap(lines)];
  const widths = header.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const texts = rows.map((row) =>
    row.map((cell, column) => column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))
      .join("  ").trimEnd()
  );
  const notes = figures.flatMap(({ name, notes }) => notes.map((note) => `${name}: ${note}`));
  return [...texts, "", ...notes].join("\n");
}

function lines({ name, figure, further = [], ...first }: Figure): string[][] {
  return [[name, figure, ...cells(first)], ...further.map((comparison) => ["", "", ...cells(comparison)])];
}

function cells(comparison: Comparison): string[] {
  const { baseline, value, unit, target } = comparison;
  const ratio = (unit === "x" || unit === "%") && value !== undefined
    ? `${value.toFixed(unit === "x" ? 2 : 1)} ${unit}`
    : "";
  const sign = target?.kind === "at least" ? ">=" : "<=";
  const wanted = target === undefined ? "" : `${sign} ${target.value} ${unit ?? ""}`;
  const met = isMet(comparison);
  return [baseline ?? "", ratio, wanted, met === undefined ? "" : met ? "ok" : "MISSED"];
}

/** @throws RangeError without values */
export function median(values: readonly number[]): number {
  return percentile(values, 50);
}

/**
 * The value below which so many per cent of the values lie (nearest rank).
 * @throws RangeError without values
 */
export function percentile(values: readonly number[], percent: number): number {
  const value = [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(values.length * percent / 100) - 1)];
  if (value === undefined) throw new RangeError("no values");
  return value;
}

/** A whole number with commas between thousands. */
export function thousands(value: number): string {
  return Math.round(value).toLocaleString("en-US");
}
