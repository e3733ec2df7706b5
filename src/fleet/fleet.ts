import type { Agent, AgentState, Instant } from "./agent.ts";
import type { Beat } from "./beat.ts";
import { Changes, type FleetChanges } from "./changes.ts";
import { agentEvent } from "./events.ts";
import type { FlapOptions } from "./flaps.ts";
import { Liveness, type LivenessOptions, type LivenessStatus } from "./liveness.ts";
import { News } from "./news.ts";
import type { AgentQuery } from "./query.ts";
import { Roster, type RosterOptions } from "./roster.ts";
import { OwnBeats, Sharing } from "./sharing.ts";
import { type EndedSilence, type NewSilence, type Silence, Silences, type StoredSilence } from "./silences.ts";
import { type RestoredAgents, type StoredAgent, storedAgent } from "./stored.ts";

/** The limits of a fleet. */
export interface FleetOptions extends LivenessOptions, RosterOptions {
  /** How long an offline agent is kept before it is forgotten, ms. */
  readonly retentionMs: number;
  readonly flap: FlapOptions;
}

/**
 * What a beat changed: a row was made (`new`), an offline agent came back (`returned`), the agent goes on (`beat`), there
 * was no room for a new row (`full`), or it claimed an address that is not its own (`foreign`, with `enforce` only).
 */
export type BeatOutcome = "new" | "returned" | "beat" | "full" | "foreign";

/** What is left of a former run. */
export interface FleetMemory {
  /** The fleet takes them over as they are. */
  readonly agents: RestoredAgents;
  readonly silences: readonly StoredSilence[];
}

/**
 * The table of all agents and the one place where liveness is decided. It has no timers and no clock: every verb takes
 * the time, brings the states up to that time first, and so answers exactly, whoever asks and whenever.
 */
export class Fleet {
  #options: FleetOptions;
  readonly #liveness: Liveness;
  readonly #changes = new Changes(() => this.sharing.learns);
  readonly #news: News;
  readonly #roster: Roster;
  /** What other instances of a cluster have to do with it. */
  readonly sharing: Sharing;
  /** The maintenance windows. */
  readonly silences: Silences;
  #now: Instant = { monotonic: 0, wall: 0 };
  #warmingUntilMs = -Infinity;

