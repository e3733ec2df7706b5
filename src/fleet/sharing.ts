import type { Agent, Instant } from "./agent.ts";
import type { Beat } from "./beat.ts";
import type { BeatOutcome } from "./fleet.ts";
import type { Liveness } from "./liveness.ts";
import type { Roster } from "./roster.ts";

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

/** What sharing needs of the fleet that it belongs to. */
export interface SharingParts {
  readonly roster: Roster;
  readonly liveness: Liveness;
  readonly own: OwnBeats;
  /** Brings every state up to this moment. */
  readonly advance: (now: Instant) => void;
  /** Agents need no more time to show themselves. */
  readonly endWarming: (now: Instant) => void;
}

/** The side of a fleet that is turned to other instances: what they hear is taken in, what is heard here is given out. */
export class Sharing {
  readonly #parts: SharingParts;
  #isCatchingUp = false;

  constructor(parts: SharingParts) {
    this.#parts = parts;
  }

  /**
   * Takes in a beat that came to another instance.
   * @param lastBeatMs when it came, by the monotonic clock of this instance, ms
   * @returns `old` where a newer one is known
   */
  remoteBeat(beat: RemoteBeat, lastBeatMs: number, now: Instant): BeatOutcome | "old" {
    const { roster, own, advance } = this.#parts;
    advance(now);
    const peer = beat.peer === "" ? beat.ip : beat.peer;
    const known = roster.table.get(beat.ip);
    const at = { monotonic: Math.min(lastBeatMs, now.monotonic), wall: beat.stampMs };
    if (known === undefined) return roster.add({ beat, at, peer, heardAt: now });
    if (!isNewer(known, at)) return "old";
    own.delete(known);
    at.monotonic = Math.max(at.monotonic, known.lastBeatMs);
    return roster.renew(known, { beat, at, peer, heardAt: now });
  }

  /** Agents whose newest beat came here since this was called the last time, or since the fleet first fell behind. */
  takeOwn(): Agent[] {
    return this.#parts.own.take();
  }

  /** Gives back what could not be passed on; what has a newer beat from elsewhere meanwhile is left. */
  giveBack(agents: readonly Agent[]): void {
    this.#parts.own.giveBack(agents);
  }

  /** Whether there may be beats at other instances that are not known here, so that nobody is called offline. */
  get isBehind(): boolean {
    return this.#parts.liveness.isBehind;
  }

  /** Whether what is found out at this moment may have been told by other instances already. */
  get learns(): boolean {
    return this.#isCatchingUp || this.isBehind;
  }

  /** From now on there are other instances, with beats that are not known here. */
  fallBehind(): void {
    this.#parts.own.gather();
    this.#parts.liveness.fallBehind();
  }

  /**
   * All beats are known, those at other instances too.
   * @param endGrace whether others were there all the time, so that grace is not needed either
   */
  catchUp(now: Instant, { endGrace }: { endGrace: boolean }): void {
    const { liveness, advance, endWarming } = this.#parts;
    this.#isCatchingUp = true;
    liveness.catchUp(now, { endGrace });
    if (endGrace) endWarming(now);
    advance(now);
    this.#isCatchingUp = false;
  }

  /** Whether a start or a stall was so short a time ago that nobody is called offline. */
  inGrace(now: Instant): boolean {
    return now.monotonic < this.#parts.liveness.status.graceUntilMs;
  }

  /** Forgets rows that were forgotten by hand elsewhere, unless there was a beat since the one that was the last then. */
  forgetSeen(rows: readonly ForgottenRow[], now: Instant): void {
    const { roster, advance } = this.#parts;
    advance(now);
    for (const { ip, stampMs } of rows) {
      const agent = roster.table.get(ip);
      if (agent !== undefined && Math.floor(agent.lastSeenMs) <= stampMs) roster.forget(agent, { reason: "hand", now });
    }
  }
}
