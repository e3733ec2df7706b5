import type { AgentState, Instant } from "../../src/fleet/agent.ts";
import type { Beat } from "../../src/fleet/beat.ts";
import type { EventKind } from "../../src/fleet/events.ts";
import type { BeatOutcome, FleetOptions } from "../../src/fleet/fleet.ts";
import type { GuardEnd } from "../../src/fleet/guard.ts";

/** DESIGN.md section 3: a loop that is late by over 2 s; the loop comes every 500 ms. */
const STALL_MS = 2_500;
const CLOCK_STEP_MS = 2_000;

/** What the model expects to be told; `detail` is the part of the details that is decided, not just described. */
export interface ExpectedEvent {
  readonly kind: EventKind;
  readonly ip: string;
  readonly at: number;
  readonly detail: string;
}

/** An agent as the model sees it. Nothing is kept in an order: whoever needs one sorts by the numbers. */
class ModelAgent {
  asset = "";
  version = "";
  state: AgentState = "online";
  /** Monotonic and wall-clock time of the last beat, and the how-manieth beat of the fleet it was. */
  beatAt = 0;
  seen = 0;
  beatNumber = 0;
  /** Since when it has been online or offline, on both clocks. */
  since = 0;
  changed = 0;
  /** The how-manieth transition of the fleet its last one was. */
  changeNumber = 0;
  /** It was silent when a guard ended, and has not beaten since. */
  givenUp = false;
  /** Monotonic times of its transitions since it was stable for a window. */
  transitions: number[] = [];
  flapping = false;
  /** What others were told last, also of its version; the version is that of this moment. */
  told: "online" | "offline" | "nothing" = "nothing";
  toldVersion = "";
  versionAt = 0;
  /** A conflict that was not told because of a silence. */
  untold: { at: number; reason: string } | undefined;
  /** Whether it was in a silence when that was looked at last. */
  silenced = false;
  /** Assets and peers in the order in which they came, without immediate repetitions. */
  assets: string[] = [];
  peers: string[] = [];
  conflictAt = -Infinity;

  constructor(readonly ip: string) {}
}

/** A maintenance window; `matches` is its own, so that nothing of the fleet's matching is used. */
export interface ModelSilence {
  readonly id: string;
  readonly untilMs: number;
  readonly matches: (ip: string, asset: string) => boolean;
}

/**
 * The liveness rules of DESIGN.md section 3 without any cleverness: one list, looked through from end to end for every
 * question. It assumes that agents that leave after a guard do so in the order of their last beats (a random number
 * close to 1 keeps the fleet from shuffling).
 */
export class LivenessModel {
  readonly agents: ModelAgent[] = [];
  silences: ModelSilence[] = [];
  guardSince: number | undefined;
  graceUntil = -Infinity;
  #graceSince = -Infinity;
  /** Addresses that go offline a few a second, in this order. */
  #leaving: string[] = [];
  #leave = { from: 0, perSecond: 0, gone: [] as number[] };
  #last: Instant | undefined;
  #now: Instant = { monotonic: 0, wall: 0 };
  #numbers = 0;
  #events: ExpectedEvent[] = [];

  constructor(readonly options: FleetOptions) {}

  takeEvents(): ExpectedEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  get(ip: string): ModelAgent | undefined {
    return this.agents.find((agent) => agent.ip === ip);
  }

  counts(): Record<AgentState, number> {
    const count = (state: AgentState) => this.agents.filter((agent) => agent.state === state).length;
    return { online: count("online"), suspect: count("suspect"), offline: count("offline") };
  }

  beat(beat: Beat, now: Instant, peer?: string): BeatOutcome {
    this.advance(now);
    const { addressCheck, max } = this.options;
    if (addressCheck === "enforce" && peer !== undefined && peer !== beat.ip) return "foreign";
    const known = this.get(beat.ip);
    if (known === undefined && this.agents.length >= max) {
      const [longestGone] = this.#offline();
      if (longestGone === undefined) return "full";
      this.#forget(longestGone, "evicted");
    }
    const agent = known ?? new ModelAgent(beat.ip);
    if (known === undefined) this.#named(agent, beat.asset);
    this.#identify(agent, beat, addressCheck === "off" ? undefined : peer);
    const outcome = known === undefined ? "new" : known.state === "offline" ? "returned" : "beat";
    const away = now.monotonic - agent.beatAt;
    this.#heard(agent, beat);
    if (outcome === "new") {
      this.agents.push(agent);
      this.#enter(agent, "online", now.monotonic);
      agent.toldVersion = agent.version;
      if (!agent.silenced) this.#tellNews(agent);
    } else if (outcome === "returned") this.#transition(agent, "online", { at: now.monotonic, away });
    return outcome;
  }

