import { retryDelayMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { FaultLog, type Logger } from "../log.ts";
import type { Connection } from "./connection.ts";
import { faultOf, type StoreFault } from "./fault.ts";
import { type Batch, Pending, type QueueLimits } from "./queue.ts";

/** How the store is, for `/readyz`, metrics and people. */
export interface StoreState {
  /** `failing`: rows wait until the disk takes them; `off`: closed. */
  readonly status: "ok" | "failing" | "off";
  /** Since when, ms since the epoch. */
  readonly sinceMs: number;
  /** What is wrong, while failing. */
  readonly fault: string | undefined;
  /** For how long the oldest row that is not on disk has been waiting, ms. */
  readonly lagMs: number;
  /** How many rows are not on disk yet. */
  readonly queued: number;
}

/** What the store did since it was opened. */
export interface StoreStats {
  transactions: number;
  /** Rows that were stored. */
  rows: number;
  /** Tries that failed. */
  failures: number;
  droppedAgents: number;
  droppedEvents: number;
  /** How often the database was made anew while running. */
  rebuilt: number;
}

/** What a writer needs. */
export interface WriterOptions {
  readonly connection: Connection;
  readonly log: Logger;
  readonly clock: Clock;
  readonly limits: QueueLimits;
  /** After which time without an answer the disk counts as hung, ms. */
  readonly stallMs: number;
  /** All agents are to be written again. */
  readonly onRebuilt: () => void;
}

/**
 * Brings batches to the database: one transaction at a time; what comes meanwhile waits together and goes in the next
 * one. While transactions fail, everything waits for the next try.
 */
export class Writer {
  readonly stats: StoreStats = {
    transactions: 0,
    rows: 0,
    failures: 0,
    droppedAgents: 0,
    droppedEvents: 0,
    rebuilt: 0,
  };
  readonly #options: WriterOptions;
  readonly #faults: FaultLog;
  #pending = new Pending();
  #inFlight: Pending | undefined;
  #busy: Promise<void> | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #failures = 0;
  #status: StoreState["status"] = "ok";
  #sinceMs: number;
  #fault: string | undefined;
  /** Whether the database was ever open: from then on a new file lacks rows that only their owner has. */
  #opened = false;
  /** Whether rows are missing that only their owner has. */
  #incomplete = false;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#faults = new FaultLog(options.log, () => options.clock.monotonic());
    this.#sinceMs = options.clock.wall();
  }

  /** See Store.write. */
  write(batch: Batch): Promise<boolean> {
    return this.#enqueue((now) => this.#pending.add(batch, now));
  }

  /** See Store.markSent. */
  markSent(ids: Iterable<string>): Promise<boolean> {
    return this.#enqueue((now) => this.#pending.addSent(ids, now));
  }

  get state(): StoreState {
    const since = this.#inFlight?.sinceMs ?? this.#pending.sinceMs;
    return {
      status: this.#status,
      sinceMs: this.#sinceMs,
      fault: this.#fault,
      lagMs: since === undefined ? 0 : this.#options.clock.monotonic() - since,
      queued: this.#pending.rows + (this.#inFlight?.rows ?? 0),
    };
  }

  /** Does the first job, which opens the database; batches wait until it has ended. Never rejects. */
  start(job: () => Promise<void>): Promise<void> {
    return this.#run(async () => {
      await job();
      this.#opened = true;
    });
  }

  /** The disk did not answer in time: what waits for it is told so, and waits on without anybody. */
  stalled(ms: number): void {
    this.#failing(`the disk has not answered for ${Math.round(ms / 1000)} s`);
  }

  /** Takes notice of a fault between transactions. */
  failed(fault: StoreFault): void {
    if (this.#busy === undefined) this.#failed(fault);
  }

  /** Takes nothing more, and tries once to store what is left. Never rejects. */
  async stop(): Promise<void> {
    this.#setStatus("off");
    clearTimeout(this.#retry);
    this.#retry = undefined;
    await this.#busy;
    if (this.#pending.rows > 0) await this.#run(() => this.#flush());
  }

  /** Gives up what is still not stored. */
  abandon(): void {
    const { queued, fault } = this.state;
    if (queued > 0) {
      this.#options.log.warn("store: closed with {queued} rows that are not on disk: {fault}", {
        queued,
        fault: fault ?? "there was no time left",
      });
    }
    this.#settle(false);
  }

  #enqueue(add: (nowMs: number) => void): Promise<boolean> {
    if (this.#status === "off") return Promise.resolve(false);
    add(this.#options.clock.monotonic());
    this.#bound();
    // Nobody shall wait for a disk that is known not to take anything.
    if (this.#status === "failing") return Promise.resolve(false);
    const stored = new Promise<boolean>((resolve) => this.#pending.waiters.push(resolve));
    this.#kick();
    return stored;
  }

  #kick(): void {
    if (this.#busy !== undefined || this.#retry !== undefined || this.#status === "off") return;
    if (this.#pending.waiters.length > 0 || this.#pending.rows > 0) this.#run(() => this.#flush());
  }

  /** Does the one job at a time that opens or writes. */
  #run(job: () => Promise<void>): Promise<void> {
    const { stallMs } = this.#options;
    const watch = setTimeout(() => this.stalled(stallMs), stallMs);
    const done = job().then(() => this.#succeeded(), (cause) => this.#failed(faultOf(cause))).finally(() => {
      clearTimeout(watch);
      this.#busy = undefined;
      this.#kick();
    });
    this.#busy = done;
    return done;
  }

  async #flush(): Promise<void> {
    const { connection, clock } = this.#options;
    const batch = this.#pending;
    this.#inFlight = batch;
    this.#pending = new Pending();
    try {
      if (await connection.open()) this.#rebuilt();
      for (const part of batch.parts(clock.wall())) await connection.ask("write", part);
    } catch (cause) {
      batch.append(this.#pending);
      this.#pending = batch;
      this.#bound();
      throw cause;
    } finally {
      this.#inFlight = undefined;
    }
    this.stats.transactions++;
    this.stats.rows += batch.rows;
    batch.settle(true);
  }

  #rebuilt(): void {
    if (this.#opened) {
      this.stats.rebuilt++;
      this.#incomplete = true;
    }
    this.#opened = true;
  }

  #bound(): void {
    const { agents, events } = this.#pending.bound(this.#options.limits);
    this.stats.droppedAgents += agents;
    this.stats.droppedEvents += events;
    if (agents > 0) this.#incomplete = true;
  }

  #succeeded(): void {
    this.#failures = 0;
    if (this.#status === "failing") {
      this.#options.log.info("store: what changes is stored again");
      this.#setStatus("ok");
    }
    if (!this.#incomplete || this.#status === "off") return;
    this.#incomplete = false;
    this.#options.onRebuilt();
  }

  #failed(fault: StoreFault): void {
    this.stats.failures++;
    this.#failures++;
    this.#failing(fault.message);
    if (this.#status === "off") return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      if (this.#busy === undefined) this.#run(() => this.#flush());
    }, retryDelayMs(this.#failures));
  }

  #failing(fault: string): void {
    if (this.#status !== "off") {
      this.#faults.warn("store", "store: nothing can be stored at the moment, the service goes on without: {fault}", {
        fault,
      });
    }
    if (this.#status === "ok") this.#setStatus("failing");
    this.#fault = fault;
    this.#settle(false);
  }

  #settle(stored: boolean): void {
    this.#inFlight?.settle(stored);
    this.#pending.settle(stored);
  }

  #setStatus(status: StoreState["status"]): void {
    this.#status = status;
    this.#sinceMs = this.#options.clock.wall();
    this.#fault = undefined;
  }
}
