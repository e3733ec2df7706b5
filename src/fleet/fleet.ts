import { Agent, type AgentState, type Instant } from "./agent.ts";
import { type Beat, parseInstalledApps } from "./beat.ts";
import { Changes, type FleetChanges } from "./changes.ts";
import { agentEvent, type EventKind, type FleetEvent, serviceEvent } from "./events.ts";
import type { FlapOptions } from "./flaps.ts";
import { compareIdentity } from "./identity.ts";
import { type GuardEnd, Liveness, type LivenessOptions, type LivenessStatus } from "./liveness.ts";
import { News } from "./news.ts";
import { compareAddresses, sorted } from "./order.ts";
import { type AgentQuery, matches } from "./query.ts";
import { type EndedSilence, type NewSilence, type Silence, Silences, type StoredSilence } from "./silences.ts";
import { restoredAgents, type StoredAgent, storedAgent } from "./stored.ts";
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

/** A beat that came to another instance. */
export interface RemoteBeat extends Beat {
  /** When it came by that instance's wall clock, ms since the epoch: its name on all instances. */
  readonly stampMs: number;
  /** Address of the TCP peer; empty where it is the agent's own; undefined where nothing is known of it. */
  readonly peer: string | undefined;
}

/** A beat, when it came, and where from. */
interface Coming {
  readonly beat: Beat;
  readonly at: Instant;
  readonly peer: string | undefined;
  readonly isRemote?: boolean;
}

/** How far apart the times of one moment may be when they come by way of two instances, ms. */
const SAME_MOMENT_MS = 1_000;
/** How many rows are looked at between two places where a long job may be interrupted. */
const ROWS_PER_STEP = 512;
/** What is shown of an app map that is left out. */
const NO_ROOM = { json: "{}", fault: "the app maps of all agents together are too large, this one is left out" };
/** The weight of one more beat in the measured beat interval. */
const INTERVAL_WEIGHT = 1 / 256;

/**
 * The table of all agents and the one place where liveness is decided. It has no timers and no clock: every verb takes
 * the time, brings the states up to that time first, and so answers exactly, whoever asks and whenever.
 */
export class Fleet {
  #options: FleetOptions;
  readonly #table = new AgentTable();
  readonly #liveness: Liveness;
  readonly #changes = new Changes(() => this.#isCatchingUp || this.#liveness.isBehind);
  /** Agents whose newest beat came here and is to be passed on to other instances; undefined where there are none. */
  #own: Set<Agent> | undefined;
  #isCatchingUp = false;
  readonly #news: News;
  /** The maintenance windows. */
  readonly silences: Silences;
  #now: Instant = { monotonic: 0, wall: 0 };
  #intervalMs: number | undefined;
  /** Characters of the app maps of all agents. */
  #appsLength = 0;
  #warmingUntilMs = -Infinity;
  /** Counters since the start. */
  readonly stats = { evicted: 0, foreign: 0, conflicts: 0 };

