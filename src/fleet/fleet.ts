import { Agent, AgentQueue, type AgentState, type Instant } from "./agent.ts";
import type { Beat } from "./beat.ts";
import { addressOrder } from "./order.ts";
import { type AgentQuery, matches, sorted } from "./query.ts";

/** The limits of a fleet. */
export interface FleetOptions {
  /** How long after its last beat an agent is offline, ms. */
  readonly timeoutMs: number;
  /** How long an offline agent is kept before it is forgotten, ms. */
  readonly retentionMs: number;
  /** The most rows there may be. */
  readonly max: number;
}

/**
 * What a beat changed: a row was made (`new`), an offline agent came back (`returned`), the agent goes on (`beat`), or
 * there was no room for a new row (`full`).
 */
export type BeatOutcome = "new" | "returned" | "beat" | "full";

/** A change of an agent's state, for those who log it or tell others. */
export interface Transition {
  readonly kind: "online" | "offline" | "forgotten";
  readonly agent: Agent;
  /** Whether this is the agent's first beat ever; only with `online`. */
  readonly first: boolean;
}

/** How many rows are looked at between two places where a long job may be interrupted. */
const ROWS_PER_STEP = 512;

/**
 * The table of all agents and the one place where liveness is decided. It has no timers and no clock: every verb takes
 * the time, brings the states up to that time first, and so answers exactly, whoever asks and whenever.
 *
 * Beats arrive in the order of time, so a queue whose head beat longest ago tells who comes due next, and going
 * offline costs the same in a fleet of any size.
 */
export class Fleet {
  #options: FleetOptions;
  readonly #byIp = new Map<string, Agent>();
  readonly #byAsset = new Map<string, Agent | Set<Agent>>();
  /** Head: the agent whose last beat is the oldest. */
  readonly #online = new AgentQueue();
  /** Head: the agent that has been offline for the longest time. */
  readonly #offline = new AgentQueue();
  #inOrder: Agent[] | undefined;
  #transitions: Transition[] = [];
  /** Offline rows that had to make room for new agents, since the start. */
  evicted = 0;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  /** Takes in one beat. */
  beat(beat: Beat, now: Instant): BeatOutcome {
    this.#advance(now);
    const known = this.#byIp.get(beat.ip);
    if (known === undefined) return this.#add(beat, now);
    if (known.asset !== beat.asset) {
      this.#unindexAsset(known);
      known.asset = beat.asset;
      this.#indexAsset(known);
    }
    known.update(beat, now);
    if (known.state === "online") {
      this.#online.remove(known);
      this.#online.push(known);
      return "beat";
    }
    this.#offline.remove(known);
    this.#enter(known, "online", now.wall);
    this.#transitions.push({ kind: "online", agent: known, first: false });
    return "returned";
  }

  /**
   * Brings every state up to this moment and returns what has changed since the last call, beats' changes included, in
   * the order in which it happened.
   */
  advance(now: Instant): Transition[] {
    this.#advance(now);
    const transitions = this.#transitions;
    this.#transitions = [];
    return transitions;
  }

  /** The monotonic time at which the next state changes if no beat comes, ms; undefined in an empty fleet. */
  nextChangeMs(): number | undefined {
    const { head: oldest } = this.#online;
    const { head: longestGone } = this.#offline;
    if (oldest === undefined && longestGone === undefined) return undefined;
    const due = oldest === undefined ? Infinity : this.#dueMs(oldest);
    const forgotten = longestGone === undefined ? Infinity : this.#forgottenMs(longestGone);
    return Math.min(due, forgotten);
  }

