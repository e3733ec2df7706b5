import { type Clock, instant } from "../clock.ts";
import type { Instant } from "../fleet/agent.ts";
import type { Sharing } from "../fleet/sharing.ts";
import type { Slices } from "../slices.ts";
import type { Members } from "./members.ts";
import type { SharedBeat } from "./records.ts";
import type { Tombstones } from "./tombstones.ts";

/** How long it is waited for a sign of life of everybody whose beats were read, ms; there is one every second. */
const MEASURE_MS = 1_200;
/** How long it is waited for instances that were there before and were cut off too, ms: as long as they take to retry. */
const OTHERS_MS = 30_000;
/** How much a stamp and an age may say different things, ms: more than that was not under way, but a clock was set. */
const UNDER_WAY_MS = 1_000;
/** How many beats are taken in between two places where that may be interrupted. */
const BEATS_PER_STEP = 64;
/** So few are taken in at once. */
const FEW_BEATS = 256;

/**
 * How far this instance is in hearing everybody out. `away`: there is no stream. `reading`: up to the end as of the
 * beginning. `measuring`: until the clocks are known of those who sent it. `applying`: what was read. `waiting`: the
 * fleet is complete but for what others, cut off as well, may still bring. `settled`: everything is known.
 */
export type CatchUpPhase = "away" | "reading" | "measuring" | "applying" | "waiting" | "settled";

/** What catching up needs. */
export interface CatchUpOptions {
  readonly sharing: Pick<Sharing, "remoteBeat" | "fallBehind" | "catchUp">;
  readonly members: Members;
  readonly tombstones: Tombstones;
  readonly slices: Slices;
  readonly clock: Clock;
  /** Appends a marker to the stream. @returns its number */
  readonly mark: () => number;
  /** What was read is in the fleet. */
  readonly onCaughtUp: () => void;
  /** Everybody was heard out. @param othersWere whether others had been settled all the time */
  readonly onSettled: (othersWere: boolean) => void;
}

interface ReadBeat {
  readonly beat: SharedBeat;
  readonly run: string;
  /** When it came by this instance's wall clock, as far as the clocks are known. */
  readonly wallMs: number;
}

