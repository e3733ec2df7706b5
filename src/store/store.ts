import type { Clock } from "../clock.ts";
import { LATE, within } from "../deadline.ts";
import { keyAddress } from "../fleet/address.ts";
import type { FleetEvent } from "../fleet/events.ts";
import type { StoredAgent } from "../fleet/stored.ts";
import type { Logger } from "../log.ts";
import { Connection } from "./connection.ts";
import { faultOf, StoreFault } from "./fault.ts";
import { WorkerLink } from "./link.ts";
import { type AgentTaker, type Memory, noMemory, openAndLoad } from "./load.ts";
import type { CatalogRow, EventQuery } from "./protocol.ts";
import type { Batch } from "./queue.ts";
import { unpackEvents } from "./rows.ts";
import { DATABASE_FILE } from "./set_aside.ts";
import { type StoreState, type StoreStats, Writer } from "./writer.ts";

export { StoreFault } from "./fault.ts";
export type { CatalogRow, EventQuery, NewCatalog } from "./protocol.ts";
export type { Batch, Memory, StoreState, StoreStats };

const DAY_MS = 86_400_000;
/** How many questions may wait for the disk. */
const MAX_READS = 32;

/** Leaves the agents as they were stored. */
const AS_STORED: AgentTaker<StoredAgent[]> = () => {
  const agents: StoredAgent[] = [];
  return { agents, take: ({ key, ...row }) => void agents.push({ ip: keyAddress(key), ...row }) };
};

/** What a store needs, and its limits. */
export interface StoreOptions {
  /** The data folder; made, for its owner only, when it is missing. */
  readonly dir: string;
  readonly log: Logger;
  readonly clock: Clock;
  /** A name that no other store has. */
  readonly instance: string;
  /** How long events are kept, ms; default 7 days. */
  readonly eventRetentionMs?: number;
  /** How many events are kept, and how many may wait to be stored; default 200,000. */
  readonly maxEvents?: number;
  /** How many agents may wait to be stored; default 1,000,000. */
  readonly maxQueuedAgents?: number;
  /** All agents and the catalog in force are to be written again, because the database had to be made anew. */
  readonly onRebuilt?: () => void;
  /** How long nothing may come from the disk at the start before it goes on without memory, ms; default 10,000. */
  readonly openTimeoutMs?: number;
  /** After which time without an answer the disk counts as hung, ms; default 10,000. */
  readonly stallMs?: number;
  /** How long a question about events or catalogs waits for the disk, ms; default 5,000. */
  readonly readTimeoutMs?: number;
  /** How long the last rows may take at the stop, ms; default 1,500. */
  readonly closeTimeoutMs?: number;
  /** Where the worker's program is; tests put hung and crashing ones here. */
  readonly workerUrl?: URL;
}

/**
 * What survives a crash: agents, catalogs and events, in one SQLite file that a worker writes. Only who awaits one of
 * its promises ever waits for the disk. While the disk fails, what changes is kept and stored later.
 */
export class Store {
  readonly #folder: string;
  readonly #workerUrl: URL;
  readonly #readTimeoutMs: number;
  readonly #closeTimeoutMs: number;
  readonly #connection: Connection;
  readonly #writer: Writer;
  #backup: WorkerLink | undefined;

