import type { Clock } from "./clock.ts";

/** How far apart the samples are, ms. */
export const SAMPLE_MS = 10_000;
/** How many samples are kept: 24 hours. */
const SAMPLES = 8_640;
/** How often the beats are counted, ms. */
const TICK_MS = 1_000;
/** Over how many ticks the present rate of beats is measured. */
const RATE_TICKS = 10;

/** What is sampled. */
export interface HistorySource {
  /** How many agents there are in each state. */
  counts(): { readonly online: number; readonly suspect: number; readonly offline: number };
  /** Beats since the start. */
  beats(): number;
}

/** The samples of a time, brought together to as many points as were asked for; all lists have one length. */
export interface HistoryPoints {
  /** How far apart the points are, seconds. */
  readonly step_seconds: number;
  /** When each begins, ms since the epoch. */
  readonly at_ms: readonly number[];
  /** Means; null where the service stood still and nothing is known. */
  readonly online: readonly (number | null)[];
  readonly suspect: readonly (number | null)[];
  readonly offline: readonly (number | null)[];
  readonly beats_per_second: readonly (number | null)[];
}

/** How many beats there had been at a moment of the monotonic clock. */
interface Count {
  readonly beats: number;
  readonly atMs: number;
}

/** Samples of the fleet, one every 10 s, of the last 24 hours, in memory of fixed size. */
export class History {
  readonly #source: HistorySource;
  readonly #clock: Clock;
  readonly #originMs: number;
  /** Sample n is at n modulo the length; NaN where there is none. */
  readonly #online = new Float32Array(SAMPLES).fill(NaN);
  readonly #suspect = new Float32Array(SAMPLES).fill(NaN);
  readonly #offline = new Float32Array(SAMPLES).fill(NaN);
  readonly #beatRate = new Float32Array(SAMPLES).fill(NaN);
  /** The number of the newest sample. */
  #newest = -1;
  /** Beats and time at the newest sample. */
  #sampled: Count;
  /** Beats and times of the last ticks, oldest first. */
  #counts: Count[];
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(source: HistorySource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
    this.#originMs = clock.monotonic();
    this.#sampled = { beats: source.beats(), atMs: this.#originMs };
    this.#counts = [this.#sampled];
  }

  start(): void {
    clearInterval(this.#timer);
    this.tick();
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Looks at the fleet; to be called once a second. */
  tick(): void {
    const now = { beats: this.#source.beats(), atMs: this.#clock.monotonic() };
    this.#counts.push(now);
    if (this.#counts.length > RATE_TICKS + 1) this.#counts.shift();
    const number = Math.floor((now.atMs - this.#originMs) / SAMPLE_MS);
    if (number > this.#newest) this.#sample(number, now);
  }

  /** Beats per second over the last ten seconds. */
  get beatsPerSecond(): number {
    const [first] = this.#counts;
    const last = this.#counts.at(-1);
    return first === undefined || last === undefined ? 0 : rate(first, last);
  }

  /**
   * The samples of the last time.
   * @param spanMs how far back, ms
   * @param points the most points to bring them together to, 1 or more
   */
  points(spanMs: number, points: number): HistoryPoints {
    const span = Math.min(SAMPLES, Math.max(1, Math.ceil(spanMs / SAMPLE_MS)));
    const group = Math.ceil(span / points);
    const first = Math.max(0, this.#newest - span + 1);
    // Groups begin at multiples of their size, so that points stay what they are when the chart is drawn again.
    const firstGroup = Math.ceil(first / group);
    const lastGroup = Math.floor(this.#newest / group);
    const groups = Array.from({ length: Math.max(0, lastGroup - firstGroup + 1) }, (_, place) => firstGroup + place);
    const mean = (samples: Float32Array, decimals: number) =>
      groups.map((each) => this.#mean(samples, each * group, { count: group, decimals }));
    const zeroMs = this.#clock.wall() - (this.#clock.monotonic() - this.#originMs);
    return {
      step_seconds: group * SAMPLE_MS / 1000,
      at_ms: groups.map((each) => Math.round(zeroMs + each * group * SAMPLE_MS)),
      online: mean(this.#online, 0),
      suspect: mean(this.#suspect, 0),
      offline: mean(this.#offline, 0),
      beats_per_second: mean(this.#beatRate, 2),
    };
  }

  #sample(number: number, now: Count): void {
    // What was missed while the process stood still stays unknown.
    for (let missed = Math.max(this.#newest + 1, number - SAMPLES + 1); missed < number; missed++) {
      this.#set(missed, { online: NaN, suspect: NaN, offline: NaN, beatRate: NaN });
    }
    this.#newest = number;
    // The first one has no time before it in which beats could have come.
    const beatRate = now.atMs > this.#sampled.atMs ? rate(this.#sampled, now) : NaN;
    this.#set(number, { ...this.#source.counts(), beatRate });
    this.#sampled = now;
  }

  #set(
    number: number,
    { online, suspect, offline, beatRate }: { online: number; suspect: number; offline: number; beatRate: number },
  ): void {
    const place = number % SAMPLES;
    this.#online[place] = online;
    this.#suspect[place] = suspect;
    this.#offline[place] = offline;
    this.#beatRate[place] = beatRate;
  }

  #mean(samples: Float32Array, from: number, { count, decimals }: { count: number; decimals: number }): number | null {
    let sum = 0;
    let known = 0;
    for (let number = from; number < from + count && number <= this.#newest; number++) {
      const value = samples[number % SAMPLES] ?? NaN;
      if (Number.isNaN(value)) continue;
      sum += value;
      known++;
    }
    return known === 0 ? null : Math.round(sum / known * 10 ** decimals) / 10 ** decimals;
  }
}

function rate(from: Count, to: Count): number {
  const seconds = (to.atMs - from.atMs) / 1000;
  return seconds <= 0 ? 0 : (to.beats - from.beats) / seconds;
}
