import type { FaultLog } from "../log.ts";
import type { Envelope, Marker } from "./records.ts";

/** For how long after its last marker an instance counts as there, ms. */
const PRESENT_MS = 5_000;
/** How many records the skew of a clock is measured over. */
const SKEW_RECORDS = 60;
/** A skew that is warned about, ms. */
const SKEW_WARNING_MS = 2_000;
/** How old a marker that is read while catching up may be for its sender to be there still, ms; clocks may differ. */
const RECENT_MS = 10_000;
/** How many runs are remembered at most, so that forged records cannot grow memory. */
const MAX_RUNS = 1_000;

/** Another run of this program, as far as it is known. */
interface Member {
  readonly run: string;
  /** Its last marker. */
  marker: Marker | undefined;
  /** When that came, by the monotonic clock; undefined while it was only read in the past of the stream. */
  seenMs: number | undefined;
  /** When it sent the last record that was read, by its own wall clock. */
  sentMs: number;
  /** How long its last records were under way, its clock being wrong included, ms. */
  readonly delays: number[];
}

/** An instance that is there. */
export interface PresentMember {
  readonly instance: string;
  readonly run: string;
  readonly marker: Marker;
  /** By how much this instance's clock is ahead of its clock, ms; undefined while not measured. */
  readonly skewMs: number | undefined;
  /** How long ago its last marker came, ms. */
  readonly seenAgoMs: number;
}

/** What members need. */
export interface MembersOptions {
  /** The monotonic clock, ms. */
  readonly now: () => number;
  readonly faults: FaultLog;
  /** The name of this instance. */
  readonly instance: string;
}

/** The other instances: who is there, what each says of itself, and how far its clock is off. */
export class Members {
  readonly #options: MembersOptions;
  readonly #byRun = new Map<string, Member>();

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** The instances that are there, by name. */
  get present(): PresentMember[] {
    const nowMs = this.#options.now();
    const present: PresentMember[] = [];
    for (const { run, marker, seenMs, delays } of this.#byRun.values()) {
      if (marker === undefined || seenMs === undefined || !this.isPresent(run)) continue;
      const skewMs = skewOf(delays);
      present.push({ instance: instanceOf(run), run, marker, skewMs, seenAgoMs: nowMs - seenMs });
    }
    return present.sort((a, b) => a.run < b.run ? -1 : 1);
  }

  /** Whether a run is there. */
  isPresent(run: string): boolean {
    const { marker, seenMs } = this.#byRun.get(run) ?? {};
    return marker?.leaves === false && seenMs !== undefined && this.#options.now() - seenMs <= PRESENT_MS;
  }

  /** By how much this instance's clock is ahead of the clock of a run, ms; undefined as long as that is not measured. */
  skewMs(run: string): number | undefined {
    return skewOf(this.#byRun.get(run)?.delays ?? []);
  }

  /** Takes note of a record that was sent just now. @param wallMs when it came */
  live({ run, sentMs, record }: Envelope, wallMs: number): void {
    const member = this.#member(run);
    member.sentMs = sentMs;
    member.delays.push(wallMs - sentMs);
    if (member.delays.length > SKEW_RECORDS) member.delays.shift();
    if (record.kind !== "marker") return;
    member.marker = record.marker;
    member.seenMs = this.#options.now();
    this.#checkSkew(member);
  }

  /** Takes note of a record that was sent some time ago. */
  past({ run, sentMs, record }: Envelope): void {
    const member = this.#member(run);
    member.sentMs = sentMs;
    if (record.kind === "marker") member.marker = record.marker;
  }

  /** The names of the others who seem to be there, by what was read up to now. */
  recent(wallMs: number): Set<string> {
    return new Set(this.#recent(wallMs).map(({ run }) => instanceOf(run)));
  }

  /** Whether the clocks of these are measured. */
  allMeasured(wallMs: number): boolean {
    return this.#recent(wallMs).every(({ delays }) => delays.length > 0);
  }

  /** What was measured counts no more: this instance's own clock was set. */
  clockWasSet(): void {
    for (const member of this.#byRun.values()) member.delays.length = 0;
  }

  /** Lets go of those that have been away for long. */
  prune(): void {
    const nowMs = this.#options.now();
    for (const [run, { seenMs, marker }] of this.#byRun) {
      const isGone = seenMs !== undefined && nowMs - seenMs > 60 * PRESENT_MS;
      if (isGone || marker?.leaves) this.#byRun.delete(run);
    }
  }

  #recent(wallMs: number): Member[] {
    return [...this.#byRun.values()].filter(({ run, marker, sentMs }) =>
      marker !== undefined && !marker.leaves && wallMs - sentMs < RECENT_MS &&
      instanceOf(run) !== this.#options.instance
    );
  }

  #member(run: string): Member {
    const known = this.#byRun.get(run);
    if (known !== undefined) return known;
    const [oldest] = this.#byRun.keys();
    if (this.#byRun.size >= MAX_RUNS && oldest !== undefined) this.#byRun.delete(oldest);
    const member: Member = { run, marker: undefined, seenMs: undefined, sentMs: 0, delays: [] };
    this.#byRun.set(run, member);
    return member;
  }

  #checkSkew({ run, delays }: Member): void {
    const skewMs = skewOf(delays) ?? 0;
    if (Math.abs(skewMs) < SKEW_WARNING_MS) return;
    this.#options.faults.warn(
      "cluster.skew",
      "cluster: the clock of {instance} is {seconds} s {direction} this machine's; times that are shown are wrong by " +
        "that, check NTP on both",
      {
        instance: instanceOf(run),
        seconds: Math.round(Math.abs(skewMs) / 100) / 10,
        direction: skewMs > 0 ? "behind" : "ahead of",
      },
    );
  }
}

/** The name of the instance that a run is of. */
export function instanceOf(run: string): string {
  const dot = run.lastIndexOf(".");
  return dot === -1 ? run : run.slice(0, dot);
}

/** The record that was under way for the shortest time tells most exactly. */
function skewOf(delays: readonly number[]): number | undefined {
  return delays.length === 0 ? undefined : Math.min(...delays);
}