/**
 * Brings the fleet to where the others are: after the start, after the stream was lost, and after a time in which this
 * process stood still. Records that are read meanwhile are of the past: the age of their beats follows from their stamps
 * and from how the sender's clock differs, while that of live ones follows from when they come.
 */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #phase: CatchUpPhase = "away";
  /** The marker at which the past ends. */
  #until = 0;
  #sinceMs = 0;
  /** When the past ended. */
  #readMs = 0;
  /** The newest beat that was read of each agent. */
  #read = new Map<string, ReadBeat>();
  /** Who else was there when everything was well, by name. */
  #others: ReadonlySet<string> = new Set();
  /** Makes what is under way for a former attempt void. */
  #attempt = 0;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  get phase(): CatchUpPhase {
    return this.#phase;
  }

  /** Whether records are of this moment, not of the past. */
  get isLive(): boolean {
    return this.#phase !== "away" && this.#phase !== "reading";
  }

  /** Whether what the stream holds is in the fleet. */
  get isCaughtUp(): boolean {
    return this.#phase === "waiting" || this.#phase === "settled";
  }

  /** There is no stream any more. */
  lost(): void {
    this.#begin("away");
  }

  /** The stream is there, or this process has stood still: what comes until the end of it is of the past. */
  begin(): void {
    this.#begin("reading");
    this.#until = this.#options.mark();
  }

  /** One of this run's own markers came back. */
  returned(number: number): void {
    if (this.#phase !== "reading" || number < this.#until) return;
    const { members, clock } = this.#options;
    this.#others = this.#others.union(members.recent(clock.wall()));
    this.#readMs = clock.monotonic();
    this.#enter("measuring");
  }

  /** Takes in a beat of another instance, or of a former run. */
  beat(beat: SharedBeat, run: string): void {
    if (this.isCaughtUp) {
      const now = this.#now();
      return this.#apply(beat, this.#liveBeatMs(beat, run, now), now);
    }
    const wallMs = this.#wallMs(beat, run);
    const known = this.#read.get(beat.ip);
    if (known === undefined || known.wallMs <= wallMs) this.#read.set(beat.ip, { beat, run, wallMs });
  }

  /** Goes on where only time had to pass; to be called a few times a second. */
  advance(): void {
    const { members, clock } = this.#options;
    const passedMs = clock.monotonic() - this.#sinceMs;
    if (this.#phase === "measuring" && (passedMs >= MEASURE_MS || members.allMeasured(clock.wall()))) {
      void this.#applyAll();
    } else if (this.#phase === "waiting") this.#awaitOthers(passedMs);
    else if (this.#phase === "settled") this.#others = new Set(members.present.map(({ instance }) => instance));
  }

  #begin(phase: "away" | "reading"): void {
    this.#attempt++;
    this.#enter(phase);
    this.#options.sharing.fallBehind();
  }

  #enter(phase: CatchUpPhase): void {
    this.#phase = phase;
    this.#sinceMs = this.#options.clock.monotonic();
  }

  async #applyAll(): Promise<void> {
    const attempt = this.#attempt;
    this.#enter("applying");
    while (this.#read.size > FEW_BEATS) {
      await this.#options.slices.run(this.#applyRead());
      if (attempt !== this.#attempt) return;
    }
    for (const _ of this.#applyRead());
    this.#enter("waiting");
    this.#options.onCaughtUp();
    this.advance();
  }

  /** In the order in which they came, as the fleet is used to. */
  *#applyRead(): Generator<void, void, void> {
    const read = [...this.#read.values()].map(({ beat, run }) => ({ beat, wallMs: this.#wallMs(beat, run) }));
    this.#read = new Map();
    read.sort((a, b) => a.wallMs - b.wallMs);
    for (const [i, { beat, wallMs }] of read.entries()) {
      const now = this.#now();
      this.#apply(beat, now.monotonic - Math.max(0, now.wall - wallMs), now);
      if (i % BEATS_PER_STEP === BEATS_PER_STEP - 1) yield;
    }
  }

  /** When a beat came, by this instance's wall clock. */
  #wallMs({ stampMs }: SharedBeat, run: string): number {
    return stampMs + (this.#options.members.skewMs(run) ?? 0);
  }

  /**
   * When a beat came that was passed on just now, by the monotonic clock. Its age says so whatever the wall clocks do,
   * but not how long it was under way since; its stamp says so exactly as long as both clocks run as they did.
   */
  #liveBeatMs(beat: SharedBeat, run: string, now: Instant): number {
    const byAge = now.monotonic - Math.max(0, beat.ageMs);
    if (this.#options.members.skewMs(run) === undefined) return byAge;
    const byStamp = now.monotonic - Math.max(0, now.wall - this.#wallMs(beat, run));
    return Math.abs(byAge - byStamp) <= UNDER_WAY_MS ? byStamp : byAge;
  }

  #apply(beat: SharedBeat, lastBeatMs: number, now: Instant): void {
    const { sharing, tombstones } = this.#options;
    if (!tombstones.hides(beat.ip, beat.stampMs)) sharing.remoteBeat(beat, lastBeatMs, now);
  }

  #awaitOthers(passedMs: number): void {
    const { members, clock } = this.#options;
    // What somebody said before the end of the past may not be so any more.
    const sinceMs = clock.monotonic() - this.#readMs;
    const back = members.present.filter(({ marker, seenAgoMs }) => marker.caughtUp && seenAgoMs <= sinceMs);
    if (back.some(({ marker }) => marker.settled)) return this.#settle(true);
    const names = new Set(back.map(({ instance }) => instance));
    if (this.#others.isSubsetOf(names) || passedMs >= OTHERS_MS) this.#settle(false);
  }

  #settle(othersWere: boolean): void {
    this.#enter("settled");
    this.#options.sharing.catchUp(this.#now(), { endGrace: othersWere });
    this.#options.onSettled(othersWere);
  }

  #now(): Instant {
    return instant(this.#options.clock);
  }
}
