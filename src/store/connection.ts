import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { faultOf, StoreFault } from "./fault.ts";
import { WorkerLink } from "./link.ts";
import type { OpenOptions, Operation, Operations } from "./protocol.ts";

/** What a connection needs. */
export interface ConnectionOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly workerUrl: URL;
  /** How and where the database is opened. */
  readonly open: OpenOptions;
  /** The worker ended by a fault of its own. */
  readonly onCrash: (fault: StoreFault) => void;
}

/** The worker and the database in it, made again after whatever fault when it is next needed. */
export class Connection {
  readonly #options: ConnectionOptions;
  #link: WorkerLink | undefined;
  #open = false;
  #ended = false;
  /** What is wrong with the present file, so that it must make place for a new one. */
  #damage: string | undefined;

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  /** Whether questions can be asked. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** How many questions have no answer yet. */
  get waiting(): number {
    return this.#link?.waiting ?? 0;
  }

  /** How many questions the present worker has answered. */
  get answered(): number {
    return this.#link?.answered ?? 0;
  }

  /**
   * Opens the database unless it is open. One that cannot be used is set aside first, and a new one begun.
   * @returns whether it is a new one
   * @throws {StoreFault} when there can be no database at the moment
   */
  async open(): Promise<boolean> {
    if (this.#open) return false;
    if (this.#ended) throw new StoreFault("disk", "the store is closed");
    this.#link ??= this.#newLink();
    try {
      return await this.#openOrReplace();
    } catch (cause) {
      if (faultOf(cause).kind !== "damaged") throw cause;
      return await this.#openOrReplace();
    }
  }

  async #openOrReplace(): Promise<boolean> {
    const { log, clock, open } = this.#options;
    const { folder, holder } = open;
    if (this.#damage !== undefined) {
      const to = await this.ask("setAside", { folder, holder, nowMs: clock.wall() });
      log.error(
        "store: the database in {folder} cannot be used: {damage}; it was moved to {to} and a new one is begun",
        {
          folder,
          damage: this.#damage,
          to,
        },
      );
      this.#damage = undefined;
    }
    const fresh = await this.ask("open", open);
    this.#open = true;
    if (fresh) log.info("store: a new database was begun in {folder}", { folder });
    return fresh;
  }

  /** @throws {StoreFault} when it could not be done */
  async ask<O extends Operation>(operation: O, input: Operations[O]["input"]): Promise<Operations[O]["output"]> {
    if (this.#link === undefined) throw new StoreFault("disk", "the database is not open");
    try {
      return await this.#link.ask(operation, input);
    } catch (cause) {
      this.fail(faultOf(cause));
      throw cause;
    }
  }

  /** Takes notice of a fault that only the reader of the rows could see, too. */
  fail(fault: StoreFault): void {
    if (fault.kind !== "full") this.#open = false;
    if (fault.kind === "damaged") this.#damage = fault.message;
  }

  /** Closes the database and lets go of the folder. Never rejects. */
  async close(): Promise<void> {
    if (this.#link === undefined) return;
    try {
      await this.#link.ask("close", null);
    } catch (cause) {
      this.#options.log.warn("store: did not close cleanly: {cause}", { cause });
    }
  }

  /** Ends the worker, whatever it is doing. */
  terminate(): void {
    this.#ended = true;
    this.#open = false;
    this.#link?.terminate();
    this.#link = undefined;
  }

  #newLink(): WorkerLink {
    return new WorkerLink(this.#options.workerUrl, (fault) => {
      this.#link = undefined;
      this.#open = false;
      this.#options.onCrash(fault);
    });
  }
}
