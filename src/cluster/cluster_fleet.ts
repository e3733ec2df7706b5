import type { Agent, Instant } from "../fleet/agent.ts";
import type { BeatOutcome } from "../fleet/fleet.ts";
import type { ForgottenRow } from "../fleet/sharing.ts";
import type { SharedBeat } from "./records.ts";

/** What the instances of a cluster need of a fleet. */
export interface ClusterFleet {
  /** Agents whose newest beat came here and was not taken before. */
  takeOwn(): Agent[];
  /** Gives back what could not be passed on; what has a newer beat from elsewhere meanwhile is left. */
  giveBack(agents: readonly Agent[]): void;
  /**
   * Takes in a beat that came to another instance.
   * @param lastBeatMs when it came, by this instance's monotonic clock, ms
   */
  remoteBeat(beat: SharedBeat, lastBeatMs: number, now: Instant): BeatOutcome | "old";
  /** Whether there may be beats that are not known here, so that nobody is called offline. */
  readonly isBehind: boolean;
  /** From now on there may be beats that are not known here. */
  fallBehind(): void;
  /** All beats are known. @param endGrace whether grace is not needed either, because others were there all the time */
  catchUp(now: Instant, options: { endGrace: boolean }): void;
  /** Whether grace lasts. */
  inGrace(now: Instant): boolean;
  /** Forgets rows of which no newer beat is known than that which somebody else forgot them with. */
  forgetSeen(rows: readonly ForgottenRow[], now: Instant): void;
  releaseGuard(now: Instant): boolean;
}