  advance(now: Instant): void {
    this.#noticeStall(now);
    this.#now = now;
    if (this.guardSince !== undefined && !this.inGrace) this.#releaseSilenced();
    this.#checkGuard();
    this.#decideOverdue();
    this.#letLeave();
    this.silences = this.silences.filter(({ untilMs }) => untilMs > now.wall);
    this.#lookAtSilences();
    this.#settle();
    for (const agent of this.#offline()) {
      if (now.monotonic - agent.changed >= this.options.retentionMs) this.#forget(agent, "retention");
    }
  }

  /** The process ends and comes back at this moment; only what is stored of the rows is left. */
  restart(now: Instant): void {
    this.#now = now;
    this.#last = undefined;
    this.guardSince = undefined;
    this.#leaving = [];
    this.#graceSince = now.monotonic;
    this.graceUntil = now.monotonic + this.options.graceMs;
    for (const agent of this.agents) {
      if (agent.state === "suspect") agent.state = "online";
      agent.state = agent.told === "offline" ? "offline" : "online";
      agent.version = agent.toldVersion;
      agent.beatAt = now.monotonic - Math.max(0, now.wall - agent.seen);
      agent.changed = now.monotonic - Math.max(0, now.wall - agent.since);
      Object.assign(agent, { givenUp: false, transitions: [], flapping: false });
      Object.assign(agent, { assets: [agent.asset], peers: [], conflictAt: -Infinity, untold: undefined });
    }
    this.silences = this.silences.filter(({ untilMs }) => untilMs > now.wall);
    for (const agent of this.agents) {
      agent.silenced = this.#isSilenced(agent);
      if (agent.told === "nothing" && !agent.silenced) this.#tellNews(agent);
    }
    this.agents.sort((a, b) => a.beatAt - b.beatAt);
    for (const agent of this.agents) agent.beatNumber = ++this.#numbers;
    for (const agent of [...this.agents].sort((a, b) => a.changed - b.changed)) agent.changeNumber = ++this.#numbers;
  }

  forget(ip: string, now: Instant): boolean {
    this.advance(now);
    const agent = this.get(ip);
    if (agent !== undefined) this.#forget(agent, "hand");
    return agent !== undefined;
  }

  prune(offlineForMs: number, now: Instant): number {
    this.advance(now);
    const old = this.#offline().filter((agent) => now.monotonic - agent.changed >= offlineForMs);
    for (const agent of old) this.#forget(agent, "hand");
    return old.length;
  }

  releaseGuard(now: Instant): boolean {
    this.advance(now);
    const on = this.guardSince !== undefined;
    if (on) this.#endGuard("released");
    return on;
  }

  addSilence(silence: ModelSilence): void {
    this.silences.push(silence);
    this.#lookAtSilences();
  }

  removeSilence(id: string, now: Instant): void {
    this.advance(now);
    this.silences = this.silences.filter((silence) => silence.id !== id);
    this.#lookAtSilences();
  }