  /** How many agents there are in each state. */
  counts(now: Instant): Record<AgentState, number> {
    this.#advance(now);
    return { online: this.#online.size, offline: this.#offline.size };
  }

  /** The agent at a canonical address. */
  get(ip: string, now: Instant): Agent | undefined {
    this.#advance(now);
    return this.#byIp.get(ip);
  }

  /**
   * The agents that match a query which names an address or an asset: a few, found by index. Newest beat first.
   */
  find(query: AgentQuery, now: Instant): Agent[] {
    this.#advance(now);
    return this.#indexed(query)
      .filter((agent) => matches(agent, query))
      .sort((a, b) => b.lastBeatMs - a.lastBeatMs);
  }

  /**
   * All agents that match a query, by address unless the query says otherwise. A long job: it yields where it may be
   * interrupted; beats that come in between change rows in place.
   */
  *list(query: AgentQuery, now: Instant): Generator<void, Agent[], void> {
    this.#advance(now);
    const candidates = query.ip !== undefined || query.asset !== undefined
      ? this.#indexed(query).sort((a, b) => a.rank - b.rank)
      : yield* this.#allInOrder();
    const found: Agent[] = [];
    for (const [i, agent] of candidates.entries()) {
      if (matches(agent, query)) found.push(agent);
      if (i % ROWS_PER_STEP === ROWS_PER_STEP - 1) yield;
    }
    return query.sort === undefined ? found : yield* sorted(found, query.sort);
  }

  /** Applies other limits from now on, as after a reload of the configuration. */
  reconfigure(options: FleetOptions): void {
    this.#options = options;
  }

  #add(beat: Beat, now: Instant): BeatOutcome {
    if (this.#byIp.size >= this.#options.max) {
      const { head: longestGone } = this.#offline;
      if (longestGone === undefined) return "full";
      this.#forget(longestGone);
      this.evicted++;
    }
    const agent = new Agent(beat.ip);
    agent.asset = beat.asset;
    agent.update(beat, now);
    this.#byIp.set(beat.ip, agent);
    this.#indexAsset(agent);
    this.#inOrder = undefined;
    this.#enter(agent, "online", now.wall);
    this.#transitions.push({ kind: "online", agent, first: true });
    return "new";
  }

  #advance(now: Instant): void {
    for (let agent = this.#online.head; agent !== undefined; agent = this.#online.head) {
      if (this.#dueMs(agent) > now.monotonic) break;
      this.#online.remove(agent);
      this.#enter(agent, "offline", now.wall - (now.monotonic - this.#dueMs(agent)));
      this.#transitions.push({ kind: "offline", agent, first: false });
    }
    for (let agent = this.#offline.head; agent !== undefined; agent = this.#offline.head) {
      if (this.#forgottenMs(agent) > now.monotonic) break;
      this.#forget(agent);
    }
  }

  #dueMs(agent: Agent): number {
    return agent.lastBeatMs + this.#options.timeoutMs;
  }

  #forgottenMs(agent: Agent): number {
    return this.#dueMs(agent) + this.#options.retentionMs;
  }

  #enter(agent: Agent, state: AgentState, sinceMs: number): void {
    agent.state = state;
    agent.sinceMs = sinceMs;
    (state === "online" ? this.#online : this.#offline).push(agent);
  }

  #forget(agent: Agent): void {
    this.#offline.remove(agent);
    this.#byIp.delete(agent.ip);
    this.#unindexAsset(agent);
    this.#inOrder = undefined;
    this.#transitions.push({ kind: "forgotten", agent, first: false });
  }

  #indexed({ ip, asset }: AgentQuery): Agent[] {
    if (ip !== undefined) {
      const agent = this.#byIp.get(ip);
      return agent === undefined ? [] : [agent];
    }
    const named = asset === undefined ? undefined : this.#byAsset.get(asset);
    if (named === undefined) return [];
    return named instanceof Set ? [...named] : [named];
  }

  #indexAsset(agent: Agent): void {
    if (agent.asset === "") return;
    const named = this.#byAsset.get(agent.asset);
    if (named === undefined) this.#byAsset.set(agent.asset, agent);
    else if (named instanceof Set) named.add(agent);
    else this.#byAsset.set(agent.asset, new Set([named, agent]));
  }

  #unindexAsset(agent: Agent): void {
    const named = this.#byAsset.get(agent.asset);
    if (named === agent) this.#byAsset.delete(agent.asset);
    else if (named instanceof Set) {
      named.delete(agent);
      if (named.size === 0) this.#byAsset.delete(agent.asset);
    }
  }

  *#allInOrder(): Generator<void, Agent[], void> {
    if (this.#inOrder !== undefined) return this.#inOrder;
    const ordered = addressOrder([...this.#byIp.values()]);
    yield;
    this.#inOrder = ordered;
    return ordered;
  }
}
