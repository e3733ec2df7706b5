import { addressKey } from "./address.ts";
import { Agent, type Instant } from "./agent.ts";
import { AppMaps } from "./app_maps.ts";
import type { Beat } from "./beat.ts";
import { BeatInterval } from "./beat_interval.ts";
import type { Changes } from "./changes.ts";
import { agentEvent } from "./events.ts";
import type { BeatOutcome } from "./fleet.ts";
import { compareIdentity, type Conflict } from "./identity.ts";
import type { Liveness } from "./liveness.ts";
import type { News } from "./news.ts";
import { Shared } from "./shared.ts";
import type { OwnBeats } from "./sharing.ts";
import type { Silences } from "./silences.ts";
import type { RestoredAgents } from "./stored.ts";
import { AgentTable } from "./table.ts";

/** The limits of rows. */
export interface RosterOptions {
  /** How long after its last beat an agent is offline, and a conflict of identities over, ms. */
  readonly timeoutMs: number;
  /** The most rows there may be. */
  readonly max: number;
  /** How many characters the app maps of all agents may have together; no limit unless given. */
  readonly maxAppsLength?: number;
  /** What happens to a beat that claims another address than its TCP peer has. */
  readonly addressCheck: "off" | "warn" | "enforce";
}

/** Where rows stand in line, what is over them, and who is told of them. */
export interface RosterParts {
  readonly liveness: Liveness;
  readonly silences: Silences;
  readonly own: OwnBeats;
  readonly changes: Changes;
  readonly news: News;
}

/** A beat, when and where it came. */
export interface Coming {
  readonly beat: Beat;
  readonly at: Instant;
  /** Address of the TCP peer; undefined where it says nothing about the agent. */
  readonly peer: string | undefined;
  /** When it was heard of, where it came to another instance; undefined where it came here. */
  readonly heardAt: Instant | undefined;
}

/**
 * Who is in the fleet: makes a row with an agent's first beat, brings it up to date with each that follows, and gives it
 * up with all that hangs on it. When these are to be done is decided by others.
 */
export class Roster {
  #options: RosterOptions;
  #table = new AgentTable();
  readonly #liveness: Liveness;
  readonly #silences: Silences;
  readonly #own: OwnBeats;
  readonly #changes: Changes;
  readonly #news: News;
  readonly #interval = new BeatInterval();
  #appMaps = new AppMaps();
  readonly #versions = new Shared((version) => version);
  /** Counters since the start. */
  readonly stats = { evicted: 0, foreign: 0, conflicts: 0 };

  constructor(options: RosterOptions, { liveness, silences, own, changes, news }: RosterParts) {
    this.#options = options;
    this.#liveness = liveness;
    this.#silences = silences;
    this.#own = own;
    this.#changes = changes;
    this.#news = news;
  }

  /** The rows. */
  get table(): AgentTable {
    return this.#table;
  }

  /** The mean time between two beats of an agent, ms, over the last hundreds of beats; undefined before the second. */
  get beatIntervalMs(): number | undefined {
    return this.#interval.meanMs;
  }

  /** Applies other limits from now on. */
  reconfigure(options: RosterOptions): void {
    this.#options = options;
  }

  /** Takes in a beat that came here. */
  take(coming: Coming): BeatOutcome {
    const { beat, peer } = coming;
    const { addressCheck } = this.#options;
    if (addressCheck !== "off" && peer !== undefined && peer !== beat.ip) {
      this.stats.foreign++;
      if (addressCheck === "enforce") return "foreign";
    }
    const known = this.#table.get(beat.ip);
    return known === undefined ? this.add(coming) : this.renew(known, coming);
  }

