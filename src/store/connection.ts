import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { faultOf, StoreFault } from "./fault.ts";
import { WorkerLink } from "./link.ts";
import type { Opened, OpenOptions, Operation, Operations } from "./protocol.ts";

/** What a connection needs. */
export interface ConnectionOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly workerUrl: URL;
  /** How and where the database is opened. */
  readonly open: Omit<OpenOptions, "nowMs" | "setAside">;
  /** The worker ended by a fault of its own. */
  readonly onCrash: (fault: StoreFault) => void;
}

/** The worker and the database in it, made again after whatever fault when it is next needed. */
export class Connection {
  readonly #options: ConnectionOptions;
  #link: WorkerLink | undefined;
  #open = false;
  #ended = false;
  /** Why the present file must make place for a new one. */
  #setAside: string | undefined;

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

  /**
   * Opens the database unless it is open.
   * @returns whether the file had to be made anew
   * @throws {StoreFault} when there can be no database at the moment
   */
  async open(): Promise<boolean> {
    if (this.#open) return false;
    if (this.#ended) throw new StoreFault("disk", "the store is closed");
    this.#link ??= this.#newLink();
    const { clock, open } = this.#options;
    const opened = await this.ask("open", { ...open, nowMs: clock.wall(), setAside: this.#setAside });
    this.#open = true;
    this.#setAside = undefined;
    this.#report(opened);
    return opened.fresh;
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
    if (fault.kind === "damaged") this.#setAside = fault.message;
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

  #report({ fresh, setAside }: Opened): void {
    const { log, open: { folder } } = this.#options;
    if (setAside !== undefined) {
      log.error("store: the database in {folder} cannot be used: {reason}; it was moved to {to} and a new one begun", {
        folder,
        ...setAside,
      });
    } else if (fresh) {
      log.info("store: a new database was begun in {folder}", { folder });
    }
  }
}
