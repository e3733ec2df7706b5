import type { Agent, Instant } from "./agent.ts";
import type { Beat } from "./beat.ts";

/** A beat that came to another instance. */
export interface RemoteBeat extends Beat {
  /** When it came by that instance's wall clock, ms since the epoch: its name on all instances. */
  readonly stampMs: number;
  /** Address of the TCP peer; empty where it is the agent's own; undefined where nothing is known of it. */
  readonly peer: string | undefined;
}

/** A row that was forgotten by hand, with the stamp of its last beat. */
export interface ForgottenRow {
  readonly ip: string;
  readonly stampMs: number;
}

/** How far apart the times of one moment may be when they come by way of two instances, ms. */
const SAME_MOMENT_MS = 50;

/** Whether a beat from elsewhere is newer than an agent's last; what came at about the same time is ordered by stamp. */
export function isNewer(agent: Agent, { monotonic, wall: stampMs }: Instant): boolean {
  const lastStampMs = Math.floor(agent.lastSeenMs);
  if (stampMs === lastStampMs || monotonic < agent.lastBeatMs - SAME_MOMENT_MS) return false;
  return monotonic > agent.lastBeatMs + SAME_MOMENT_MS || stampMs > lastStampMs;
}

/** The agents whose newest beat came here and is still to be passed on. Costs nothing where there is nobody to pass it to. */
export class OwnBeats {
  #agents: Set<Agent> | undefined;

  /** Begins to gather. */
  gather(): void {
    this.#agents ??= new Set();
  }

  /** A beat came here. */
  add(agent: Agent): void {
    this.#agents?.add(agent);
  }

  /** A newer one came elsewhere, or the agent is no more. */
  delete(agent: Agent): void {
    this.#agents?.delete(agent);
  }

  take(): Agent[] {
    const agents = [...this.#agents ?? []];
    this.#agents?.clear();
    return agents;
  }

  /** Takes back what could not be passed on, but for agents that are no more. */
  giveBack(agents: readonly Agent[]): void {
    for (const agent of agents) if (agent.queue !== undefined) this.add(agent);
  }
}
