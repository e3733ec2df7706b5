import { type Clock, instant } from "./clock.ts";
import { within } from "./deadline.ts";
import type { Instant } from "./fleet/agent.ts";
import { auditEvent, type EventKind, type FleetEvent, isTold, serviceEvent } from "./fleet/events.ts";
import type { Fleet } from "./fleet/fleet.ts";
import { PORTION_MS } from "./fleet/liveness.ts";
import type { EndedSilence, StoredSilence } from "./fleet/silences.ts";
import type { StoredAgent } from "./fleet/stored.ts";
import type { Logger } from "./log.ts";
import type { Audit, AuditSubject } from "./operations.ts";

/** How often changes are collected, ms; with a busy loop on top, agents are offline well within a second of due. */
const INTERVAL_MS = 500;
/** How long events wait for the disk before they are told without being stored, ms. */
const STORE_PATIENCE_MS = 5_000;
/** How many agents one log line names; the rest is counted. */
const NAMED_AGENTS = 5;
/** A beat interval above this share of agent.timeout leaves too little room for a lost beat. */
const INTERVAL_SHARE = 1 / 3;
/** The mean moves with every beat. Near the limit it is told once: only below this share of it all is well again. */
const CLEARLY = 0.9;

/** A catalog as it is stored. */
export interface CatalogRecord {
  readonly takenAtMs: number;
  readonly source: "local" | "supervisor";
  /** How it came: `supervisor`, `updateAppInfo`, `rollback` ... */
  readonly origin: string;
  /** The catalog in the form of updateAppInfo, JSON text. */
  readonly body: string;
}

/** Everything that has changed since the batch before. */
export interface ChangeBatch {
  readonly agents: readonly StoredAgent[];
  /** Address and last beat, ms since the epoch, of rows in which nothing else is other than before. */
  readonly seen: ReadonlyMap<string, number>;
  /** Addresses of rows that are no more; deleted before the agents are written. */
  readonly forgotten: readonly string[];
  readonly events: readonly FleetEvent[];
  readonly catalogs: readonly CatalogRecord[];
  /** All silences; undefined when they are the same as before. */
  readonly silences: readonly StoredSilence[] | undefined;
}

/** Where changes go to outlive the process. */
export interface ChangeStore {
  /** Stores a batch in one transaction. Resolves with whether it is on disk; never rejects. */
  write(batch: ChangeBatch): Promise<boolean>;
}

/** What a recorder needs. */
export interface RecorderOptions {
  readonly fleet: Fleet;
  readonly clock: Clock;
  readonly log: Logger;
  /** Undefined where nothing can be stored. */
  readonly store: ChangeStore | undefined;
  /** Takes events that are stored, in order, to tell them to others; no audit. */
  readonly tell: (events: readonly FleetEvent[]) => void;
  /** Takes all events that are stored, in order, to show them to operators. */
  readonly show?: (events: readonly FleetEvent[]) => void;
  /** agent.timeout, ms. */
  readonly timeoutMs: () => number;
  /** Takes note of how long after it was due an agent was called offline, seconds. */
  readonly expired: (errorSeconds: number) => void;
}

/** The log lines about agents: which events, and what is said of them. */
const AGENT_LINES: readonly { about: (event: FleetEvent) => boolean; message: string }[] = [
  {
    about: ({ kind, details }) => kind === "agentOnline" && details.first === true,
    message: "agents: {count} new: {agents}",
  },
  {
    about: ({ kind, details }) => kind === "agentOnline" && details.first !== true,
    message: "agents: {count} online again: {agents}",
  },
  { about: ({ kind }) => kind === "agentOffline", message: "agents: {count} offline: {agents}" },
  {
    about: ({ kind }) => kind === "agentFlapping",
    message: "agents: {count} come and go, no more is told about them until they are stable: {agents}",
  },
  { about: ({ kind }) => kind === "agentForgotten", message: "agents: {count} forgotten: {agents}" },
  { about: ({ kind }) => kind === "versionChanged", message: "agents: {count} have another version: {agents}" },
  {
    about: ({ kind }) => kind === "duplicateIdentity",
    message: "agents: {count} addresses are claimed by two machines in turn: {agents}",
  },
];

const GUARD_ON =
  "guard: {silent} of {agents} agents are silent, so the fault is probably between them and this service; " +
  "none is called offline until most are back, guard.maxHold has passed or the guard is released";
const GUARD_OFF =
  "guard: over ({reason}) after {held_seconds} s; {held} agents are still silent and go offline a few a second";

