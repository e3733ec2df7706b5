import { Agent, type AgentState, type Instant } from "./agent.ts";
import { AppMaps } from "./app_maps.ts";
import type { Beat } from "./beat.ts";
import { BeatInterval } from "./beat_interval.ts";
import { Changes, type FleetChanges } from "./changes.ts";
import { agentEvent } from "./events.ts";
import type { FlapOptions } from "./flaps.ts";
import { compareIdentity } from "./identity.ts";
import { Liveness, type LivenessOptions, type LivenessStatus } from "./liveness.ts";
import { News } from "./news.ts";
import type { AgentQuery } from "./query.ts";
import { type ForgottenRow, isNewer, OwnBeats, type RemoteBeat } from "./sharing.ts";
import { Shared } from "./shared.ts";
import { type EndedSilence, type NewSilence, type Silence, Silences, type StoredSilence } from "./silences.ts";
import { type RestoredAgents, type StoredAgent, storedAgent } from "./stored.ts";
import { AgentTable } from "./table.ts";

/** The limits of a fleet. */
export interface FleetOptions extends LivenessOptions {
  /** How long an offline agent is kept before it is forgotten, ms. */
  readonly retentionMs: number;
  /** The most rows there may be. */
  readonly max: number;
  readonly flap: FlapOptions;
  /** How many characters the app maps of all agents may have together; no limit unless given. */
  readonly maxAppsLength?: number;
  /** What happens to a beat that claims another address than its TCP peer has. */
  readonly addressCheck: "off" | "warn" | "enforce";
}

/**
 * What a beat changed: a row was made (`new`), an offline agent came back (`returned`), the agent goes on (`beat`), there
 * was no room for a new row (`full`), or it claimed an address that is not its own (`foreign`, with `enforce` only).
 */
export type BeatOutcome = "new" | "returned" | "beat" | "full" | "foreign";

/** A beat, when and where it came. */
interface Coming {
  readonly beat: Beat;
  readonly at: Instant;
  /** Address of the TCP peer; undefined where it says nothing about the agent. */
  readonly peer: string | undefined;
  /** Whether it came to another instance. */
  readonly isRemote: boolean;
}

/** What is left of a former run. */
export interface FleetMemory {
  readonly agents: Pick<RestoredAgents, "agents" | "untold">;
  readonly silences: readonly StoredSilence[];
}

/**
 * The table of all agents and the one place where liveness is decided. It has no timers and no clock: every verb takes
 * the time, brings the states up to that time first, and so answers exactly, whoever asks and whenever.
 */
export class Fleet {
  #options: FleetOptions;
  readonly #table = new AgentTable();
  readonly #liveness: Liveness;
  readonly #changes = new Changes(() => this.#isCatchingUp || this.#liveness.isBehind);
  readonly #own = new OwnBeats();
  #isCatchingUp = false;
  readonly #news: News;
  /** The maintenance windows. */
  readonly silences: Silences;
  #now: Instant = { monotonic: 0, wall: 0 };
  readonly #interval = new BeatInterval();
  readonly #appMaps = new AppMaps();
  readonly #versions = new Shared((version) => version);
  #warmingUntilMs = -Infinity;
  /** Counters since the start. */
  readonly stats = { evicted: 0, foreign: 0, conflicts: 0 };

