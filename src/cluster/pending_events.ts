import type { FleetEvent } from "../fleet/events.ts";
import type { ToldEvent } from "./records.ts";

/** How long a new leader waits for what the former one told last, ms. */
const TAKE_OVER_MS = 2_000;
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
}

interface Told {
  readonly atMs: number;
  readonly seenMs: number;
}

/**
 * What this instance knows to have happened and is not told yet. All instances decide alike; one of them, the leader,
 * tells it and says so in the stream, and then the others drop theirs. What a leader did not get to tell before it died,
 * the next one tells.
 */
export class PendingEvents {
  readonly #options: PendingEventsOptions;
  /** By id, the oldest first. */
  readonly #pending = new Map<string, FleetEvent>();
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

  /**
   * Takes what happened, in order: tells it when this instance leads, else keeps it.
   * @param learnt whether it was found out while this instance had not heard everybody out
   */
  take(events: readonly FleetEvent[]): void {
    const dropped: string[] = [];
    for (const event of events) {
      const told = this.#told.get(subjectOf(event.id));
      const isOthers = event.learnt === true && this.#othersTell;
      if (isOthers || (told !== undefined && covers({ id: "", atMs: told.atMs }, event))) dropped.push(event.id);
      else this.#pending.set(event.id, event);
    }
    for (const id of this.#pending.keys()) {
      if (this.#pending.size <= MAX_PENDING) break;
      this.#pending.delete(id);
      dropped.push(id);
    }
    if (dropped.length > 0) this.#options.drop(dropped);
    this.#tellAll();
  }

  /** Takes note of what was told, by whomever. */
  told(events: readonly ToldEvent[]): void {
    const seenMs = this.#options.now();
    const bySubject = new Map<string, ToldEvent[]>();
    for (const event of events) {
      const subject = subjectOf(event.id);
      bySubject.set(subject, [...bySubject.get(subject) ?? [], event]);
      this.#told.delete(subject);
      this.#told.set(subject, { atMs: event.atMs, seenMs });
    }
    const dropped: string[] = [];
    for (const event of this.#pending.values()) {
      if (bySubject.get(subjectOf(event.id))?.some((told) => covers(told, event))) dropped.push(event.id);
    }
    for (const id of dropped) this.#pending.delete(id);
    if (dropped.length > 0) this.#options.drop(dropped);
  }

  /** Learns whether this instance may tell; to be called a few times a second. */
  advance(mayTell: boolean): void {
    const nowMs = this.#options.now();
    for (const [subject, { seenMs }] of this.#told) {
      if (nowMs - seenMs < MEMORY_MS) break;
      this.#told.delete(subject);
    }
    if (!mayTell) this.#leadsSinceMs = undefined;
    else this.#leadsSinceMs ??= nowMs;
    this.#tellAll();
  }

  /**
   * This instance has heard everybody out.
   * @param othersTell whether there are others who had, all the time, and so tell what this one has learnt just now
   */
  settled(othersTell: boolean): void {
    this.#othersTell = othersTell;
    if (!othersTell || this.#pending.size === 0) return;
    const dropped = [...this.#pending.keys()];
    this.#pending.clear();
    this.#options.drop(dropped);
  }

  #tellAll(): void {
    const sinceMs = this.#leadsSinceMs;
    if (sinceMs === undefined || this.#options.now() - sinceMs < TAKE_OVER_MS || this.#pending.size === 0) return;
    const events = [...this.#pending.values()];
    this.#pending.clear();
    this.#options.tell(events);
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