/**
 * Collects twice a second what has changed in the fleet and the catalog, logs it, stores it and only then has it told:
 * an event that others have seen is never forgotten by a crash. It decides nothing itself.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  /** The next look at a fleet in which very many agents are overdue at once. */
  #next: ReturnType<typeof setTimeout> | undefined;
  /** What is still to be logged of such a fleet, by the message. */
  readonly #lines = new Map<string, { count: number; readonly named: string[] }>();
  #serviceEvents: FleetEvent[] = [];
  #catalogs: CatalogRecord[] = [];
  #last: Promise<void> = Promise.resolve();
  #warnedInterval = false;
  /** How many audits there were. */
  #audits = 0;
  #judgedUntilMs: number | undefined;

  constructor(options: RecorderOptions) {
    this.#options = options;
  }

  start(): void {
    clearInterval(this.#timer);
    this.#timer = setInterval(() => this.#collect(), INTERVAL_MS);
  }

  /** Collects a last time and waits until that is stored and told. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    this.#collect();
    clearTimeout(this.#next);
    this.#logLines();
    await this.#last;
  }

  /** Up to which moment of the monotonic clock agents were judged; undefined before the first time. */
  get judgedUntilMs(): number | undefined {
    return this.#judgedUntilMs;
  }

  /** Adds an event that is not about one agent. */
  event(kind: EventKind, details: Record<string, unknown>): void {
    this.#serviceEvents.push(serviceEvent(kind, this.#now(), details));
  }

  /** Adds what somebody did by hand; kept and shown, but told to nobody. */
  audit(audit: Audit, subject?: AuditSubject): void {
    this.#serviceEvents.push(auditEvent(this.#now(), { ...audit }, { place: ++this.#audits, ...subject }));
  }

  /** Adds a catalog to the history. */
  catalog(record: CatalogRecord): void {
    this.#catalogs.push(record);
  }

  #now(): Instant {
    return instant(this.#options.clock);
  }

  #collect(): void {
    const { fleet } = this.#options;
    const now = this.#now();
    clearTimeout(this.#next);
    fleet.advance(now);
    if (fleet.isBusy) this.#next = setTimeout(() => this.#collect(), PORTION_MS);
    this.#judgedUntilMs = now.monotonic;
    const { agents, seen, forgotten, events: fleetEvents, silences, ended } = fleet.takeChanges();
    const events = [...fleetEvents, ...this.#serviceEvents];
    const catalogs = this.#catalogs;
    this.#serviceEvents = [];
    this.#catalogs = [];
    this.#checkInterval();
    this.#observe(events, now);
    this.#report(events);
    const changes = agents.length + seen.length + forgotten.length + events.length + catalogs.length;
    if (changes === 0 && silences === undefined) return;
    for (const silence of ended) this.#reportEnd(silence);
    const stored = this.#store({
      agents: agents.map((agent) => fleet.stored(agent)),
      seen: new Map(seen.map(({ ip, lastSeenMs }) => [ip, lastSeenMs])),
      ...{ forgotten, events, catalogs, silences },
    });
    // One after the other, so that events are told in the order in which they happened.
    this.#last = this.#last.then(() => stored).then(() => {
      if (events.length === 0) return;
      this.#options.tell(events.filter(isTold));
      this.#options.show?.(events);
    });
  }

  async #store(batch: ChangeBatch): Promise<void> {
    const { store } = this.#options;
    if (store === undefined) return;
    await within(store.write(batch), STORE_PATIENCE_MS);
  }

  #checkInterval(): void {
    const { fleet, log, timeoutMs } = this.#options;
    const intervalMs = fleet.beatIntervalMs ?? 0;
    const limitMs = timeoutMs() * INTERVAL_SHARE;
    if (intervalMs > limitMs && !this.#warnedInterval) {
      this.#warnedInterval = true;
      log.warn(
        "agents: they beat every {seconds} s on average, more than a third of agent.timeout ({timeout} s): few lost beats " +
          "make one offline; raise agent.timeout",
        { seconds: Math.round(intervalMs / 1000), timeout: timeoutMs() / 1000 },
      );
    }
    if (intervalMs < limitMs * CLEARLY) this.#warnedInterval = false;
  }

  #observe(events: readonly FleetEvent[], { wall }: Instant): void {
    for (const { kind, atMs, sinceMs } of events) {
      // What is told late does not know what was before it, and says nothing about how soon it was seen.
      if (kind === "agentOffline" && sinceMs !== undefined) this.#options.expired(Math.max(0, wall - atMs) / 1000);
    }
  }

  #report(events: readonly FleetEvent[]): void {
    for (const { about, message } of AGENT_LINES) {
      for (const event of events) if (about(event)) this.#count(message, event);
    }
    // One line about all of them, however many portions they come in.
    if (!this.#options.fleet.isBusy) this.#logLines();
    for (const { kind, details } of events) {
      if (kind === "guardOn") this.#options.log.warn(GUARD_ON, { ...details });
      if (kind === "guardOff") this.#options.log.warn(GUARD_OFF, { ...details });
    }
  }

  #count(message: string, event: FleetEvent): void {
    const line = this.#lines.get(message) ?? { count: 0, named: [] };
    this.#lines.set(message, line);
    line.count++;
    if (line.named.length <= NAMED_AGENTS) line.named.push(nameOf(event));
  }

  #logLines(): void {
    for (const [message, { count, named }] of this.#lines) {
      const agents = named.slice(0, NAMED_AGENTS).join(", ");
      this.#options.log.info(message, { count, agents: count > NAMED_AGENTS ? `${agents} ...` : agents });
    }
    this.#lines.clear();
  }

  #reportEnd({ silence, agents, offline }: EndedSilence): void {
    this.#options.log.info("silence: {silence} is over; agents in it: {agents}, of them offline: {offline}", {
      silence: silence.text,
      agents,
      offline,
    });
  }
}

function nameOf({ ip, asset }: FleetEvent): string {
  return asset === "" ? ip : `${ip} (${asset})`;
}
