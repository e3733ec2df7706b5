import { type Agent, AgentQueue, type Instant } from "./agent.ts";
import { Departures } from "./departures.ts";
import { Grace, type GraceOptions } from "./grace.ts";
import { Guard, type GuardEnd, type GuardOff, type GuardOptions, type SilentShare } from "./guard.ts";

/** How the state of agents is decided. */
export interface LivenessOptions extends GraceOptions, GuardOptions {}

/** Who is told what liveness decides. */
export interface LivenessListener {
  /** An agent went offline at that monotonic time, ms. */
  offline(agent: Agent, atMs: number): void;
  guardOn(counts: SilentShare): void;
  guardOff(counts: GuardOff): void;
}

/** What liveness is doing beside counting. */
export interface LivenessStatus {
  /** Monotonic time since when the guard holds, ms; undefined when it does not. */
  readonly guardSinceMs: number | undefined;
  /** Monotonic time until which grace lasts, ms; in the past when it is over. */
  readonly graceUntilMs: number;
  /** How many agents are silent without an explanation, for half the timeout or longer; silenced ones do not count. */
  readonly silent: number;
  /** Of how many agents, as the guard counts them: online or suspect, without silenced ones. */
  readonly agents: number;
  /** How many of these the guard holds. */
  readonly held: number;
  /** Monotonic time at which the guard ends at the latest, ms; undefined when it does not hold. */
  readonly guardEndsByMs: number | undefined;
}

/** How many agents leave their queue for being overdue at once: some 10 ms of work with all that follows. */
const PORTION = 2_000;
/** How long the next ones wait after that, so that beats and calls are served in between, ms. */
export const PORTION_MS = 5;

/** How often queues are sorted at most, ms: as late as agents may be called offline. */
const SORT_MS = 1_000;

/**
 * Decides who is online, suspect and offline. Beats come in the order of time, so each queue's head has been silent for
 * the longest time and every step costs the same in a fleet of any size.
 *
 *   beat -> fresh -> quiet (half the timeout) -> offline (the timeout)
 *                                             -> held (suspect), by grace or guard -> leaving (suspect) -> offline
 *                  quiet when the guard ends -> given up (online until it is due) -> leaving
 */
export class Liveness {
  #options: LivenessOptions;
  readonly #listener: LivenessListener;
  /** Online, silent for less than half the timeout. */
  readonly #fresh = new AgentQueue();
  /** Online, silent for half the timeout or longer. */
  readonly #quiet = new AgentQueue();
  /** Suspect: overdue, but not called offline while grace or the guard holds. */
  readonly #held = new AgentQueue();
  /** Online, silent for half the timeout or longer when the guard ended, and not heard of since. */
  readonly #givenUp = new AgentQueue();
  /** Suspect: no longer held, going offline a few a second. */
  readonly #leaving: Departures;
  /** Head: the agent that has been offline for the longest time. */
  readonly offline = new AgentQueue();
  readonly #grace = new Grace(() => this.#options);
  readonly #guard = new Guard(() => this.#options);
  /** Whether there are agents at a place in a queue that is not theirs. */
  #isUnsorted = false;
  #sortedMs = -Infinity;
  /** How many more overdue agents are decided on in this portion, and since when. */
  #portion = PORTION;
  #portionSinceMs = -Infinity;

  constructor(options: LivenessOptions, listener: LivenessListener, random: () => number = Math.random) {
    this.#options = options;
    this.#listener = listener;
    this.#leaving = new Departures(random);
  }

