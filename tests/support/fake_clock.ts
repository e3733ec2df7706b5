import type { Clock } from "../../src/clock.ts";
import type { Instant } from "../../src/fleet/agent.ts";

/** Clocks that move only when told to. */
export class FakeClock implements Clock {
  #monotonic = 1_000_000;
  #wall = Date.UTC(2026, 0, 2, 3, 4, 5);

  monotonic(): number {
    return this.#monotonic;
  }

  wall(): number {
    return this.#wall;
  }

  /** Both clocks at this moment. */
  get now(): Instant {
    return { monotonic: this.#monotonic, wall: this.#wall };
  }

  /** Time passes on both clocks, ms. */
  advance(ms: number): void {
    this.#monotonic += ms;
    this.#wall += ms;
  }

  /** Somebody sets the wall clock, ms forward or back. */
  step(ms: number): void {
    this.#wall += ms;
  }
}
