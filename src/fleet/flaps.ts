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

interface Flap {
  /** Monotonic times of the last transitions, oldest first, ms. */
  readonly times: number[];
  /** Whether it flaps and is not told about. */
  flapping: boolean;
  /** What was last told of it. */
  told: "online" | "offline";
}

/**
 * Damps agents that come and go: the transition that is one too many within the window is told together with the fact
 * that the agent flaps; then there is silence about it until it has been stable for as long as the window.
 */
export class FlapDamper {
  #options: FlapOptions;
  /** Agents with transitions in the window, the longest stable first. */
  readonly #flaps = new Map<Agent, Flap>();

  constructor(options: FlapOptions) {
    this.#options = options;
  }

  /** Applies other limits from now on. */
  reconfigure(options: FlapOptions): void {
    this.#options = options;
  }

  /** How many agents flap. */
  countFlapping = 0;

  /** Whether an agent flaps at the moment. */
  isFlapping(agent: Agent): boolean {
    return this.#flaps.get(agent)?.flapping ?? false;
  }

  /** What was last told of an agent that flaps; undefined of others, whose state is always told. */
  told(agent: Agent): "online" | "offline" | undefined {
    const flap = this.#flaps.get(agent);
    return flap?.flapping ? flap.told : undefined;
  }

  /** Takes in a transition between online and offline and decides what is told. */
  transition(agent: Agent, to: "online" | "offline", monotonicMs: number): FlapVerdict {
    const flap: Flap = this.#flaps.get(agent) ?? { times: [], flapping: false, told: to };
    flap.times.push(monotonicMs);
    while (flap.times.length > this.#options.count) flap.times.shift();
    // Back at the end: the map stays in the order of last transitions.
    this.#flaps.delete(agent);
    this.#flaps.set(agent, flap);
    if (flap.flapping) return "silent";
    flap.told = to;
    const [oldest] = flap.times;
    const many = flap.times.length === this.#options.count;
    if (!many || oldest === undefined || monotonicMs - oldest > this.#options.windowMs) return "tell";
    flap.flapping = true;
    return "flapping";
  }

  /**
   * Lets go of agents that have been stable for as long as the window.
   * @returns those that flapped and whose state now is not the one that was last told
   */
  settle(monotonicMs: number): Agent[] {
    const changed: Agent[] = [];
    for (const [agent, flap] of this.#flaps) {
      const last = flap.times.at(-1) ?? 0;
      if (monotonicMs - last < this.#options.windowMs) break;
      this.#flaps.delete(agent);
      const state = agent.state === "offline" ? "offline" : "online";
      if (flap.flapping && state !== flap.told) changed.push(agent);
    }
    return changed;
  }

  /** Drops what is known about an agent that is no more. */
  drop(agent: Agent): void {
    this.#flaps.delete(agent);
  }
}
