import type { AgentState } from "../../src/fleet/agent.ts";
import type { Beat } from "../../src/fleet/beat.ts";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { type BeatOutcome, Fleet, type FleetOptions } from "../../src/fleet/fleet.ts";
import type { NewSilence, Silence, StoredSilence } from "../../src/fleet/silences.ts";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { finished } from "../support/finished.ts";
import { restoredAgents } from "../support/restored_agents.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** How often the service looks at its fleet, ms. */
export const TICK_MS = 500;

export const OPTIONS: FleetOptions = {
  timeoutMs: 60_000,
  graceMs: 20_000,
  guardShare: 0.15,
  guardMinAgents: 20,
  guardMaxHoldMs: 300_000,
  retentionMs: 86_400_000,
  max: 100_000,
  flap: { count: 6, windowMs: 3_600_000 },
  addressCheck: "warn",
};

/** The address of the n-th agent. */
export function address(n: number): string {
  return `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
}

/** A fleet and its clock, driven as the service drives it: a look every 500 ms. */
export class Scene {
  readonly clock = new FakeClock();
  readonly #options: FleetOptions;
  readonly #random: (() => number) | undefined;
  fleet: Fleet;

  constructor(options: Partial<FleetOptions> = {}, random?: () => number) {
    this.#options = { ...OPTIONS, ...options };
    this.#random = random;
    this.fleet = new Fleet(this.#options, random);
  }

  /** The agents number `from` to `to` - 1 beat. */
  beats(from: number, to: number): void {
    for (let n = from; n < to; n++) this.beat({ ip: address(n) });
  }

  /** One beat; the peer is the agent's own address unless another is named. */
  beat(parts: Partial<Beat>, peer?: string): BeatOutcome {
    const beat = { ip: address(0), asset: "CX", version: "1.0", apps: "{}", ...parts };
    return this.fleet.beat(beat, this.clock.now, peer ?? beat.ip);
  }

  /** Time passes with looks; the last one is at its end. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= TICK_MS) this.jump(Math.min(left, TICK_MS));
  }

  /** Time passes without a look until its end, as when the process stands still. */
  jump(ms: number): void {
    this.clock.advance(ms);
    this.fleet.advance(this.clock.now);
  }

  /** The process ends and comes back after this time. */
  restart(downMs: number): void {
    const rows = this.rows();
    const silences = this.fleet.silences.list.map(({ stored }) => stored);
    this.clock.advance(downMs);
    this.restore(rows, silences);
  }

  /** A new process begins with these rows. */
  restore(rows: readonly StoredAgent[], silences: readonly StoredSilence[] = []): void {
    this.fleet = new Fleet(this.#options, this.#random);
    this.fleet.restore({ agents: restoredAgents(rows, this.clock.now), silences }, this.clock.now);
    this.fleet.advance(this.clock.now);
  }

  /** A maintenance window begins; everybody is in it unless it says who. */
  silence(forMs: number, wish: Partial<NewSilence> = { cidr: "10.0.0.0/8" }): Silence {
    return this.fleet.addSilence({ untilMs: this.clock.wall() + forMs, ...wish }, { by: "op", now: this.clock.now });
  }

  rows(): StoredAgent[] {
    const all = { states: new Set<AgentState>(["online", "suspect", "offline"]) };
    return finished(this.fleet.list(all, this.clock.now)).map((agent) => this.fleet.stored(agent));
  }

  state(n: number): AgentState | undefined {
    return this.fleet.get(address(n), this.clock.now)?.state;
  }

  /** `online suspect offline`, as numbers. */
  counts(): [number, number, number] {
    const { online, suspect, offline } = this.fleet.counts(this.clock.now);
    return [online, suspect, offline];
  }

  /** What was told since the last time. */
  told(): FleetEvent[] {
    this.fleet.advance(this.clock.now);
    return [...this.fleet.takeChanges().events];
  }

  /** The same as `kind ip`. */
  toldInShort(): string[] {
    return this.told().map(({ kind, ip }) => `${kind} ${ip}`.trim());
  }
}