  /** Takes in the first beat of an agent; a new row takes the place of the one that has been offline for longest. */
  add(coming: Coming): BeatOutcome {
    const { beat, at, heardAt } = coming;
    if (this.#table.size >= this.#options.max) {
      const { head: longestGone } = this.#liveness.offline;
      if (longestGone === undefined) return "full";
      this.forget(longestGone, { reason: "evicted", now: heardAt ?? at });
      this.stats.evicted++;
    }
    const agent = new Agent(addressKey(beat.ip));
    agent.asset = beat.asset;
    this.#compare(agent, coming);
    agent.enter(at);
    this.#updated(agent, beat, at);
    this.#changes.touch(agent);
    this.#table.add(agent);
    this.#silences.apply(agent);
    this.#line(agent, heardAt);
    this.#news.appeared(agent);
    return "new";
  }

  /** Takes in a beat of an agent that is known. */
  renew(agent: Agent, coming: Coming): BeatOutcome {
    const { beat, at, heardAt } = coming;
    this.#identify(agent, coming);
    const returned = agent.state === "offline";
    // Made before the row changes, because it tells how long the agent was away.
    const event = returned ? agentEvent("agentOnline", agent, { at: at.wall, now: at }) : undefined;
    // While it is behind, beats that came elsewhere are missing.
    if (agent.state === "online" && !this.#liveness.isBehind) this.#interval.add(at.monotonic - agent.lastBeatMs);
    this.#updated(agent, beat, at);
    this.#line(agent, heardAt);
    if (event === undefined) return "beat";
    agent.enter(at);
    this.#changes.touch(agent);
    this.#news.transition(agent, event);
    return "returned";
  }

  /** Takes over the rows of a former run; where they stand in line is decided by who gives them. */
  restore({ table, appMaps }: Pick<RestoredAgents, "table" | "appMaps">): void {
    this.#table = table;
    this.#appMaps = appMaps;
    if (this.#silences.size > 0) { for (const agent of table.all()) this.#silences.apply(agent); }
  }

  /** Gives up a row; a later beat makes the agent new. */
  forget(agent: Agent, { reason, now }: { readonly reason: string; readonly now: Instant }): void {
    this.#news.forgotten(agent, reason, now);
    agent.queue?.remove(agent);
    this.#table.delete(agent);
    this.#silences.drop(agent);
    this.#appMaps.drop(agent);
    this.#changes.forget(agent);
    this.#own.delete(agent);
  }

  /** Puts an agent where it belongs after its beat. */
  #line(agent: Agent, heardAt: Instant | undefined): void {
    if (heardAt !== undefined) return this.#liveness.beatBefore(agent, heardAt);
    this.#liveness.beat(agent);
    this.#own.add(agent);
  }

  #identify(agent: Agent, coming: Coming): void {
    const { beat, at } = coming;
    const conflict = this.#compare(agent, coming);
    if (conflict !== undefined) {
      this.stats.conflicts++;
      const assets = conflict === "asset" ? { assets: [agent.asset, beat.asset] } : {};
      this.#news.conflict(agent, { reason: conflict, ...assets }, at);
    }
    if (agent.asset !== beat.asset) {
      this.#table.rename(agent, beat.asset);
      this.#changes.touch(agent);
      this.#silences.apply(agent);
    }
    if (agent.version !== beat.version && agent.version !== "") {
      this.#news.versionChanged(agent, { to: beat.version, now: at });
    }
  }

  #compare(agent: Agent, { beat, at, peer }: Coming): Conflict | undefined {
    const { addressCheck, timeoutMs } = this.#options;
    return compareIdentity(agent, beat, { peer: addressCheck === "off" ? undefined : peer, now: at, timeoutMs });
  }

  #updated(agent: Agent, beat: Beat, now: Instant): void {
    agent.beatAt(now);
    if (beat.version === agent.version && beat.apps === agent.appsText) return this.#changes.see(agent);
    if (beat.version !== agent.version) agent.version = this.#versions.of(beat.version);
    if (beat.apps !== agent.appsText) this.#appMaps.install(agent, beat.apps, this.#options.maxAppsLength);
    this.#changes.touch(agent);
  }
}
