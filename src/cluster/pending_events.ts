import type { FleetEvent } from "../fleet/events.ts";
import type { ToldEvent } from "./records.ts";

/** How long a new leader waits for what the former one told last, ms. */
const TAKE_OVER_MS = 2_000;
/** How long an event waits for a leader that does not know of it before it is told by who does, ms. */
const UNCLAIMED_MS = 10_000;
/** How long what was told is remembered, for those who decide the same a little later, ms. */
const MEMORY_MS = 60_000;
/** Two instances that see the same at about the same time may stamp it differently, ms. */
const SAME_MOMENT_MS = 1_000;
/** How many events may wait; beyond it the oldest are dropped. */
const MAX_PENDING = 100_000;
/** Kinds of which the time of the state before says whether two events are about the same change. */
const TRANSITIONS: ReadonlySet<string> = new Set(["agentOnline", "agentOffline", "agentFlapping"]);

/** What pending events need. */
export interface PendingEventsOptions {
  /** Tells events, in order. */
  readonly tell: (events: readonly FleetEvent[]) => void;
  /** These need not be told, nor kept for it. */
  readonly drop: (ids: string[]) => void;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  /** Whether a run of another instance is there. */
  readonly isPresent: (run: string) => boolean;
}

interface Pending {
  readonly event: FleetEvent;
  readonly sinceMs: number;
  /** The run that is about to tell it. */
  claimedBy: string | undefined;
}

interface Told {
  readonly atMs: number;
  readonly seenMs: number;
}

/**
 * What this instance knows to have happened and is not told yet. All instances decide alike; one of them, the leader,
 * says in the stream what it is about to tell, tells it, and says so, and then the others drop theirs. What a leader did
 * not get to tell before it died, the next one tells; what the leader does not know of, who knows of it.
 */
export class PendingEvents {
  readonly #options: PendingEventsOptions;
  /** By id, the oldest first. */
  readonly #pending = new Map<string, Pending>();
  /** The same, by kind and address: 100,000 wait when a whole fleet comes, and are told a few hundred at a time. */
  readonly #bySubject = new Map<string, Set<Pending>>();
  /** What was told lately, by kind and address; the oldest first. */
  readonly #told = new Map<string, Told>();
  #leadsSinceMs: number | undefined;
  /** Whether others, who have been there all the time, tell what is learnt here by reading the stream. */
  #othersTell = false;

  constructor(options: PendingEventsOptions) {
    this.#options = options;
  }

  /** How many events wait here, to be told by this instance or dropped. */
  get size(): number {
    return this.#pending.size;
  }

