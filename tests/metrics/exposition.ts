/** Figures as Prometheus reads them: `name{label="value",...}`, labels in order of name, to value. */
export class Exposition {
  /** Every series and its value. */
  readonly series = new Map<string, number>();
  /** Names of metrics as they are declared, to their types. */
  readonly types = new Map<string, string>();
  /** Values of each label of each name under which there are samples. */
  readonly #labels = new Map<string, Map<string, Set<string>>>();

  /** @throws SyntaxError for a line that is none of the format */
  constructor(text: string) {
    for (const line of text.split("\n")) this.#read(line);
  }

  /** The value of one series; the labels in order of name. */
  value(series: string): number {
    const value = this.series.get(series);
    if (value === undefined) throw new Error(`there is no ${series}`);
    return value;
  }

  /** Names that may be asked for, those of histograms with their endings. */
  get names(): ReadonlySet<string> {
    const names = new Set<string>();
    for (const [name, type] of this.types) {
      const endings = type === "histogram" ? ["_bucket", "_sum", "_count"] : [""];
      for (const ending of endings) names.add(name + ending);
    }
    return names;
  }

  /** The values that a label of a metric has; undefined where it has no such label. */
  labelValues(name: string, label: string): ReadonlySet<string> | undefined {
    return this.#labels.get(name)?.get(label);
  }

  #read(line: string): void {
    const type = /^# TYPE (\S+) (counter|gauge|histogram)$/.exec(line);
    if (type !== null) this.types.set(type[1]!, type[2]!);
    if (line === "" || line.startsWith("#")) return;
    const sample = /^([A-Za-z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (sample === null || Number.isNaN(Number(sample[3]))) throw new SyntaxError(`no sample: ${line}`);
    const [, name = "", labels = "", value] = sample;
    const pairs = [...labels.matchAll(/(\w+)="([^"\\]*)"/g)].map(([, label = "", text = ""]) => ({ label, text }));
    for (const { label, text } of pairs) this.#note(name, label, text);
    const sorted = pairs.map(({ label, text }) => `${label}="${text}"`).sort().join(",");
    const series = sorted === "" ? name : `${name}{${sorted}}`;
    if (this.series.has(series)) throw new SyntaxError(`twice: ${series}`);
    this.series.set(series, Number(value));
  }

  #note(name: string, label: string, value: string): void {
    const labels = this.#labels.get(name) ?? new Map<string, Set<string>>();
    this.#labels.set(name, labels);
    labels.set(label, (labels.get(label) ?? new Set()).add(value));
  }
}

/** What a running service exports at this moment. */
export async function scrape(url: string): Promise<{ text: string; figures: Exposition }> {
  const response = await fetch(`${url}/metrics`);
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.status}: ${text}`);
  return { text, figures: new Exposition(text) };
}
