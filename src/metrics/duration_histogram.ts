import { Histogram, type HistogramConfiguration } from "prom-client";
import type { Durations } from "../durations.ts";

/** One line of a histogram, as prom-client writes it: `metricName{...sharedLabels,...labels} value`. */
interface Line {
  readonly metricName: string;
  readonly labels: { readonly le?: string };
  readonly sharedLabels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A histogram that shows, in seconds, what {@link Durations} have counted, instead of counting itself. */
export class DurationHistogram extends Histogram {
  readonly #configuration: HistogramConfiguration<string>;
  readonly #read: () => Readonly<Record<string, Durations>>;

  /** @param read the durations by value of the only label, or under any key without a label; asked at each scrape */
  constructor(configuration: HistogramConfiguration<string>, read: () => Readonly<Record<string, Durations>>) {
    super(configuration);
    this.#configuration = configuration;
    this.#read = read;
  }

  /** What prom-client 15 asks a histogram for at each scrape; its types do not name it. */
  getForPromString(): Promise<{ name: string; help: string; type: "histogram"; values: readonly Line[] }> {
    const { name, help, labelNames: [label] = [] } = this.#configuration;
    const values = Object.entries(this.#read()).flatMap(([value, durations]) =>
      linesOf(name, durations, label === undefined ? {} : { [label]: value })
    );
    return Promise.resolve({ name, help, type: "histogram", values });
  }
}

function linesOf(name: string, { boundsMs, counts, sumMs }: Durations, sharedLabels: Record<string, string>): Line[] {
  let count = 0;
  const buckets = [...counts].map((each, i) => {
    count += each;
    const boundMs = boundsMs[i];
    const le = boundMs === undefined ? "+Inf" : String(boundMs / 1000);
    return { metricName: `${name}_bucket`, labels: { le }, sharedLabels, value: count };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels: {}, sharedLabels, value: sumMs / 1000 },
    { metricName: `${name}_count`, labels: {}, sharedLabels, value: count },
  ];
}