  /** @param random a number in [0, 1), for the order in which held agents go offline */
  constructor(options: FleetOptions, random?: () => number) {
    this.#options = options;
    this.#news = new News(options.flap, this.#changes);
    this.silences = new Silences(() => this.#table.all(), {
      unsilenced: (agent) => this.#news.unsilenced(agent, { now: this.#now, timeoutMs: this.#options.timeoutMs }),
      ended: (ended) => this.#changes.end(ended),
      changed: (silences) => this.#changes.replaceSilences(silences),
    });
    this.#liveness = new Liveness(options, {
      offline: (agent, atMs) => this.#wentOffline(agent, atMs),
      guardOn: (counts) => this.#news.guardOn(counts, this.#now),
      guardOff: (counts) => this.#news.guardOff(counts, this.#now),
    }, random);
  }

  /**
   * Takes in one beat.
   * @param peer address of the TCP peer; undefined where it says nothing about the agent, as behind a balancer
   */
  beat(beat: Beat, now: Instant, peer?: string): BeatOutcome {
    this.advance(now);
    const { addressCheck } = this.#options;
    const claims = addressCheck === "off" ? undefined : peer;
    if (claims !== undefined && claims !== beat.ip) {
      this.stats.foreign++;
      if (addressCheck === "enforce") return "foreign";
    }
    const known = this.#table.get(beat.ip);
    const coming = { beat, at: now, peer: claims, isRemote: false };
    return known === undefined ? this.#add(coming) : this.#renew(known, coming);
  }

  /**
   * Takes in a beat that came to another instance.
   * @param lastBeatMs when it came, by the monotonic clock, ms
   * @returns `old` where a newer one is known
   */
  remoteBeat(beat: RemoteBeat, lastBeatMs: number, now: Instant): BeatOutcome | "old" {
    this.advance(now);
    const peer = this.#options.addressCheck === "off" ? undefined : beat.peer === "" ? beat.ip : beat.peer;
    const known = this.#table.get(beat.ip);
    const at = { monotonic: Math.min(lastBeatMs, now.monotonic), wall: beat.stampMs };
    if (known === undefined) return this.#add({ beat, at, peer, isRemote: true });
    if (!isNewer(known, at)) return "old";
    this.#own.delete(known);
    at.monotonic = Math.max(at.monotonic, known.lastBeatMs);
    return this.#renew(known, { beat, at, peer, isRemote: true });
  }

  /** Agents whose newest beat came here since this was called the last time, or since the fleet first fell behind. */
  takeOwn(): Agent[] {
    return this.#own.take();
  }

  /** Gives back what could not be passed on. */
  giveBack(agents: readonly Agent[]): void {
    this.#own.giveBack(agents);
  }

  /** Whether there may be beats at other instances that are not known here, so that nobody is called offline. */
  get isBehind(): boolean {
    return this.#liveness.isBehind;
  }

  /** From now on there are other instances, with beats that are not known here. */
  fallBehind(): void {
    this.#own.gather();
    this.#liveness.fallBehind();
  }

  /**
   * All beats are known, those at other instances too.
   * @param endGrace whether others were there all the time, so that grace is not needed either
   */
  catchUp(now: Instant, { endGrace }: { endGrace: boolean }): void {
    this.#isCatchingUp = true;
    this.#liveness.catchUp(now, { endGrace });
    if (endGrace) this.#warmingUntilMs = Math.min(this.#warmingUntilMs, now.monotonic);
    this.advance(now);
    this.#isCatchingUp = false;
  }

  /** Whether a start or a stall was so short a time ago that nobody is called offline. */
  inGrace(now: Instant): boolean {
    return now.monotonic < this.#liveness.status.graceUntilMs;
  }

  /** Forgets rows that were forgotten by hand elsewhere, unless there was a beat since the one that was the last then. */
  forgetSeen(rows: readonly ForgottenRow[], now: Instant): void {
    this.advance(now);
    for (const { ip, stampMs } of rows) {
      const agent = this.#table.get(ip);
      if (agent !== undefined && Math.floor(agent.lastSeenMs) <= stampMs) this.#forget(agent, "hand");
    }
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
    const { agents, untold } = memory.agents;
    if (agents.length === 0) this.#warmingUntilMs = now.monotonic + this.#options.graceMs;
    const online: Agent[] = [];
    const offline: Agent[] = [];
    // In the order in which they lie in memory.
    for (const agent of agents) {
      this.#appMaps.add(agent);
      this.#table.add(agent);
      this.silences.apply(agent);
      (agent.state === "online" ? online : offline).push(agent);
    }
    for (const agent of untold.toSorted(byLastBeat)) this.#news.appeared(agent);
    for (const agent of online.sort(byLastBeat)) this.#liveness.restoreOnline(agent);
    for (const agent of offline.sort((a, b) => a.changedMs - b.changedMs)) this.#liveness.restoreOffline(agent);
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
    return Math.max(0, this.#options.max - this.#table.size) + this.#liveness.offline.size;
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
    for (const agent of this.#table.all()) this.#changes.touch(agent);
    this.#changes.replaceSilences(this.silences.list);
  }

  /** The mean time between two beats of an agent, ms, over the last hundreds of beats; undefined before the second. */
  get beatIntervalMs(): number | undefined {
    return this.#interval.meanMs;
  }

  /** The agent at a canonical address. */
  get(ip: string, now: Instant): Agent | undefined {
    this.advance(now);
    return this.#table.get(ip);
  }

  /** How many rows have the address or asset that a query names. */
  countNamed(query: AgentQuery): number {
    return this.#table.countNamed(query);
  }

  /** The agents that match a query which names an address or an asset: a few, found by index. Newest beat first. */
  find(query: AgentQuery, now: Instant): Agent[] {
    this.advance(now);
    return this.#table.find(query);
  }

  /**
   * All agents that match a query, by address unless the query says otherwise. A long job: it yields where it may be
   * interrupted; beats that come in between change rows in place.
   */
  *list(query: AgentQuery, now: Instant): Generator<void, Agent[], void> {
    this.advance(now);
    return yield* this.#table.list(query);
  }

  /** Forgets one agent by hand; a later beat makes it new. @returns whether there was one */
  forget(ip: string, now: Instant): boolean {
    this.advance(now);
    const agent = this.#table.get(ip);
    if (agent !== undefined) this.#forget(agent, "hand");
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
    this.#news.reconfigure(options.flap);
  }

  #add(coming: Coming): BeatOutcome {
    const { beat, at, peer } = coming;
    if (this.#table.size >= this.#options.max) {
      const { head: longestGone } = this.#liveness.offline;
      if (longestGone === undefined) return "full";
      this.#forget(longestGone, "evicted");
      this.stats.evicted++;
    }
    const agent = new Agent(beat.ip);
    agent.asset = beat.asset;
    compareIdentity(agent, { asset: beat.asset, peer }, { now: at, timeoutMs: this.#options.timeoutMs });
    agent.enter(at);
    this.#updated(agent, beat, at);
    this.#changes.touch(agent);
    this.#table.add(agent);
    this.silences.apply(agent);
    this.#line(agent, coming);
    this.#news.appeared(agent);
    return "new";
  }

  /** A beat of an agent that is known. */
  #renew(agent: Agent, coming: Coming): BeatOutcome {
    const { beat, at } = coming;
    this.#identify(agent, coming);
    const returned = agent.state === "offline";
    // Made before the row changes, because it tells how long the agent was away.
    const event = returned ? agentEvent("agentOnline", agent, { at: at.wall, now: at }) : undefined;
    // While it is behind, beats that came elsewhere are missing.
    if (agent.state === "online" && !this.isBehind) this.#interval.add(at.monotonic - agent.lastBeatMs);
    this.#updated(agent, beat, at);
    this.#line(agent, coming);
    if (event === undefined) return "beat";
    agent.enter(at);
    this.#changes.touch(agent);
    this.#news.transition(agent, event);
    return "returned";
  }

  /** Puts an agent where it belongs after its beat. */
  #line(agent: Agent, { isRemote }: Coming): void {
    if (isRemote) return this.#liveness.beatBefore(agent, this.#now);
    this.#liveness.beat(agent);
    this.#own.add(agent);
  }

  #identify(agent: Agent, { beat, at, peer }: Coming): void {
    const { conflict } = compareIdentity(agent, { asset: beat.asset, peer }, {
      now: at,
      timeoutMs: this.#options.timeoutMs,
    });
    if (conflict !== undefined) {
      this.stats.conflicts++;
      const assets = conflict === "asset" ? { assets: [agent.asset, beat.asset] } : {};
      this.#news.conflict(agent, { reason: conflict, ...assets }, at);
    }
    if (agent.asset !== beat.asset) {
      this.#table.rename(agent, beat.asset);
      this.#changes.touch(agent);
      this.silences.apply(agent);
    }
    if (agent.version !== beat.version && agent.version !== "") {
      this.#news.versionChanged(agent, { to: beat.version, now: at });
    }
  }

  #updated(agent: Agent, beat: Beat, now: Instant): void {
    agent.beatAt(now);
    if (beat.version === agent.version && beat.apps === agent.appsText) return this.#changes.see(agent);
    if (beat.version !== agent.version) agent.version = this.#versions.of(beat.version);
    if (beat.apps !== agent.appsText) this.#appMaps.install(agent, beat.apps, this.#options.maxAppsLength);
    this.#changes.touch(agent);
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
      this.#forget(agent, reason);
      count++;
    }
    return count;
  }

  #forget(agent: Agent, reason: string): void {
    this.#news.forgotten(agent, reason, this.#now);
    agent.queue?.remove(agent);
    this.#table.delete(agent);
    this.silences.drop(agent);
    this.#appMaps.drop(agent);
    this.#changes.forget(agent);
    this.#own.delete(agent);
  }
}

function byLastBeat(one: Agent, other: Agent): number {
  return one.lastBeatMs - other.lastBeatMs;
}
