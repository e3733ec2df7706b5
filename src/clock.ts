import type { Instant } from "./fleet/agent.ts";

/**
 * The two clocks of the service. Liveness and every deadline are decided on the monotonic one, which no operator and
 * no NTP step can move; the wall clock only names moments for people and peers.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back, never jumps. */
  monotonic(): number;
  /** Milliseconds since the Unix epoch, UTC; may step at any time. */
  wall(): number;
}

/** The clocks of this machine. */
export const systemClock: Clock = {
  monotonic: () => performance.now(),
  wall: () => Date.now(),
};

/** This moment on both clocks. */
export function instant(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}
