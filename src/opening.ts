import { type Clock, instant } from "./clock.ts";
import type { Settings } from "./config/schema.ts";
import { RestoredAgents } from "./fleet/stored.ts";
import { instanceName } from "./instance.ts";
import type { Logger } from "./log.ts";
import { type Memory, Store } from "./store/store.ts";

/**
 * The store on its way: begun as soon as the settings are known, so that its worker reads the disk while this thread
 * loads the rest of the program (0.1 s, in which 100,000 agents are read).
 */
export class Opening {
  /** The name of this instance, the same after every restart. */
  readonly instance: string;
  /** The name of this run of it. */
  readonly run: string;
  /**
   * The open store and what it remembers.
   * @throws {StoreFault} naming the process that uses the folder already
   */
  readonly done: Promise<{ readonly store: Store; readonly memory: Memory<RestoredAgents> }>;
  // Apart from the rest: the store keeps it, and must not keep all that it remembered with it.
  readonly #rebuilt = { tell: () => {} };

  constructor(settings: Settings, { log, clock }: { readonly log: Logger; readonly clock: Clock }) {
    this.instance = instanceName(settings);
    this.run = `${this.instance}.${crypto.randomUUID().slice(0, 8)}`;
    const rebuilt = this.#rebuilt;
    const options = {
      dir: settings["data.dir"],
      log,
      clock,
      instance: this.run,
      eventRetentionMs: settings["events.retention"],
      onRebuilt: () => rebuilt.tell(),
    };
    // By one moment for all: the clocks' distance is the same for each row.
    const now = instant(clock);
    this.done = Store.openTaking(options, () => {
      const agents = new RestoredAgents();
      return { agents, take: (row, { installed }) => agents.take(row, { installed, now }) };
    });
    // Whoever waits for it is told.
    this.done.catch(() => {});
  }
  /** Says what is called when all agents and the catalog in force are to be written again; see StoreOptions. */
  whenRebuilt(tell: () => void): void {
    this.#rebuilt.tell = tell;
  }
}