  #isSilenced({ ip, asset }: ModelAgent): boolean {
    return this.silences.some(({ matches }) => matches(ip, asset));
  }

  #lookAtSilences(): void {
    for (const agent of this.agents) this.#named(agent, agent.asset);
  }

  /** An agent has this name; it may take it out of a silence, or into one. */
  #named(agent: ModelAgent, asset: string): void {
    const before = agent.silenced;
    agent.asset = asset;
    agent.silenced = this.#isSilenced(agent);
    if (!before || agent.silenced) return;
    if (!agent.flapping) this.#tellNews(agent);
    if (agent.toldVersion !== agent.version) {
      this.#tell("versionChanged", agent.ip, agent.versionAt, `${agent.toldVersion} to ${agent.version}`);
      agent.toldVersion = agent.version;
    }
    if (agent.untold !== undefined && this.#now.monotonic - agent.conflictAt <= this.options.timeoutMs) {
      this.#tell("duplicateIdentity", agent.ip, agent.untold.at, agent.untold.reason);
    }
    agent.untold = undefined;
  }

  /** Tells the state if that was not told. */
  #tellNews(agent: ModelAgent): void {
    const is = agent.state === "offline" ? "offline" : "online";
    if (agent.told === is) return;
    const away = is === "offline" ? Math.floor((agent.changed - agent.beatAt) / 1000) : undefined;
    this.#tellState(agent, agent.told === "nothing" ? "first" : `away ${away}`);
    agent.told = is;
  }

  #releaseSilenced(): void {
    const held = this.agents.filter(({ state, givenUp, silenced }) => state === "suspect" && !givenUp && silenced);
    for (const agent of this.#byBeat(held)) this.#goOffline(agent, this.#now.monotonic);
  }

  get inGrace(): boolean {
    return this.#now.monotonic < this.graceUntil;
  }

  #silence(agent: ModelAgent): number {
    return this.#now.monotonic - agent.beatAt;
  }

  /** Those that the guard looks at: not offline, not given up by an earlier guard, and not silenced. */
  #present(): ModelAgent[] {
    return this.agents.filter((agent) => agent.state !== "offline" && !agent.givenUp && !agent.silenced);
  }

  #silent(): ModelAgent[] {
    return this.#present().filter((agent) => this.#silence(agent) >= this.options.timeoutMs / 2);
  }

  /** Offline agents, the longest gone first. */
  #offline(): ModelAgent[] {
    return this.agents.filter((agent) => agent.state === "offline").sort((a, b) => a.changeNumber - b.changeNumber);
  }

  #noticeStall(now: Instant): void {
    if (this.#last !== undefined) {
      const passed = now.monotonic - this.#last.monotonic;
      const wallPassed = now.wall - this.#last.wall;
      if (passed > STALL_MS || Math.abs(wallPassed - passed) > CLOCK_STEP_MS) this.#grantGrace(now);
    }
    this.#last = now;
  }

  #grantGrace({ monotonic }: Instant): void {
    const { graceMs, timeoutMs } = this.options;
    if (graceMs === 0 || monotonic - this.#graceSince < timeoutMs) return;
    this.#graceSince = monotonic;
    this.graceUntil = monotonic + graceMs;
  }

  #checkGuard(): void {
    if (this.guardSince === undefined) return;
    const silent = this.#silent().length;
    if (silent === 0 || silent < this.options.guardShare / 2 * this.#present().length) this.#endGuard("recovered");
    else if (this.#now.monotonic - this.guardSince >= this.options.guardMaxHoldMs) this.#endGuard("maxHold");
  }

  #endGuard(reason: GuardEnd): void {
    const agents = this.agents.filter((agent) => agent.state !== "offline").length;
    this.guardSince = undefined;
    this.#leave = {
      from: this.#now.monotonic,
      perSecond: Math.max(20, Math.floor(0.02 * agents)),
      gone: [],
    };
    const held = this.#byBeat(this.#silent().filter((agent) => agent.state === "suspect"));
    this.#leaving.push(...held.map((agent) => agent.ip));
    for (const agent of this.#silent()) agent.givenUp = true;
    this.#tell("guardOff", "", this.#now.wall, reason);
  }

  #byBeat(agents: ModelAgent[]): ModelAgent[] {
    return agents.sort((a, b) => a.beatNumber - b.beatNumber);
  }

  #decideOverdue(): void {
    const { timeoutMs } = this.options;
    const alive = this.agents.filter((agent) => agent.state !== "offline");
    const overdue = this.#byBeat(alive.filter((agent) => this.#silence(agent) >= timeoutMs));
    for (const agent of overdue.filter(({ givenUp, state }) => givenUp && state === "online")) {
      agent.state = "suspect";
      this.#leaving.push(agent.ip);
    }
    const due = overdue.filter((agent) => !agent.givenUp);
    this.#decideGuard(due.filter(({ silenced }) => !silenced).length);
    for (const agent of due) {
      const guarded = this.guardSince !== undefined && !agent.silenced;
      if (this.inGrace || guarded) agent.state = "suspect";
      else this.#goOffline(agent, Math.max(agent.beatAt + timeoutMs, this.graceUntil));
    }
  }

  #decideGuard(due: number): void {
    if (due === 0 || this.inGrace || this.guardSince !== undefined) return;
    const { guardShare, guardMinAgents } = this.options;
    const present = this.#present().length;
    const silent = this.#silent().length;
    if (present < guardMinAgents || silent <= guardShare * present) return;
    this.guardSince = this.#now.monotonic;
    this.#tell("guardOn", "", this.#now.wall, `${silent} of ${present}`);
  }

  #letLeave(): void {
    if (this.inGrace) return;
    const second = Math.floor((this.#now.monotonic - this.#leave.from) / 1000);
    for (const ip of [...this.#leaving]) {
      if (this.#leave.gone.filter((each) => each === second).length >= this.#leave.perSecond) return;
      const agent = this.get(ip);
      if (agent === undefined) continue;
      this.#leave.gone.push(second);
      this.#goOffline(agent, this.#now.monotonic);
    }
  }

  #goOffline(agent: ModelAgent, at: number): void {
    this.#gone(agent);
    this.#transition(agent, "offline", { at, away: at - agent.beatAt });
  }

  #gone(agent: ModelAgent): void {
    agent.givenUp = false;
    this.#leaving = this.#leaving.filter((ip) => ip !== agent.ip);
  }

  #heard(agent: ModelAgent, beat: Beat): void {
    this.#gone(agent);
    agent.beatAt = this.#now.monotonic;
    agent.seen = this.#now.wall;
    agent.beatNumber = ++this.#numbers;
    agent.version = beat.version;
    if (agent.state === "suspect") agent.state = "online";
  }

  #enter(agent: ModelAgent, state: "online" | "offline", at: number): void {
    agent.state = state;
    agent.changed = at;
    agent.since = this.#now.wall - (this.#now.monotonic - at);
    agent.changeNumber = ++this.#numbers;
  }

  #transition(agent: ModelAgent, to: "online" | "offline", { at, away }: { at: number; away: number }): void {
    this.#enter(agent, to, at);
    if (agent.silenced && !agent.flapping) return;
    agent.transitions.push(at);
    if (agent.flapping) return;
    agent.told = to;
    this.#tellState(agent, `away ${Math.floor(away / 1000)}`);
    const recent = agent.transitions.filter((each) => at - each <= this.options.flap.windowMs);
    if (recent.length < this.options.flap.count) return;
    agent.flapping = true;
    this.#tell("agentFlapping", agent.ip, agent.since, `away ${Math.floor(away / 1000)}`);
  }

  /** An agent that made no transition for a window is stable; what was not told of it is told now. */
  #settle(): void {
    for (const agent of this.agents) {
      const last = agent.transitions.at(-1);
      if (last === undefined || this.#now.monotonic - last < this.options.flap.windowMs) continue;
      if (agent.flapping && !agent.silenced) this.#tellNews(agent);
      Object.assign(agent, { transitions: [], flapping: false });
    }
  }

  /** Two in turn: the one that comes now is the one before the last. */
  #identify(agent: ModelAgent, { asset, version }: Beat, peer: string | undefined): void {
    const inTurn = (list: string[], each: string) => list.at(-1) !== each && list.at(-2) === each;
    const foreign = peer !== undefined && peer !== agent.ip;
    // An agent's own address as the peer says nothing until another one was seen.
    const peerCounts = peer !== undefined && (foreign || agent.peers.length > 0);
    const byAddress = peerCounts && inTurn(agent.peers, peer);
    const byAsset = inTurn(agent.assets, asset);
    if (agent.assets.at(-1) !== asset) agent.assets.push(asset);
    if (peerCounts && agent.peers.at(-1) !== peer) agent.peers.push(peer);
    if (byAddress || byAsset) {
      const known = this.#now.monotonic - agent.conflictAt <= this.options.timeoutMs;
      agent.conflictAt = this.#now.monotonic;
      const reason = byAddress ? "address" : "asset";
      if (!known && agent.silenced) agent.untold = { at: this.#now.wall, reason };
      else if (!known) this.#tell("duplicateIdentity", agent.ip, this.#now.wall, reason);
    }
    if (agent.asset !== asset) this.#named(agent, asset);
    if (agent.version === "" || agent.version === version) return;
    agent.versionAt = this.#now.wall;
    if (agent.told !== "nothing" && agent.silenced) return;
    if (!agent.silenced) this.#tell("versionChanged", agent.ip, this.#now.wall, `${agent.version} to ${version}`);
    agent.toldVersion = version;
  }

  #forget(agent: ModelAgent, reason: string): void {
    this.#gone(agent);
    this.agents.splice(this.agents.indexOf(agent), 1);
    this.#tell("agentForgotten", agent.ip, this.#now.wall, reason);
  }

  #tellState(agent: ModelAgent, detail: string): void {
    this.#tell(agent.state === "offline" ? "agentOffline" : "agentOnline", agent.ip, agent.since, detail);
  }

  #tell(kind: EventKind, ip: string, at: number, detail: string): void {
    this.#events.push({ kind, ip, at, detail });
  }
}