  get status(): LivenessStatus {
    const { isOn, sinceMs: guardSinceMs, endsByMs: guardEndsByMs } = this.#guard;
    const held = isOn ? audible(this.#held) : 0;
    return { guardSinceMs, graceUntilMs: this.#grace.untilMs, ...this.#silentShare, held, guardEndsByMs };
  }

  get counts(): { online: number; suspect: number; offline: number } {
    return {
      online: this.#fresh.size + this.#quiet.size + this.#givenUp.size,
      suspect: this.#held.size + this.#leaving.queue.size,
      offline: this.offline.size,
    };
  }

  /** How many agents are in a maintenance window. */
  get countSilenced(): number {
    const queues = [this.#fresh, this.#quiet, this.#held, this.#givenUp, this.#leaving.queue, this.offline];
    return queues.reduce((sum, queue) => sum + queue.silenced, 0);
  }

  /** Applies other limits from now on. */
  reconfigure(options: LivenessOptions): void {
    this.#options = options;
  }

  /** An agent has beaten just now, for the first time or again. */
  beat(agent: Agent): void {
    agent.queue?.remove(agent);
    agent.state = "online";
    this.#fresh.push(agent);
  }

  /** An agent has beaten at another instance some time ago, for the first time or again. */
  beatBefore(agent: Agent, now: Instant): void {
    agent.queue?.remove(agent);
    agent.state = "online";
    const isFresh = agent.lastBeatMs > now.monotonic - this.#options.timeoutMs / 2;
    if (!(isFresh ? this.#fresh : this.#quiet).insert(agent)) this.#isUnsorted = true;
  }

  /** Whether there may be beats that are not known here, so that nobody is called offline. */
  get isBehind(): boolean {
    return this.#grace.isBehind;
  }

  /** There may be beats at other instances that are not known here. */
  fallBehind(): void {
    this.#grace.fallBehind();
  }

  /** All beats are known. @param endGrace whether others were there all the time, so that grace is not needed either */
  catchUp(now: Instant, options: { endGrace: boolean }): void {
    this.#grace.catchUp(now, options);
    this.#sort(now);
  }

  /** Takes in an agent that was online when its row was stored; these come in the order of their last beats. */
  restoreOnline(agent: Agent): void {
    agent.state = "online";
    this.#fresh.push(agent);
  }

  /** Takes in an agent that was offline when its row was stored; these come in the order in which they went. */
  restoreOffline(agent: Agent): void {
    agent.state = "offline";
    this.offline.push(agent);
  }

  /** A run begins: nobody is called offline before this moment, nor within its grace. */
  start(now: Instant): void {
    this.#grace.start(now);
  }

  /** Ends the guard by hand. @returns whether it was on */
  releaseGuard(now: Instant): boolean {
    if (!this.#guard.isOn) return false;
    this.#endGuard("released", now);
    return true;
  }

  /** Whether there are overdue agents that are still to be decided on, {@link PORTION_MS} after those before. */
  get isBusy(): boolean {
    return this.#portion === 0;
  }

  /** Brings every state up to this moment; where very many agents are overdue at once, of the first ones. */
  advance(now: Instant): void {
    if (now.monotonic - this.#portionSinceMs >= PORTION_MS) {
      this.#portionSinceMs = now.monotonic;
      this.#portion = PORTION;
    }
    this.#grace.look(now);
    if (!this.#grace.isBehind && now.monotonic - this.#sortedMs >= SORT_MS) this.#sort(now);
    this.#age(now);
    this.#releaseSilenced(now);
    this.#checkGuard(now);
    this.#decideHeld(now);
    this.#decideOverdue(now);
    this.#decideGivenUp(now);
    this.#letLeave(now);
  }

  #sort(now: Instant): void {
    if (!this.#isUnsorted) return;
    this.#isUnsorted = false;
    this.#sortedMs = now.monotonic;
    this.#fresh.sort();
    this.#quiet.sort();
  }

  #age({ monotonic }: Instant): void {
    const half = monotonic - this.#options.timeoutMs / 2;
    for (let agent = this.#fresh.head; agent !== undefined && agent.lastBeatMs <= half; agent = this.#fresh.head) {
      this.#fresh.remove(agent);
      this.#quiet.push(agent);
    }
  }

  /** A guard does not hold on to agents that were silenced meanwhile. */
  #releaseSilenced(now: Instant): void {
    if (!this.#guard.isOn || this.#held.silenced === 0 || this.#grace.holds(now)) return;
    for (const agent of this.#held.toArray()) {
      if (!agent.silenced) continue;
      this.#held.remove(agent);
      this.#goOffline(agent, now.monotonic);
    }
  }

  /** Those that grace has held are due when it ends, unless a guard holds them on. */
  #decideHeld(now: Instant): void {
    if (this.#held.size === 0 || this.#grace.holds(now)) return;
    const guarded = audible(this.#held) > 0 && this.#guarded(now);
    if (guarded && this.#held.silenced === 0) return;
    for (let agent = this.#held.head, next; agent !== undefined && this.#portion > 0; agent = next) {
      next = agent.next;
      if (guarded && !agent.silenced) continue;
      this.#portion--;
      this.#held.remove(agent);
      this.#goOffline(agent, this.#grace.mercyUntilMs);
    }
  }

  #decideOverdue(now: Instant): void {
    const due = now.monotonic - this.#options.timeoutMs;
    for (let agent = this.#quiet.head; agent !== undefined && agent.lastBeatMs <= due; agent = this.#quiet.head) {
      if (this.#portion === 0) return;
      this.#portion--;
      const held = this.#grace.holds(now) || (!agent.silenced && this.#guarded(now));
      this.#quiet.remove(agent);
      if (held) this.#hold(agent);
      else this.#goOffline(agent, Math.max(agent.lastBeatMs + this.#options.timeoutMs, this.#grace.mercyUntilMs));
    }
  }

  /** Those that were silent already when a guard ended leave as slowly as those that it held. */
  #decideGivenUp({ monotonic }: Instant): void {
    const due = monotonic - this.#options.timeoutMs;
    for (let agent = this.#givenUp.head; agent !== undefined && agent.lastBeatMs <= due; agent = this.#givenUp.head) {
      this.#givenUp.remove(agent);
      agent.state = "suspect";
      this.#leaving.queue.push(agent);
    }
  }

  #letLeave(now: Instant): void {
    if (this.#grace.holds(now)) return;
    for (let agent = this.#leaving.next(now); agent !== undefined; agent = this.#leaving.next(now)) {
      this.#goOffline(agent, now.monotonic);
    }
  }

  #hold(agent: Agent): void {
    agent.state = "suspect";
    this.#held.push(agent);
  }

  #goOffline(agent: Agent, atMs: number): void {
    agent.state = "offline";
    this.offline.push(agent);
    this.#listener.offline(agent, atMs);
  }

  /** Agents whose silence is not explained yet, so without those that an ended guard has given up. */
  get #silentShare(): SilentShare {
    const silent = audible(this.#quiet) + audible(this.#held);
    return { silent, agents: silent + audible(this.#fresh) };
  }

  /** Whether the guard holds; it begins here when an agent comes due while too many are silent. */
  #guarded(now: Instant): boolean {
    if (this.#guard.isOn) return true;
    const share = this.#silentShare;
    if (!this.#guard.begin(share, now)) return false;
    this.#listener.guardOn(share);
    return true;
  }

  #checkGuard(now: Instant): void {
    if (!this.#guard.isOn) return;
    const reason = this.#guard.ending(this.#silentShare, now);
    if (reason !== undefined) this.#endGuard(reason, now);
  }

  #endGuard(reason: GuardEnd, now: Instant): void {
    const heldMs = this.#guard.end(now);
    const { agents } = this.#silentShare;
    const { online, suspect } = this.counts;
    const held = this.#held.toArray().filter((agent) => !agent.silenced);
    for (const agent of held) this.#held.remove(agent);
    this.#leaving.start(held, { now, fleetSize: online + suspect });
    for (const agent of this.#quiet.toArray()) {
      if (agent.silenced) continue;
      this.#quiet.remove(agent);
      this.#givenUp.push(agent);
    }
    this.#listener.guardOff({ reason, held: held.length, agents, heldMs });
  }
}

/** How many agents of a queue are in no maintenance window. */
function audible(queue: AgentQueue): number {
  return queue.size - queue.silenced;
}
