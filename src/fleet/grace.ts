import type { Instant } from "./agent.ts";

/** The limits of grace. */
export interface GraceOptions {
  /** How long after its last beat an agent is offline, ms. */
  readonly timeoutMs: number;
  /** How long after a start or a stall of ours nobody is called offline, ms; 0 for not at all. */
  readonly graceMs: number;
}

/** A gap this long between two looks means that this process stood still: looks come twice a second. */
const STALL_MS = 2_500;
/** How far the wall clock may move against the monotonic one before that counts as a step of the clock, ms. */
const CLOCK_STEP_MS = 2_000;

/**
 * Times in which silence says nothing about agents, so that nobody is called offline: after a start or a stall of this
 * process until they had the chance to beat, and as long as other instances may know of beats that are not known here.
 */
export class Grace {
  readonly #options: () => GraceOptions;
  #sinceMs = -Infinity;
  #untilMs = -Infinity;
  #last: Instant | undefined;
  /** Whether other instances take beats too, so that after a stall there may be some that are not known here. */
  #isShared = false;
  #isBehind = false;
  /** Until when it was behind the last time, by the monotonic clock, ms. */
  #behindUntilMs = -Infinity;

  constructor(options: () => GraceOptions) {
    this.#options = options;
  }

  /** Until when grace lasts, by the monotonic clock, ms; in the past when it is over. */
  get untilMs(): number {
    return this.#untilMs;
  }

  /** Until when nobody was called offline, by the monotonic clock, ms. */
  get mercyUntilMs(): number {
    return Math.max(this.#untilMs, this.#behindUntilMs);
  }

  /** Whether there may be beats that are not known here. */
  get isBehind(): boolean {
    return this.#isBehind;
  }

  /** Whether nobody is called offline at this moment. */
  holds({ monotonic }: Instant): boolean {
    return this.#isBehind || monotonic < this.#untilMs;
  }

  /** A run begins. */
  start({ monotonic }: Instant): void {
    this.#begin(monotonic);
  }

  /** Looks whether this process stood still since this was called the last time, or its clock was set. */
  look(now: Instant): void {
    const last = this.#last;
    this.#last = now;
    if (last === undefined) return;
    const passed = now.monotonic - last.monotonic;
    const stepped = Math.abs(now.wall - last.wall - passed) > CLOCK_STEP_MS;
    if (passed > STALL_MS || stepped) this.#grant(now);
    if (passed > STALL_MS && this.#isShared) this.#isBehind = true;
  }

  /** There may be beats at other instances that are not known here. */
  fallBehind(): void {
    this.#isShared = true;
    this.#isBehind = true;
  }

  /** All beats are known. @param endGrace whether others were there all the time, so that grace is not needed either */
  catchUp({ monotonic }: Instant, { endGrace }: { endGrace: boolean }): void {
    if (this.#isBehind) this.#behindUntilMs = monotonic;
    this.#isBehind = false;
    if (endGrace) this.#untilMs = Math.min(this.#untilMs, monotonic);
  }

  /** Unless there was a grace within the last timeout. */
  #grant({ monotonic }: Instant): void {
    const { graceMs, timeoutMs } = this.#options();
    if (graceMs > 0 && monotonic - this.#sinceMs >= timeoutMs) this.#begin(monotonic);
  }

  #begin(nowMs: number): void {
    this.#sinceMs = nowMs;
    this.#untilMs = nowMs + this.#options().graceMs;
  }
}
