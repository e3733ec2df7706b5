import { type Clock, instant } from "../clock.ts";
import { Durations } from "../durations.ts";

/** How often it is looked, ms. */
const INTERVAL_MS = 250;
/** How far the wall clock may move against the monotonic one before that counts as a step, ms; as liveness has it. */
const STEP_MS = 2_000;

/** Watches how late the event loop is, and whether the wall clock jumps. */
export class EventLoopWatch {
  /** How late timers were. */
  readonly lag = new Durations([1, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000]);
  /** How often the wall clock was seen to jump by more than 2 s. */
  clockSteps = 0;
  readonly #clock: Clock;
  #last = { monotonic: 0, wall: 0 };
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    clearInterval(this.#timer);
    this.#last = instant(this.#clock);
    this.#timer = setInterval(() => this.look(INTERVAL_MS), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** @param dueMs how long after the last look this one was due, ms */
  look(dueMs: number): void {
    const now = instant(this.#clock);
    const passed = now.monotonic - this.#last.monotonic;
    this.lag.observe(Math.max(0, passed - dueMs));
    if (Math.abs(now.wall - this.#last.wall - passed) > STEP_MS) this.clockSteps++;
    this.#last = now;
  }
}
