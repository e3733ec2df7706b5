import type { Agent } from "./agent.ts";

/** When an agent flaps. */
export interface FlapOptions {
  /** How many transitions within the window make it flap. */
  readonly count: number;
  /** The window, ms; also how long it must be stable before it flaps no more. */
  readonly windowMs: number;
}

/** What is to be told about a transition: it itself, it and that the agent now flaps, or nothing. */
export type FlapVerdict = "tell" | "flapping" | "silent";

/**
 * Damps agents that come and go: the transition that is one too many within the window is told together with the fact
 * that the agent flaps; then there is silence about it until it has been stable for as long as the window.
 */
export class FlapDamper {
  #options: FlapOptions;
  /** Agents with transitions in the window, the longest stable first; monotonic times of the last ones, oldest first, ms. */
  readonly #times = new Map<Agent, number[]>();
  #countFlapping = 0;

  constructor(options: FlapOptions) {
    this.#options = options;
  }

  /** Applies other limits from now on. */
  reconfigure(options: FlapOptions): void {
    this.#options = options;
  }

  /** How many agents flap. */
  get countFlapping(): number {
    return this.#countFlapping;
  }

  /** Takes in a transition between online and offline and decides what is told. */
  transition(agent: Agent, monotonicMs: number): FlapVerdict {
    const times = this.#times.get(agent) ?? [];
    times.push(monotonicMs);
    while (times.length > this.#options.count) times.shift();
    // Back at the end: the map stays in the order of last transitions.
    this.#times.delete(agent);
    this.#times.set(agent, times);
    if (agent.flapping) return "silent";
    const [oldest] = times;
    const many = times.length === this.#options.count;
    if (!many || oldest === undefined || monotonicMs - oldest > this.#options.windowMs) return "tell";
    agent.flapping = true;
    this.#countFlapping++;
    return "flapping";
  }

  /**
   * Lets go of agents that have been stable for as long as the window.
   * @returns those that flapped
   */
  settle(monotonicMs: number): Agent[] {
    const settled: Agent[] = [];
    for (const [agent, times] of this.#times) {
      if (monotonicMs - (times.at(-1) ?? 0) < this.#options.windowMs) break;
      if (agent.flapping) settled.push(agent);
      this.drop(agent);
    }
    return settled;
  }

  /** Drops what is known about an agent. */
  drop(agent: Agent): void {
    this.#times.delete(agent);
    if (agent.flapping) this.#countFlapping--;
    agent.flapping = false;
  }
}