  /** Takes what happened, in order: tells it when this instance leads, else keeps it. */
  take(events: readonly FleetEvent[]): void {
    const sinceMs = this.#options.now();
    const dropped: string[] = [];
    for (const event of events) {
      const told = this.#told.get(subjectOf(event.id));
      const isOthers = event.learnt === true && this.#othersTell;
      if (isOthers || (told !== undefined && covers({ id: "", atMs: told.atMs }, event))) dropped.push(event.id);
      else this.#add({ event, sinceMs, claimedBy: undefined });
    }
    for (const id of this.#pending.keys()) {
      if (this.#pending.size <= MAX_PENDING) break;
      this.#delete(id);
      dropped.push(id);
    }
    if (dropped.length > 0) this.#options.drop(dropped);
    this.#tellAll();
  }

  /** Takes note of what another run is about to tell. */
  claimed(events: readonly ToldEvent[], run: string): void {
    for (const pending of this.#covered(events)) pending.claimedBy = run;
  }

  /** Takes note of what was told, by whomever. */
  told(events: readonly ToldEvent[]): void {
    const seenMs = this.#options.now();
    for (const { id, atMs } of events) {
      const subject = subjectOf(id);
      const known = this.#told.get(subject);
      this.#told.delete(subject);
      this.#told.set(subject, { atMs: Math.max(atMs, known?.atMs ?? atMs), seenMs });
    }
    const dropped = this.#covered(events).map(({ event }) => event.id);
    for (const id of dropped) this.#delete(id);
    if (dropped.length > 0) this.#options.drop(dropped);
  }

  /**
   * Goes on where only time had to pass; to be called a few times a second.
   * @param leads whether this instance tells events
   * @param isSettled whether it has heard everybody out, without which it tells nothing
   */
  advance({ leads, isSettled }: { leads: boolean; isSettled: boolean }): void {
    const nowMs = this.#options.now();
    for (const [subject, { seenMs }] of this.#told) {
      if (nowMs - seenMs < MEMORY_MS) break;
      this.#told.delete(subject);
    }
    if (!leads || !isSettled) this.#leadsSinceMs = undefined;
    else this.#leadsSinceMs ??= nowMs;
    this.#tellAll();
    if (isSettled && !leads) this.#tell(({ sinceMs }) => nowMs - sinceMs >= UNCLAIMED_MS);
  }

  /**
   * This instance has heard everybody out for the first time.
   * @param othersTell whether there are others who had, all the time, and so have told what this one has just learnt
   */
  settled(othersTell: boolean): void {
    this.#othersTell = othersTell;
    if (!othersTell) return;
    const dropped = [...this.#pending.values()].filter(({ event }) => event.learnt).map(({ event }) => event.id);
    for (const id of dropped) this.#delete(id);
    if (dropped.length > 0) this.#options.drop(dropped);
  }

  /** What is learnt from now on, it learns because it had lost touch; what was told meanwhile, it has read. */
  lostTouch(): void {
    this.#othersTell = false;
  }

  #add(pending: Pending): void {
    const { id } = pending.event;
    this.#delete(id);
    this.#pending.set(id, pending);
    const subject = subjectOf(id);
    const alike = this.#bySubject.get(subject);
    if (alike === undefined) this.#bySubject.set(subject, new Set([pending]));
    else alike.add(pending);
  }

  #delete(id: string): void {
    const pending = this.#pending.get(id);
    if (pending === undefined) return;
    this.#pending.delete(id);
    const subject = subjectOf(id);
    const alike = this.#bySubject.get(subject);
    alike?.delete(pending);
    if (alike?.size === 0) this.#bySubject.delete(subject);
  }

  #covered(events: readonly ToldEvent[]): Pending[] {
    const covered = new Set<Pending>();
    for (const told of events) {
      for (const pending of this.#bySubject.get(subjectOf(told.id)) ?? []) {
        if (covers(told, pending.event)) covered.add(pending);
      }
    }
    return [...covered];
  }

  #tellAll(): void {
    const sinceMs = this.#leadsSinceMs;
    if (sinceMs !== undefined && this.#options.now() - sinceMs >= TAKE_OVER_MS) this.#tell(() => true);
  }

  #tell(isDue: (pending: Pending) => boolean): void {
    if (this.#pending.size === 0) return;
    const { isPresent, tell } = this.#options;
    const due = [...this.#pending.values()].filter((pending) =>
      isDue(pending) && (pending.claimedBy === undefined || !isPresent(pending.claimedBy))
    );
    for (const { event } of due) this.#delete(event.id);
    if (due.length > 0) tell(due.map(({ event }) => event));
  }
}

/** Kind and address, which the id of an event begins with. */
function subjectOf(id: string): string {
  return id.slice(0, id.lastIndexOf(":"));
}

/** Whether what was told is what happened here; both are of one kind and about the same agent, or the service. */
function covers(told: ToldEvent, event: FleetEvent): boolean {
  if (told.id === event.id) return true;
  if (event.ip === "") return Math.abs(told.atMs - event.atMs) < MEMORY_MS;
  if (!TRANSITIONS.has(event.kind)) return Math.abs(told.atMs - event.atMs) < SAME_MOMENT_MS;
  return told.atMs >= (event.sinceMs ?? event.atMs - MEMORY_MS);
}
