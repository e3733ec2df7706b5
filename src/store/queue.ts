import type { FleetEvent } from "../fleet/events.ts";
import type { StoredSilence } from "../fleet/silences.ts";
import type { StoredAgent } from "../fleet/stored.ts";
import type { NewCatalog, WritePart } from "./protocol.ts";
import { packAgents, packEvents } from "./rows.ts";

/**
 * How many rows travel to the worker at once: a fraction of a millisecond of the main thread. What is made for a part
 * should be garbage before V8 collects the young generation the next time: with 5,000 rows both heaps grew by it.
 */
const PART_ROWS = 1_000;
/** As many catalogs as the database keeps. */
const MAX_CATALOGS = 20;

/** What is to be stored together. */
export interface Batch {
  /** Agents to store. */
  readonly agents: readonly StoredAgent[];
  /** Address and last beat, ms since the epoch, of stored agents of which nothing else is other than before. */
  readonly seen?: ReadonlyMap<string, number>;
  /** Addresses whose rows are deleted before the agents are stored. */
  readonly forgotten: readonly string[];
  readonly events: readonly FleetEvent[];
  readonly catalogs?: readonly NewCatalog[];
  /** All silences; undefined when they are the same as before. */
  readonly silences?: readonly StoredSilence[] | undefined;
}

/** The most that waits, of each kind. */
export interface QueueLimits {
  readonly agents: number;
  readonly events: number;
}

/** What the queue had to drop. */
export interface Dropped {
  readonly agents: number;
  readonly events: number;
}

/** What waits to be stored together: of each agent only the newest word, and who wants to know when it is stored. */
export class Pending {
  /** Row of each address. */
  readonly agents = new Map<string, StoredAgent>();
  /** Last beat of each other address, ms since the epoch. */
  readonly seen = new Map<string, number>();
  /** Addresses whose rows are to be deleted. */
  readonly forgotten = new Set<string>();
  readonly events: FleetEvent[] = [];
  /** Ids of events that were sent. */
  readonly sent = new Set<string>();
  readonly catalogs: NewCatalog[] = [];
  /** All silences, when there are others than before. */
  silences: readonly StoredSilence[] | undefined;
  readonly waiters: ((stored: boolean) => void)[] = [];
  /** Monotonic time since when the oldest of it waits, ms; undefined when nothing does. */
  sinceMs: number | undefined;

  /** Adds what came later. */
  add({ agents, seen = new Map(), forgotten, events, catalogs = [], silences }: Batch, nowMs: number): void {
    this.sinceMs ??= nowMs;
    this.#addAgents(forgotten, agents);
    this.#addSeen(seen);
    for (const event of events) this.events.push(event);
    this.catalogs.push(...catalogs);
    this.silences = silences ?? this.silences;
  }

  #addAgents(forgotten: Iterable<string>, agents: Iterable<StoredAgent>): void {
    for (const ip of forgotten) {
      this.agents.delete(ip);
      this.seen.delete(ip);
      this.forgotten.add(ip);
    }
    for (const agent of agents) {
      this.forgotten.delete(agent.ip);
      this.seen.delete(agent.ip);
      this.agents.set(agent.ip, agent);
    }
  }

  #addSeen(seen: ReadonlyMap<string, number>): void {
    for (const [ip, lastSeenMs] of seen) {
      const agent = this.agents.get(ip);
      if (agent === undefined) this.seen.set(ip, lastSeenMs);
      else this.agents.set(ip, { ...agent, lastSeenMs });
    }
  }

  /** Adds ids of events that were sent. */
  addSent(ids: Iterable<string>, nowMs: number): void {
    this.sinceMs ??= nowMs;
    for (const id of ids) this.sent.add(id);
  }

  /** Adds everything of another one, which came later. */
  append(later: Pending): void {
    this.#addAgents(later.forgotten, later.agents.values());
    this.#addSeen(later.seen);
    for (const event of later.events) this.events.push(event);
    for (const id of later.sent) this.sent.add(id);
    this.catalogs.push(...later.catalogs);
    this.silences = later.silences ?? this.silences;
    this.waiters.push(...later.waiters);
    this.sinceMs ??= later.sinceMs;
  }

  /** Keeps the bounds: agents go all together, so that the owner can be asked for all of them; events oldest first. */
  bound(limits: QueueLimits): Dropped {
    const rows = this.agents.size + this.seen.size + this.forgotten.size;
    const agents = rows > limits.agents ? rows : 0;
    if (agents > 0) {
      this.agents.clear();
      this.seen.clear();
      this.forgotten.clear();
    }
    const events = this.events.splice(0, Math.max(0, this.events.length - limits.events)).length;
    for (const id of this.sent) {
      if (this.sent.size <= limits.events) break;
      this.sent.delete(id);
    }
    this.catalogs.splice(0, Math.max(0, this.catalogs.length - MAX_CATALOGS));
    return { agents, events };
  }

  get rows(): number {
    const silences = this.silences === undefined ? 0 : this.silences.length + 1;
    const agents = this.agents.size + this.seen.size + this.forgotten.size;
    return agents + this.events.length + this.sent.size + this.catalogs.length + silences;
  }

  /** Tells everybody who waits, once. */
  settle(stored: boolean): void {
    for (const waiter of this.waiters.splice(0)) waiter(stored);
  }

  /** The transaction, in pieces that cost the main thread little; each is made when it is asked for. */
  *parts(nowMs: number): Generator<WritePart, void, void> {
    const nothing = { forgotten: [], agents: packAgents([]), seen: "[]", events: [], sent: [], catalogs: [] };
    const part = { ...nothing, commit: false, nowMs };
    for (const forgotten of slices(this.forgotten)) yield { ...part, forgotten };
    for (const agents of slices(this.agents.values())) yield { ...part, agents: packAgents(agents) };
    for (const seen of slices(this.seen)) yield { ...part, seen: JSON.stringify(seen) };
    for (const events of slices(this.events)) yield { ...part, events: packEvents(events) };
    for (const sent of slices(this.sent)) yield { ...part, sent };
    yield { ...part, catalogs: this.catalogs, silences: this.silences, commit: true };
  }
}

function* slices<T>(items: Iterable<T>): Generator<T[], void, void> {
  let slice: T[] = [];
  for (const item of items) {
    slice.push(item);
    if (slice.length < PART_ROWS) continue;
    yield slice;
    slice = [];
  }
  if (slice.length > 0) yield slice;
}
