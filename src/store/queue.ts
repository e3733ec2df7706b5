import type { FleetEvent } from "../fleet/events.ts";
import type { StoredSilence } from "../fleet/silences.ts";
import type { StoredAgent } from "../fleet/stored.ts";
import type { NewCatalog, WritePart } from "./protocol.ts";
import { packAgents, packEvents } from "./rows.ts";

/** How many rows travel to the worker at once: about a millisecond of the main thread. */
const PART_ROWS = 5_000;
/** As many catalogs as the database keeps. */
const MAX_CATALOGS = 20;

/** What is to be stored together. */
export interface Batch {
  /** Agents to store. */
  readonly agents: readonly StoredAgent[];
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
  /** Row of each address; undefined where it is to be deleted. */
  readonly agents = new Map<string, StoredAgent | undefined>();
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
  add({ agents, forgotten, events, catalogs = [], silences }: Batch, nowMs: number): void {
    this.sinceMs ??= nowMs;
    for (const ip of forgotten) this.agents.set(ip, undefined);
    for (const agent of agents) this.agents.set(agent.ip, agent);
    for (const event of events) this.events.push(event);
    this.catalogs.push(...catalogs);
    this.silences = silences ?? this.silences;
  }

  /** Adds ids of events that were sent. */
  addSent(ids: Iterable<string>, nowMs: number): void {
    this.sinceMs ??= nowMs;
    for (const id of ids) this.sent.add(id);
  }

  /** Adds everything of another one, which came later. */
  append(later: Pending): void {
    for (const [ip, agent] of later.agents) this.agents.set(ip, agent);
    for (const event of later.events) this.events.push(event);
    for (const id of later.sent) this.sent.add(id);
    this.catalogs.push(...later.catalogs);
    this.silences = later.silences ?? this.silences;
    this.waiters.push(...later.waiters);
    this.sinceMs ??= later.sinceMs;
  }

  /** Keeps the bounds: agents go all together, so that the owner can be asked for all of them; events oldest first. */
  bound(limits: QueueLimits): Dropped {
    const agents = this.agents.size > limits.agents ? this.agents.size : 0;
    if (agents > 0) this.agents.clear();
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
    return this.agents.size + this.events.length + this.sent.size + this.catalogs.length + silences;
  }

  /** Tells everybody who waits, once. */
  settle(stored: boolean): void {
    for (const waiter of this.waiters.splice(0)) waiter(stored);
  }

  /** The transaction, in pieces that cost the main thread little; each is made when it is asked for. */
  *parts(nowMs: number): Generator<WritePart, void, void> {
    const part = { forgotten: [], agents: packAgents([]), events: [], sent: [], catalogs: [], commit: false, nowMs };
    for (const entries of slices(this.agents)) {
      const agents = entries.flatMap(([, agent]) => agent ?? []);
      const forgotten = entries.flatMap(([ip, agent]) => agent === undefined ? ip : []);
      yield { ...part, agents: packAgents(agents), forgotten };
    }
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