  private constructor(options: StoreOptions) {
    const { dir, log, clock, instance, maxEvents = 200_000 } = options;
    this.#folder = dir;
    this.#workerUrl = options.workerUrl ?? new URL("./worker.ts", import.meta.url);
    this.#readTimeoutMs = options.readTimeoutMs ?? 5_000;
    this.#closeTimeoutMs = options.closeTimeoutMs ?? 1_500;
    this.#connection = new Connection({
      log,
      clock,
      workerUrl: this.#workerUrl,
      open: {
        folder: dir,
        holder: { instance, pid: Deno.pid, startedAtMs: clock.wall() },
        eventRetentionMs: options.eventRetentionMs ?? 7 * DAY_MS,
        maxEvents,
      },
      onCrash: (fault) => this.#writer.failed(fault),
    });
    this.#writer = new Writer({
      connection: this.#connection,
      log,
      clock,
      limits: { agents: options.maxQueuedAgents ?? 1_000_000, events: maxEvents },
      stallMs: options.stallMs ?? 10_000,
      onRebuilt: options.onRebuilt ?? (() => {}),
    });
  }

  /**
   * Locks the folder, opens the database and reads what it remembers. Whatever else is wrong with the disk or the file,
   * the store opens, without memory then, and tries again on its own.
   * @throws {StoreFault} naming the process that uses the folder already
   */
  static open(options: StoreOptions): Promise<{ store: Store; memory: Memory }> {
    return Store.openTaking(options, AS_STORED);
  }

  /** Opens as open does, and has something else made of the agents while they are read. */
  static async openTaking<Agents>(
    options: StoreOptions,
    taker: AgentTaker<Agents>,
  ): Promise<{ store: Store; memory: Memory<Agents> }> {
    const store = new Store(options);
    return { store, memory: await store.#start(options.openTimeoutMs ?? 10_000, taker) };
  }

  /**
   * Stores everything in one transaction.
   * @returns whether it is on disk. If not, it is kept and tried again: of each agent the newest word, events up to
   * their limit.
   */
  write(batch: Batch): Promise<boolean> {
    return this.#writer.write(batch);
  }

  /** Notes that these events were sent. @returns as write does */
  markSent(ids: Iterable<string>): Promise<boolean> {
    return this.#writer.markSent(ids);
  }

  /**
   * The stored events that match, newest first.
   * @throws {StoreFault} when the database cannot be read at the moment
   */
  events(query: EventQuery = {}): Promise<FleetEvent[]> {
    return this.#read(async () => unpackEvents(await this.#connection.ask("events", query)));
  }

  /**
   * The last 20 catalogs, newest first.
   * @throws {StoreFault} when the database cannot be read at the moment
   */
  catalogs(): Promise<CatalogRow[]> {
    return this.#read(() => this.#connection.ask("catalogs", null));
  }

  /**
   * Copies what is on disk at this moment into a new file; writing goes on meanwhile.
   * @throws {StoreFault} when the file exists or cannot be written, or when the database cannot be read
   */
  async backup(file: string): Promise<void> {
    this.#requireOpen();
    if (this.#backup !== undefined) throw new StoreFault("disk", "a backup is being made already");
    this.#backup = new WorkerLink(this.#workerUrl, () => {});
    try {
      await this.#backup.ask("backup", { from: `${this.#folder}/${DATABASE_FILE}`, to: file });
    } finally {
      this.#backup.terminate();
      this.#backup = undefined;
    }
  }

  /** How the store is. */
  get state(): StoreState {
    return this.#writer.state;
  }

  /** What the store did. */
  get stats(): Readonly<StoreStats> {
    return this.#writer.stats;
  }

  /** Stores what is left, as far as the disk does it in time, and lets go of the folder. Never rejects. */
  async close(): Promise<void> {
    this.#backup?.terminate();
    await within(this.#finish(), this.#closeTimeoutMs);
    this.#connection.terminate();
    this.#writer.abandon();
  }

  async #finish(): Promise<void> {
    await this.#writer.stop();
    await this.#connection.close();
  }

  async #start<Agents>(timeoutMs: number, taker: AgentTaker<Agents>): Promise<Memory<Agents>> {
    let memory = noMemory(taker);
    let refused: StoreFault | undefined;
    const started = this.#writer.start(async () => {
      try {
        memory = await openAndLoad(this.#connection, taker);
      } catch (cause) {
        refused = faultOf(cause);
        if (refused.kind !== "inUse") throw cause;
      }
    });
    // All of it may take longer: without memory a million agents would look new.
    for (let answered = 0; await within(started, timeoutMs) === LATE; answered = this.#connection.answered) {
      if (this.#connection.answered !== answered) continue;
      this.#writer.stalled(timeoutMs);
      break;
    }
    if (refused?.kind !== "inUse") return memory;
    await this.close();
    throw refused;
  }

  #read<T>(question: () => Promise<T>): Promise<T> {
    return inTime(this.#ask(question), this.#readTimeoutMs);
  }

  async #ask<T>(question: () => Promise<T>): Promise<T> {
    this.#requireOpen();
    if (this.#connection.waiting >= MAX_READS) throw new StoreFault("disk", "the store is busy");
    try {
      return await question();
    } catch (cause) {
      const fault = faultOf(cause);
      this.#connection.fail(fault);
      this.#writer.failed(fault);
      throw fault;
    }
  }

  #requireOpen(): void {
    if (this.#connection.isOpen) return;
    throw new StoreFault("disk", `the store is not open: ${this.state.fault ?? "it was closed"}`);
  }
}

/** @throws {StoreFault} after so long */
async function inTime<T>(answer: Promise<T>, timeoutMs: number): Promise<T> {
  const result = await within(answer, timeoutMs);
  if (result === LATE) throw new StoreFault("disk", `no answer within ${timeoutMs} ms`);
  return result;
}