  /** @param random a number in [0, 1), for the order in which held agents go offline */
  constructor(options: FleetOptions, random?: () => number) {
    this.#options = options;
    this.#news = new News(options.flap, this.#changes);
    this.silences = new Silences(() => this.#roster.table.all(), {
      unsilenced: (agent) => this.#news.unsilenced(agent, { now: this.#now, timeoutMs: this.#options.timeoutMs }),
      ended: (ended) => this.#changes.end(ended),
      changed: (silences) => this.#changes.replaceSilences(silences),
    });
    this.#liveness = new Liveness(options, {
      offline: (agent, atMs) => this.#wentOffline(agent, atMs),
      guardOn: (counts) => this.#news.guardOn(counts, this.#now),
      guardOff: (counts) => this.#news.guardOff(counts, this.#now),
    }, random);
    const own = new OwnBeats();
    const parts = { liveness: this.#liveness, own };
    const { silences } = this;
    this.#roster = new Roster(options, { ...parts, silences, changes: this.#changes, news: this.#news });
    this.sharing = new Sharing({
      ...{ ...parts, roster: this.#roster },
      advance: (now) => this.advance(now),
      endWarming: ({ monotonic }) => this.#warmingUntilMs = Math.min(this.#warmingUntilMs, monotonic),
    });
  }

  /** Counters since the start. */
  get stats(): Readonly<Roster["stats"]> {
    return this.#roster.stats;
  }

  /**
   * Takes in one beat.
   * @param peer address of the TCP peer; undefined where it says nothing about the agent, as behind a balancer
   */
  beat(beat: Beat, now: Instant, peer?: string): BeatOutcome {
    this.advance(now);
    return this.#roster.take({ beat, at: now, peer, heardAt: undefined });
  }

  /** Takes in maintenance windows that began elsewhere. */
  adoptSilences(silences: readonly StoredSilence[], now: Instant): void {
    this.advance(now);
    this.silences.adopt(silences, now);
  }

  /**
   * Takes in the rows of a former run, and the silences that are not over; for an empty fleet only. Grace begins, so that
   * agents can show themselves.
   */
  restore(memory: FleetMemory, now: Instant): void {
    this.#now = now;
    this.silences.restore(memory.silences, now);
    this.#liveness.start(now);
    const { table, appMaps, online, offline, untold } = memory.agents;
    this.#roster.restore({ table, appMaps });
    if (table.size === 0) this.#warmingUntilMs = now.monotonic + this.#options.graceMs;
    for (const agent of untold.toSorted(byLastBeat)) this.#news.appeared(agent);
    for (const agent of online.sort(byLastBeat)) this.#liveness.restoreOnline(agent);
    for (const agent of offline.sort(byChange)) this.#liveness.restoreOffline(agent);
  }

  /** Brings every state up to this moment; to be called twice a second at least. */
  advance(now: Instant): void {
    this.#now = now;
    this.#liveness.advance(now);
    this.silences.advance(now);
    this.#news.settle(now.monotonic);
    this.#forgetOlder(this.#options.retentionMs, "retention");
  }

  /** Whether so many agents are overdue at once that not all are decided on yet; `advance` goes on after PORTION_MS. */
  get isBusy(): boolean {
    return this.#liveness.isBusy;
  }

  /** What has changed since this was called the last time: what is to be stored and told. */
  takeChanges(): FleetChanges {
    return this.#changes.take();
  }

  /** A row as it is to be stored. */
  stored(agent: Agent): StoredAgent {
    return storedAgent(agent, this.#news.told(agent));
  }

  /** How many agents there are in each state. */
  counts(now: Instant): Record<AgentState, number> {
    this.advance(now);
    return this.#liveness.counts;
  }

  /** What liveness is doing: guard and grace. */
  status(now: Instant): LivenessStatus {
    this.advance(now);
    return this.#liveness.status;
  }

  /** How many new rows there is room for: by the limit, and in the place of offline ones. */
  get room(): number {
    return Math.max(0, this.#options.max - this.#roster.table.size) + this.#liveness.offline.size;
  }

  /** Whether a beat that claims another address than its TCP peer has is refused. */
  get refusesForeign(): boolean {
    return this.#options.addressCheck === "enforce";
  }

  /** How many agents are in a maintenance window. */
  get countSilenced(): number {
    return this.#liveness.countSilenced;
  }

  /** How many agents come and go so often that they are not told about. */
  get countFlapping(): number {
    return this.#news.countFlapping;
  }

  /** Whether this fleet began empty so short a time ago that agents may not have had the chance to beat. */
  isWarming({ monotonic }: Pick<Instant, "monotonic">): boolean {
    return monotonic < this.#warmingUntilMs;
  }

  /** Has every row and the silences taken as changed, for a store that lost them. */
  touchAll(): void {
    for (const agent of this.#roster.table.all()) this.#changes.touch(agent);
    this.#changes.replaceSilences(this.silences.list);
  }

  /** The mean time between two beats of an agent, ms, over the last hundreds of beats; undefined before the second. */
  get beatIntervalMs(): number | undefined {
    return this.#roster.beatIntervalMs;
  }

  /** The agent at a canonical address. */
  get(ip: string, now: Instant): Agent | undefined {
    this.advance(now);
    return this.#roster.table.get(ip);
  }

  /** How many rows have the address or asset that a query names. */
  countNamed(query: AgentQuery): number {
    return this.#roster.table.countNamed(query);
  }

  /** The agents that match a query which names an address or an asset: a few, found by index. Newest beat first. */
  find(query: AgentQuery, now: Instant): Agent[] {
    this.advance(now);
    return this.#roster.table.find(query);
  }

  /**
   * All agents that match a query, by address unless the query says otherwise. A long job: it yields where it may be
   * interrupted; beats that come in between change rows in place.
   */
  *list(query: AgentQuery, now: Instant): Generator<void, readonly Agent[], void> {
    this.advance(now);
    return yield* this.#roster.table.list(query);
  }

  /** Forgets one agent by hand; a later beat makes it new. @returns whether there was one */
  forget(ip: string, now: Instant): boolean {
    this.advance(now);
    const agent = this.#roster.table.get(ip);
    if (agent !== undefined) this.#roster.forget(agent, { reason: "hand", now });
    return agent !== undefined;
  }

  /** Forgets every agent that has been offline for at least this long. @returns how many */
  prune(offlineForMs: number, now: Instant): number {
    this.advance(now);
    return this.#forgetOlder(offlineForMs, "hand");
  }

  /** Those that have been offline for at least this long. */
  offlineFor(offlineForMs: number, now: Instant): Agent[] {
    this.advance(now);
    return this.#liveness.offline.toArray().filter(({ changedMs }) => changedMs <= now.monotonic - offlineForMs);
  }

  /** Ends the guard by hand; what is silent goes offline a few a second. @returns whether it was on */
  releaseGuard(now: Instant): boolean {
    this.advance(now);
    return this.#liveness.releaseGuard(now);
  }

  /**
   * Begins a maintenance window.
   * @throws {SilenceError} when it cannot be
   */
  addSilence(wish: NewSilence, { by, now }: { by: string; now: Instant }): Silence {
    this.advance(now);
    return this.silences.add(wish, { by, now });
  }

  /** Ends a maintenance window by hand. @returns undefined when there is none with this id */
  removeSilence(id: string, now: Instant): EndedSilence | undefined {
    this.advance(now);
    return this.silences.remove(id);
  }

  /** Applies other limits from now on, as after a reload of the configuration. */
  reconfigure(options: FleetOptions): void {
    this.#options = options;
    this.#liveness.reconfigure(options);
    this.#roster.reconfigure(options);
    this.#news.reconfigure(options.flap);
  }

  #wentOffline(agent: Agent, atMs: number): void {
    const wall = this.#now.wall - (this.#now.monotonic - atMs);
    const event = agentEvent("agentOffline", agent, { at: wall, now: { monotonic: atMs, wall } });
    agent.enter({ monotonic: atMs, wall });
    this.#changes.touch(agent);
    this.#news.transition(agent, event);
  }

  #forgetOlder(offlineForMs: number, reason: string): number {
    const before = this.#now.monotonic - offlineForMs;
    let count = 0;
    for (let agent = this.#liveness.offline.head; agent !== undefined; agent = this.#liveness.offline.head) {
      if (agent.changedMs > before) break;
      this.#roster.forget(agent, { reason, now: this.#now });
      count++;
    }
    return count;
  }
}

function byLastBeat(one: Agent, other: Agent): number {
  return one.lastBeatMs - other.lastBeatMs;
}

/** Of those that went at one moment, the one that was silent for longer comes first. */
function byChange(one: Agent, other: Agent): number {
  return one.changedMs === other.changedMs ? byLastBeat(one, other) : one.changedMs - other.changedMs;
}
