import type { Instant } from "./agent.ts";

/** The limits of the guard. */
export interface GuardOptions {
  /** The share of silent agents above which an overdue agent is held instead of called offline, 0 to 1. */
  readonly guardShare: number;
  /** The least number of agents at which the guard acts. */
  readonly guardMinAgents: number;
  /** The longest time that the guard holds, ms. */
  readonly guardMaxHoldMs: number;
}

/** Why the guard ended: enough agents were back, it held as long as it may, or somebody released it. */
export type GuardEnd = "recovered" | "maxHold" | "released";

/** How a guard ended: why, how many agents it held, of how many that are online or suspect, and for how long. */
export interface GuardOff {
  readonly reason: GuardEnd;
  readonly held: number;
  readonly agents: number;
  readonly heldMs: number;
}

/** How many agents are silent without an explanation, of how many that are online or suspect. */
export interface SilentShare {
  readonly silent: number;
  readonly agents: number;
}

/**
 * Decides when so many agents are silent at once that the fault is probably between the service and the fleet, and when
 * that is over. Who is held meanwhile is not its matter.
 */
export class Guard {
  readonly #options: () => GuardOptions;
  #sinceMs: number | undefined;

  constructor(options: () => GuardOptions) {
    this.#options = options;
  }

  /** Whether it holds. */
  get isOn(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Since when it holds, by the monotonic clock, ms; undefined when it does not. */
  get sinceMs(): number | undefined {
    return this.#sinceMs;
  }

  /** When it ends at the latest, by the monotonic clock, ms; undefined when it does not hold. */
  get endsByMs(): number | undefined {
    return this.#sinceMs === undefined ? undefined : this.#sinceMs + this.#options().guardMaxHoldMs;
  }

  /** An agent has come due: begins when too many are silent. @returns whether it did */
  begin({ silent, agents }: SilentShare, { monotonic }: Instant): boolean {
    const { guardShare, guardMinAgents } = this.#options();
    if (agents < guardMinAgents || silent <= guardShare * agents) return false;
    this.#sinceMs = monotonic;
    return true;
  }

  /** Why it has to end now; undefined when it holds on. */
  ending({ silent, agents }: SilentShare, { monotonic }: Instant): GuardEnd | undefined {
    const { guardShare, guardMaxHoldMs } = this.#options();
    if (silent === 0 || silent < guardShare / 2 * agents) return "recovered";
    const heldMs = monotonic - (this.#sinceMs ?? monotonic);
    return heldMs >= guardMaxHoldMs ? "maxHold" : undefined;
  }

  /** Ends. @returns how long it held, ms */
  end({ monotonic }: Instant): number {
    const heldMs = monotonic - (this.#sinceMs ?? monotonic);
    this.#sinceMs = undefined;
    return heldMs;
  }
}
