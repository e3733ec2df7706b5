import { Counter, Gauge, type Registry } from "prom-client";
import type { Durations } from "../durations.ts";
import { DurationHistogram } from "./duration_histogram.ts";

/** The value of one series, with its labels. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** A counter or gauge. */
export interface Figure {
  readonly help: string;
  /** The names of the labels, where there are some. */
  readonly labels?: readonly string[];
  /** Asked at each scrape; undefined where nothing is known, and then nothing is shown. */
  readonly read: () => number | undefined | Iterable<Sample>;
}

/** A histogram of durations. */
export interface DurationFigure {
  readonly help: string;
  /** The name of the label, where there is one. */
  readonly label?: string;
  /** Asked at each scrape: by value of the label, or under `""` where there is none. */
  readonly read: () => Readonly<Record<string, Durations>>;
}

/** What is exported. Nothing is counted here: each scrape reads what the rooms of the service count themselves. */
export class Series {
  readonly #registry: Registry;

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Adds something that goes up and down. */
  gauge(name: string, { help, labels = [], read }: Figure): void {
    new Gauge({
      ...{ name, help, labelNames: labels, registers: [this.#registry] },
      collect() {
        this.reset();
        const samples = samplesOf(read());
        if (samples === undefined) this.remove();
        else for (const [labels, value] of samples) this.set(labels, value);
      },
    });
  }

  /** Adds something that only goes up. */
  counter(name: string, { help, labels = [], read }: Figure): void {
    new Counter({
      ...{ name, help, labelNames: labels, registers: [this.#registry] },
      collect() {
        this.reset();
        const samples = samplesOf(read());
        if (samples === undefined) this.remove();
        else for (const [labels, value] of samples) this.inc(labels, value);
      },
    });
  }

  /** Adds durations, in seconds. */
  durations(name: string, { help, label, read }: DurationFigure): void {
    const labelNames = label === undefined ? [] : [label];
    this.#registry.registerMetric(new DurationHistogram({ name, help, labelNames, registers: [] }, read));
  }
}

/** One sample for each value of a label. */
export function by(label: string, values: Readonly<Record<string, number>>): Sample[] {
  return Object.entries(values).map(([value, count]) => [{ [label]: value }, count]);
}

function samplesOf(value: number | undefined | Iterable<Sample>): Iterable<Sample> | undefined {
  return typeof value === "number" ? [[{}, value]] : value;
}
