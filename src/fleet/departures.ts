import { type Agent, AgentQueue, type Instant } from "./agent.ts";

/** The least number of agents that may leave within a second. */
const MIN_RATE = 20;
/** The share of the fleet that may. */
const RATE_SHARE = 0.02;

/**
 * Agents that a guard holds no longer and that leave a few a second, so that whoever reads the events can follow.
 * Seconds in which nobody looked are not made up for.
 */
export class Departures {
  /** Those that still have to leave; whoever comes back is taken out of it. */
  readonly queue = new AgentQueue();
  readonly #random: () => number;
  #sinceMs = 0;
  #perSecond = 0;
  #second = 0;
  /** How many have left within that second. */
  #left = 0;

  /** @param random a number in [0, 1), for the order */
  constructor(random: () => number) {
    this.#random = random;
  }

  /** Adds agents in random order, so that no rack goes before another, and begins a new second. */
  start(agents: Agent[], { now, fleetSize }: { now: Instant; fleetSize: number }): void {
    this.#sinceMs = now.monotonic;
    this.#perSecond = Math.max(MIN_RATE, Math.floor(RATE_SHARE * fleetSize));
    this.#second = 0;
    this.#left = 0;
    for (const agent of shuffled(agents, this.#random)) this.queue.push(agent);
  }

  /** Takes out the next one that may leave at this moment. */
  next({ monotonic }: Instant): Agent | undefined {
    const agent = this.queue.head;
    if (agent === undefined) return undefined;
    const second = Math.floor((monotonic - this.#sinceMs) / 1000);
    if (second !== this.#second) this.#left = 0;
    this.#second = second;
    if (this.#left >= this.#perSecond) return undefined;
    this.#left++;
    this.queue.remove(agent);
    return agent;
  }
}

/** Fisher and Yates. */
function shuffled(agents: Agent[], random: () => number): Agent[] {
  for (let i = agents.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    const a = agents[i];
    const b = agents[j];
    if (a !== undefined && b !== undefined) [agents[i], agents[j]] = [b, a];
  }
  return agents;
}
