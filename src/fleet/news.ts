import type { Agent, Instant } from "./agent.ts";
import type { Changes } from "./changes.ts";
import { agentEvent, type FleetEvent, serviceEvent } from "./events.ts";
import { FlapDamper, type FlapOptions } from "./flaps.ts";
import type { GuardOff } from "./guard.ts";

/** What others were last told of an agent's state; `nothing` of one that they have never heard of. */
export type Told = "online" | "offline" | "nothing";

/**
 * Tells what happens to agents, and is the one place that knows what others were told last. While an agent flaps or is
 * silenced, its news are withheld; after that only the difference between what was told and what is true is told, with
 * the time since when it is true.
 */
export class News {
  readonly #changes: Changes;
  readonly #flaps: FlapDamper;
  /** What was last told of a state, where that is not the true one. */
  readonly #states = new Map<Agent, Told>();
  /** The version that was last told, where that is not the true one, and when the true one came. */
  readonly #versions = new Map<Agent, { readonly from: string; readonly event: FleetEvent }>();
  /** Conflicts that were not told. */
  readonly #conflicts = new Map<Agent, FleetEvent>();

  constructor(flap: FlapOptions, changes: Changes) {
    this.#flaps = new FlapDamper(flap);
    this.#changes = changes;
  }

  /** How many agents flap. */
  get countFlapping(): number {
    return this.#flaps.countFlapping;
  }

  /** Applies other limits from now on. */
  reconfigure(flap: FlapOptions): void {
    this.#flaps.reconfigure(flap);
  }

  /** What others were last told of an agent. */
  told(agent: Agent): { readonly state: Told; readonly version: string } {
    const state = this.#states.get(agent) ?? (agent.state === "offline" ? "offline" : "online");
    return { state, version: this.#versions.get(agent)?.from ?? agent.version };
  }

  /** There is a new agent. */
  appeared(agent: Agent): void {
    this.#states.set(agent, "nothing");
    if (!agent.silenced) this.#tellState(agent);
  }

  /** An agent went offline or came back; its row is as it is after that. */
  transition(agent: Agent, event: FleetEvent): void {
    // What happens in a maintenance window does not make an agent flap.
    const verdict = agent.silenced && !agent.flapping ? "silent" : this.#flaps.transition(agent, agent.changedMs);
    if (verdict === "silent") return this.#withhold(agent);
    this.#changes.emit(event);
    if (verdict !== "flapping") return;
    const { sinceMs, lastSeenMs, awaySeconds } = event;
    const now = { monotonic: agent.changedMs, wall: agent.sinceMs };
    const flapping = agentEvent("agentFlapping", agent, { at: agent.sinceMs, now });
    this.#changes.emit({ ...flapping, sinceMs, lastSeenMs, awaySeconds });
  }

  /** An agent has another version of its own. */
  versionChanged(agent: Agent, { to, now }: { to: string; now: Instant }): void {
    const from = this.#versions.get(agent)?.from ?? agent.version;
    const event = agentEvent("versionChanged", agent, { at: now.wall, now, details: { from, to } });
    if (!agent.silenced) this.#changes.emit(event);
    else if (from === to) this.#versions.delete(agent);
    else if (this.#states.get(agent) !== "nothing") this.#versions.set(agent, { from, event });
  }

  /** Two machines claim an agent's address. */
  conflict(agent: Agent, details: Record<string, unknown>, now: Instant): void {
    const event = agentEvent("duplicateIdentity", agent, { at: now.wall, now, details });
    if (agent.silenced) this.#conflicts.set(agent, event);
    else this.#changes.emit(event);
  }

  /** An agent is no more. This is told in any case: there is no row left from which others could learn it later. */
  forgotten(agent: Agent, reason: string, now: Instant): void {
    this.#changes.emit(agentEvent("agentForgotten", agent, { at: now.wall, now, details: { reason } }));
    this.#flaps.drop(agent);
    this.#states.delete(agent);
    this.#versions.delete(agent);
    this.#conflicts.delete(agent);
  }

  /** So many agents are silent at once that the guard holds. */
  guardOn(counts: { silent: number; agents: number }, now: Instant): void {
    this.#changes.emit(serviceEvent("guardOn", now, counts));
  }

  /** The guard holds no more. */
  guardOff({ heldMs, ...details }: GuardOff, now: Instant): void {
    this.#changes.emit(serviceEvent("guardOff", now, { ...details, held_seconds: Math.round(heldMs / 1000) }));
  }

  /** Tells of agents that have become stable by this monotonic time, ms. */
  settle(monotonicMs: number): void {
    for (const agent of this.#flaps.settle(monotonicMs)) {
      if (!agent.silenced) this.#tellState(agent);
    }
  }

  /**
   * Tells what was withheld of an agent that is not silenced any more.
   * @param timeoutMs how long after its last sign a conflict is over
   */
  unsilenced(agent: Agent, { now, timeoutMs }: { now: Instant; timeoutMs: number }): void {
    if (!agent.flapping) this.#tellState(agent);
    const version = this.#versions.get(agent);
    if (version !== undefined) this.#changes.emit(version.event);
    const conflict = this.#conflicts.get(agent);
    const lastSign = agent.oddities?.conflictAt?.monotonic ?? -Infinity;
    if (conflict !== undefined && now.monotonic - lastSign <= timeoutMs) this.#changes.emit(conflict);
    this.#versions.delete(agent);
    this.#conflicts.delete(agent);
    // What is stored of it is what was told.
    this.#changes.touch(agent);
  }

  #withhold(agent: Agent): void {
    const state = agent.state === "offline" ? "offline" : "online";
    const told = this.#states.get(agent);
    if (told === undefined) this.#states.set(agent, state === "online" ? "offline" : "online");
    else if (told === state) this.#states.delete(agent);
  }

  /** Tells the state as it is, if that was not told; what was before it is not known any more. */
  #tellState(agent: Agent): void {
    const told = this.#states.get(agent);
    if (told === undefined) return;
    this.#states.delete(agent);
    this.#changes.touch(agent);
    const { state, sinceMs: at, changedMs: monotonic } = agent;
    const kind = state === "offline" ? "agentOffline" : "agentOnline";
    const details = told === "nothing" ? { first: true } : {};
    const event = { ...agentEvent(kind, agent, { at, now: { monotonic, wall: at }, details }), sinceMs: undefined };
    if (state === "offline") return this.#changes.emit(event);
    const lastSeenMs = told === "nothing" ? event.atMs : undefined;
    this.#changes.emit({ ...event, lastSeenMs, awaySeconds: undefined });
  }
}
