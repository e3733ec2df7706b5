import { type AddressKey, keyAddress } from "./address.ts";
import { AgentNumbers } from "./agent_numbers.ts";
import type { InstalledApps } from "./beat.ts";
import type { Oddities } from "./identity.ts";
import type { Silence } from "./silences.ts";

/**
 * `online`: it beats. `suspect`: overdue, but not called offline yet, because the silence may be ours (grace, guard);
 * answered like online. `offline`: its timeout has passed; the row is kept with the time of its last beat.
 */
export type AgentState = "online" | "suspect" | "offline";

/** A moment on both clocks. */
export interface Instant {
  /** Monotonic milliseconds: what is decided by. */
  readonly monotonic: number;
  /** Milliseconds since the Unix epoch: what is shown. */
  readonly wall: number;
}

/**
 * One row of the fleet. The fields are plain and few because there may be a million of these; only the fleet writes
 * them.
 */
export class Agent extends AgentNumbers {
  /** The row's key. */
  readonly key: AddressKey;
  asset = "";
  /** Version of the agent itself. */
  version = "";
  /** The app map as it came. */
  appsText = "";
  /** The app map as it is shown: the text of a JSON object. */
  appsJson = "{}";
  /** What was wrong with the app map as it came, or undefined. */
  appsFault: string | undefined = undefined;
  state: AgentState = "online";
  /** What is odd about its identity; undefined as long as nothing was. */
  oddities: Oddities | undefined = undefined;
  /** Whether it comes and goes so often that it is not told about. */
  flapping = false;
  /** The maintenance window in which it is not told about; of several the one that ends last. */
  silence: Silence | undefined = undefined;
  /** What of it is other than when the changes were taken the last time: the whole row, or only its last beat. */
  change: "none" | "seen" | "row" = "none";
  /** The queue it stands in, and its neighbours there; see AgentQueue. */
  queue: AgentQueue | undefined = undefined;
  previous: Agent | undefined = undefined;
  next: Agent | undefined = undefined;

  constructor(key: AddressKey) {
    super();
    this.key = key;
  }

  /** Canonical address. */
  get ip(): string {
    return keyAddress(this.key);
  }

  /** Whether it is in a maintenance window. */
  get silenced(): boolean {
    return this.silence !== undefined;
  }

  /** Puts it under a silence, or out of it. */
  setSilence(silence: Silence | undefined): void {
    if (this.queue !== undefined) this.queue.silenced += Number(silence !== undefined) - Number(this.silenced);
    this.silence = silence;
  }

  /** How many characters its app map takes. */
  get appsLength(): number {
    return this.appsText.length + (this.appsText === this.appsJson ? 0 : this.appsJson.length);
  }

  /** It has beaten at this moment. */
  beatAt(now: Instant): void {
    this.lastBeatMs = now.monotonic;
    this.lastSeenMs = now.wall;
  }

  /** It has come online, or gone offline, at this moment. */
  enter(at: Instant): void {
    this.changedMs = at.monotonic;
    this.sinceMs = at.wall;
  }

  /** Takes over an app map as it came, and what was read in it. */
  install(apps: string, { json, fault }: InstalledApps): void {
    // One string serves for both where the agent already writes what we would.
    this.appsText = apps === json ? json : apps;
    this.appsJson = json;
    this.appsFault = fault;
  }
}

/**
 * How many agents are passed over to find the place of one: as many as beat within the time that beats from other
 * instances are under way, at 10,000 beats a second.
 */
const MAX_STEPS = 2_048;

/** Agents in the order in which they came; taking one out or moving it to the end costs the same at any length. */
export class AgentQueue {
  /** The one that came first. */
  head: Agent | undefined = undefined;
  #tail: Agent | undefined = undefined;
  /** The one that was inserted last. */
  #inserted: Agent | undefined = undefined;
  /** How many there are. */
  size = 0;
  /** How many of them are silenced; kept by them. */
  silenced = 0;

  /** Adds an agent that is in no queue, at the end. */
  push(agent: Agent): void {
    this.#place(agent, this.#tail);
  }

  /**
   * Adds an agent that is in no queue, by the time of its last beat.
   * @returns false when its place is so far from the last one's, or from the end, that it was not looked for: it is at the
   * end then
   */
  insert(agent: Agent): boolean {
    // The beats of one record come in order, so the place is beside that of the one before.
    let before = this.#inserted?.queue === this ? this.#inserted : this.#tail;
    let steps = 0;
    while (before !== undefined && before.lastBeatMs > agent.lastBeatMs && steps++ < MAX_STEPS) {
      before = before.previous;
    }
    let after = before === undefined ? this.head : before.next;
    while (after !== undefined && after.lastBeatMs <= agent.lastBeatMs && steps++ < MAX_STEPS) {
      before = after;
      after = after.next;
    }
    const isFound = steps <= MAX_STEPS;
    this.#place(agent, isFound ? before : this.#tail);
    this.#inserted = isFound ? agent : undefined;
    return isFound;
  }

  /** Puts the agents in the order of their last beats. */
  sort(): void {
    const agents = this.toArray().sort((a, b) => a.lastBeatMs - b.lastBeatMs);
    for (const agent of agents) {
      this.remove(agent);
      this.push(agent);
    }
  }

  #place(agent: Agent, before: Agent | undefined): void {
    const after = before === undefined ? this.head : before.next;
    agent.queue = this;
    agent.previous = before;
    agent.next = after;
    if (before === undefined) this.head = agent;
    else before.next = agent;
    if (after === undefined) this.#tail = agent;
    else after.previous = agent;
    this.size++;
    if (agent.silence !== undefined) this.silenced++;
  }

  /** All of them, the one that came first at first. */
  toArray(): Agent[] {
    const agents: Agent[] = [];
    for (let agent = this.head; agent !== undefined; agent = agent.next) agents.push(agent);
    return agents;
  }

  /** Takes out an agent that is in this queue. */
  remove(agent: Agent): void {
    if (agent.previous === undefined) this.head = agent.next;
    else agent.previous.next = agent.next;
    if (agent.next === undefined) this.#tail = agent.previous;
    else agent.next.previous = agent.previous;
    agent.queue = undefined;
    agent.previous = undefined;
    agent.next = undefined;
    this.size--;
    if (agent.silence !== undefined) this.silenced--;
  }
}