  /** @param random a number in [0, 1), for the order in which held agents go offline */
  constructor(options: FleetOptions, random?: () => number) {
    this.#options = options;
    this.#news = new News(options.flap, this.#changes);
    this.silences = new Silences(() => this.#table.all(), {
      unsilenced: (agent) => this.#news.unsilenced(agent, { now: this.#now, timeoutMs: this.#options.timeoutMs }),
      ended: (ended) => this.#silenceEnded(ended),
    });
    this.#liveness = new Liveness(options, {
      offline: (agent, atMs) => this.#wentOffline(agent, atMs),
      guardOn: (counts) => this.#changes.emit(serviceEvent("guardOn", this.#now, counts)),
      guardOff: (counts) => this.#guardEnded(counts),
    }, random);
  }

  /**
   * Takes in one beat.
   * @param peer address of the TCP peer; undefined where it says nothing about the agent, as behind a balancer
   */
  beat(beat: Beat, now: Instant, peer?: string): BeatOutcome {
    this.#advance(now);
    const { addressCheck } = this.#options;
    const claims = addressCheck === "off" ? undefined : peer;
    if (claims !== undefined && claims !== beat.ip) {
      this.stats.foreign++;
      if (addressCheck === "enforce") return "foreign";
    }
    const known = this.#table.get(beat.ip);
    const coming = { beat, at: now, peer: claims };
    const outcome = known === undefined ? this.#add(coming) : this.#renew(known, coming);
    if (this.#own !== undefined && outcome !== "full") this.#pass(known ?? this.#table.get(beat.ip));
    return outcome;
  }

  /**
   * Takes in a beat that came to another instance.
   * @param lastBeatMs when it came, by the monotonic clock, ms
   */
  remoteBeat(beat: RemoteBeat, lastBeatMs: number, now: Instant): BeatOutcome | "old" {
    this.#advance(now);
    const peer = this.#options.addressCheck === "off" ? undefined : beat.peer === "" ? beat.ip : beat.peer;
    const known = this.#table.get(beat.ip);
    const at = { monotonic: Math.min(lastBeatMs, now.monotonic), wall: beat.stampMs };
    if (known === undefined) return this.#add({ beat, at, peer, isRemote: true });
    if (!isNewer(known, at)) return "old";
    this.#own?.delete(known);
    at.monotonic = Math.max(at.monotonic, known.lastBeatMs);
    return this.#renew(known, { beat, at, peer, isRemote: true });
  }

  /** Agents whose newest beat came here since this was called the last time; from the first call on they are gathered. */
  takeOwn(): Agent[] {
    const own = [...this.#own ?? []];
    this.#own = new Set();
    return own;
  }

  /** Gives back what could not be passed on; what has a newer beat meanwhile, or is no more, is left. */
  giveBack(agents: readonly Agent[]): void {
    for (const agent of agents) if (agent.queue !== undefined) this.#own?.add(agent);
  }

  /** Whether there may be beats at other instances that are not known here, so that nobody is called offline. */
  get isBehind(): boolean {
    return this.#liveness.isBehind;
  }

  /** From now on there may be beats at other instances that are not known here. */
  fallBehind(): void {
    this.#own ??= new Set();
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
    this.#advance(now);
    this.#isCatchingUp = false;
  }

  /** Whether a start or a stall was so short a time ago that nobody is called offline. */
  inGrace(now: Instant): boolean {
    return now.monotonic < this.#liveness.status.graceUntilMs;
  }

  /** Forgets rows that were forgotten by hand elsewhere, unless there was a beat since the one that was the last then. */
  forgetSeen(rows: readonly { readonly ip: string; readonly stampMs: number }[], now: Instant): void {
    this.#advance(now);
    for (const { ip, stampMs } of rows) {
      const agent = this.#table.get(ip);
      if (agent !== undefined && Math.floor(agent.lastSeenMs) <= stampMs) this.#forget(agent, "hand");
    }
  }

  /**
   * Takes in the rows of a former run, and the silences that are not over; for an empty fleet only. Grace begins, so that
   * agents can show themselves.
   */
  restore(rows: readonly StoredAgent[], now: Instant, silences: readonly StoredSilence[] = []): void {
    this.#now = now;
    this.silences.restore(silences, now);
    this.#liveness.start(now);
    if (rows.length === 0) this.#warmingUntilMs = now.monotonic + this.#options.graceMs;
    const agents = restoredAgents(rows, now).sort((a, b) => a.lastBeatMs - b.lastBeatMs);
    const untold = new Set(rows.filter((row) => row.untold).map(({ ip }) => ip));
    for (const agent of agents) {
      this.#appsLength += agent.appsLength;
      this.#table.add(agent);
      this.silences.apply(agent);
      if (untold.has(agent.ip)) this.#news.appeared(agent);
      if (agent.state === "online") this.#liveness.restoreOnline(agent);
    }
    const offline = agents.filter((agent) => agent.state === "offline").sort((a, b) => a.changedMs - b.changedMs);
    for (const agent of offline) this.#liveness.restoreOffline(agent);
  }

  /** Brings every state up to this moment; to be called twice a second at least. */
  advance(now: Instant): void {
    this.#advance(now);
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
    this.#advance(now);
    return this.#liveness.counts;
  }

  /** What liveness is doing: guard and grace. */
  status(now: Instant): LivenessStatus {
    this.#advance(now);
    return this.#liveness.status;
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
  isWarming(now: Instant): boolean {
    return now.monotonic < this.#warmingUntilMs;
  }

  /** Has every row and the silences taken as changed, for a store that lost them. */
  touchAll(): void {
    for (const agent of this.#table.all()) this.#changes.touch(agent);
    this.#changes.replaceSilences(this.silences.list);
  }

  /** The mean time between two beats of an agent, ms, over the last hundreds of beats; undefined before the second. */
  get beatIntervalMs(): number | undefined {
    return this.#intervalMs;
  }

  /** The agent at a canonical address. */
  get(ip: string, now: Instant): Agent | undefined {
    this.#advance(now);
    return this.#table.get(ip);
  }

  /** How many rows have the address or asset that a query names. */
  countNamed(query: AgentQuery): number {
    return this.#table.countNamed(query);
  }

  /** The agents that match a query which names an address or an asset: a few, found by index. Newest beat first. */
  find(query: AgentQuery, now: Instant): Agent[] {
    this.#advance(now);
    return this.#table.named(query)
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
      ? this.#table.named(query).sort(compareAddresses)
      : this.#table.inOrder();
    yield;
    const found: Agent[] = [];
    for (const [i, agent] of candidates.entries()) {
      if (matches(agent, query)) found.push(agent);
      if (i % ROWS_PER_STEP === ROWS_PER_STEP - 1) yield;
    }
    return query.sort === undefined ? found : yield* sorted(found, query.sort);
  }

  /** Forgets one agent by hand; a later beat makes it new. @returns whether there was one */
  forget(ip: string, now: Instant): boolean {
    this.#advance(now);
    const agent = this.#table.get(ip);
    if (agent !== undefined) this.#forget(agent, "hand");
    return agent !== undefined;
  }

  /** Forgets every agent that has been offline for at least this long. @returns how many */
  prune(offlineForMs: number, now: Instant): number {
    this.#advance(now);
    return this.#forgetOlder(offlineForMs, "hand");
  }

  /** Those that have been offline for at least this long. */
  offlineFor(offlineForMs: number, now: Instant): Agent[] {
    this.#advance(now);
    const agents: Agent[] = [];
    for (let agent = this.#liveness.offline.head; agent !== undefined; agent = agent.next) {
      if (agent.changedMs > now.monotonic - offlineForMs) break;
      agents.push(agent);
    }
    return agents;
  }

  /** Takes in maintenance windows that began elsewhere; those that are known, over or cannot be read are left out. */
  adoptSilences(silences: readonly StoredSilence[], now: Instant): void {
    this.#advance(now);
    if (this.silences.adopt(silences, now)) this.#changes.replaceSilences(this.silences.list);
  }

  /** Ends the guard by hand; what is silent goes offline a few a second. @returns whether it was on */
  releaseGuard(now: Instant): boolean {
    this.#advance(now);
    return this.#liveness.releaseGuard(now);
  }

  /**
   * Begins a maintenance window.
   * @throws {SilenceError} when it cannot be
   */
  addSilence(wish: NewSilence, { by, now }: { by: string; now: Instant }): Silence {
    this.#advance(now);
    const silence = this.silences.add(wish, { by, now });
    this.#changes.replaceSilences(this.silences.list);
    return silence;
  }

  /** Ends a maintenance window by hand. @returns undefined when there is none with this id */
  removeSilence(id: string, now: Instant): EndedSilence | undefined {
    this.#advance(now);
    const ended = this.silences.remove(id);
    if (ended !== undefined) this.#changes.replaceSilences(this.silences.list);
    return ended;
  }

  /** Applies other limits from now on, as after a reload of the configuration. */
  reconfigure(options: FleetOptions): void {
    this.#options = options;
    this.#liveness.reconfigure(options);
    this.#news.reconfigure(options.flap);
  }

  #pass(agent: Agent | undefined): void {
    if (agent !== undefined) this.#own?.add(agent);
  }

  /** A beat of an agent that is known. */
  #renew(known: Agent, coming: Coming): BeatOutcome {
    const { beat, at, isRemote } = coming;
    this.#identify(known, coming);
    const returned = known.state === "offline";
    // Made before the row changes, because it tells how long the agent was away.
    const event = returned ? this.#event("agentOnline", known, at) : undefined;
    this.#measure(known, at);
    this.#updated(known, beat, at);
    if (isRemote) this.#liveness.beatBefore(known, this.#now);
    else this.#liveness.beat(known);
    if (event === undefined) return "beat";
    this.#entered(known, at.monotonic, at.wall);
    this.#news.transition(known, event);
    return "returned";
  }

  #add({ beat, at, peer, isRemote }: Coming): BeatOutcome {
    if (this.#table.size >= this.#options.max) {
      const { head: longestGone } = this.#liveness.offline;
      if (longestGone === undefined) return "full";
      this.#forget(longestGone, "evicted");
      this.stats.evicted++;
    }
    const agent = new Agent(beat.ip);
    agent.asset = beat.asset;
    compareIdentity(agent, { asset: beat.asset, peer }, { now: at, timeoutMs: this.#options.timeoutMs });
    this.#entered(agent, at.monotonic, at.wall);
    this.#updated(agent, beat, at);
    this.#table.add(agent);
    this.silences.apply(agent);
    if (isRemote) this.#liveness.beatBefore(agent, this.#now);
    else this.#liveness.beat(agent);
    this.#news.appeared(agent);
    return "new";
  }

  #identify(agent: Agent, { beat, at, peer }: Coming): void {
    const { conflict } = compareIdentity(agent, { asset: beat.asset, peer }, {
      now: at,
      timeoutMs: this.#options.timeoutMs,
    });
    if (conflict !== undefined) {
      this.stats.conflicts++;
      const details = conflict === "asset"
        ? { reason: conflict, assets: [agent.asset, beat.asset] }
        : { reason: conflict };
      this.#news.conflict(agent, this.#event("duplicateIdentity", agent, at, details));
    }
    if (agent.asset !== beat.asset) {
      this.#table.rename(agent, beat.asset);
      this.silences.apply(agent);
    }
    if (agent.version !== beat.version && agent.version !== "") {
      this.#news.versionChanged(agent, { to: beat.version, now: at });
    }
  }

  #measure(agent: Agent, now: Instant): void {
    if (agent.state !== "online") return;
    const passed = now.monotonic - agent.lastBeatMs;
    this.#intervalMs = this.#intervalMs === undefined
      ? passed
      : this.#intervalMs + (passed - this.#intervalMs) * INTERVAL_WEIGHT;
  }

  #updated(agent: Agent, beat: Beat, now: Instant): void {
    agent.update(beat, now);
    if (beat.apps !== agent.appsText) this.#install(agent, beat.apps);
    this.#changes.touch(agent);
  }

  /** An app map for which there is no room is left out: with 32 KiB each, forged agents would take all memory. */
  #install(agent: Agent, apps: string): void {
    const { maxAppsLength = Infinity } = this.#options;
    this.#appsLength -= agent.appsLength;
    const isRoom = this.#appsLength + 2 * apps.length <= maxAppsLength;
    agent.install(isRoom ? apps : "", isRoom ? parseInstalledApps(apps) : NO_ROOM);
    this.#appsLength += agent.appsLength;
  }

  #wentOffline(agent: Agent, atMs: number): void {
    const wall = this.#now.wall - (this.#now.monotonic - atMs);
    const event = agentEvent("agentOffline", agent, { at: wall, now: { monotonic: atMs, wall } });
    this.#entered(agent, atMs, wall);
    this.#changes.touch(agent);
    this.#news.transition(agent, event);
  }

  #entered(agent: Agent, atMs: number, wall: number): void {
    agent.changedMs = atMs;
    agent.sinceMs = wall;
  }

  #advance(now: Instant): void {
    this.#now = now;
    this.#liveness.advance(now);
    this.silences.advance(now);
    this.#news.settle(now.monotonic);
    this.#forgetOlder(this.#options.retentionMs, "retention");
  }

  #guardEnded(counts: { reason: GuardEnd; held: number; agents: number; heldMs: number }): void {
    const { heldMs, ...details } = counts;
    this.#changes.emit(serviceEvent("guardOff", this.#now, { ...details, held_seconds: Math.round(heldMs / 1000) }));
  }

  #silenceEnded(ended: EndedSilence): void {
    this.#changes.end(ended);
    this.#changes.replaceSilences(this.silences.list);
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
    this.#news.forgotten(agent, this.#event("agentForgotten", agent, this.#now, { reason }));
    agent.queue?.remove(agent);
    this.#table.delete(agent);
    this.silences.drop(agent);
    this.#appsLength -= agent.appsLength;
    this.#changes.forget(agent);
    this.#own?.delete(agent);
  }

  #event(kind: EventKind, agent: Agent, now: Instant, details?: Record<string, unknown>): FleetEvent {
    return agentEvent(kind, agent, { at: now.wall, now, ...(details === undefined ? {} : { details }) });
  }
}

/** Whether a beat from elsewhere is newer than an agent's last; what came at about the same time is ordered by stamp. */
function isNewer(agent: Agent, { monotonic, wall: stampMs }: Instant): boolean {
  const lastStampMs = Math.floor(agent.lastSeenMs);
  if (stampMs === lastStampMs || monotonic < agent.lastBeatMs - SAME_MOMENT_MS) return false;
  return monotonic > agent.lastBeatMs + SAME_MOMENT_MS || stampMs > lastStampMs;
}
