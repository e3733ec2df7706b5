import type { FleetEvent } from "../fleet/events.ts";
import type { ForgottenRow } from "../fleet/sharing.ts";
import type { ClusterRecord, SharedSilence, ToldEvent } from "./records.ts";

/** How many rows or events a record names at most. */
const ROWS_PER_RECORD = 10_000;
/** How many events may wait for the record that says they were told; of more, others may tell some once more. */
const MAX_TOLD = 100_000;
/** How many records of what people did may wait; of more, the oldest are dropped. */
const MAX_DEEDS = 1_000;

/** Passes on what people did here and which events were told: in order, and once there is a stream where there is none. */
export class RecordsOut {
  readonly #publish: (record: ClusterRecord) => Promise<boolean>;
  #told: ToldEvent[] = [];
  #deeds: ClusterRecord[] = [];
  #running: Promise<void> | undefined;

  /** @param publish appends a record to the stream; gives whether it is there, and never rejects */
  constructor(publish: (record: ClusterRecord) => Promise<boolean>) {
    this.#publish = publish;
  }

  /** Says at once, or not at all, that these events are about to be told. */
  claim(events: readonly FleetEvent[]): void {
    for (const claimed of chunks(events)) void this.#publish({ kind: "claimed", events: claimed.map(named) });
  }

  /** These events were told. */
  told(events: readonly FleetEvent[]): void {
    for (const event of events) this.#told.push(named(event));
    if (this.#told.length > MAX_TOLD) this.#told.splice(0, this.#told.length - MAX_TOLD);
  }

  /** Agents were forgotten by hand. */
  forgot(rows: readonly ForgottenRow[]): void {
    for (const some of chunks(rows)) this.#did({ kind: "forget", rows: some });
  }

  /** The guard was released by hand. */
  releasedGuard(): void {
    this.#did({ kind: "guardRelease" });
  }

  /** A maintenance window began. */
  silenced(silence: SharedSilence): void {
    this.#did({ kind: "silenceAdd", silences: [silence] });
  }

  /** A maintenance window was ended by hand. */
  unsilenced(id: string): void {
    this.#did({ kind: "silenceRemove", ids: [id] });
  }

  /** Passes on what waits. */
  flush(): Promise<void> {
    this.#running ??= this.#flush().finally(() => this.#running = undefined);
    return this.#running;
  }

  #did(record: ClusterRecord): void {
    this.#deeds.push(record);
    if (this.#deeds.length > MAX_DEEDS) this.#deeds.shift();
  }

  async #flush(): Promise<void> {
    for (let record = this.#deeds[0]; record !== undefined; record = this.#deeds[0]) {
      if (!await this.#publish(record)) return;
      // Among too many it may have been dropped meanwhile.
      if (this.#deeds[0] === record) this.#deeds.shift();
    }
    while (this.#told.length > 0) {
      const events = this.#told.splice(0, ROWS_PER_RECORD);
      if (await this.#publish({ kind: "told", events })) continue;
      this.#told = [...events, ...this.#told];
      return;
    }
  }
}

function named({ id, atMs }: FleetEvent): ToldEvent {
  return { id, atMs };
}

function* chunks<T>(all: readonly T[]): Generator<readonly T[], void, void> {
  for (let first = 0; first < all.length; first += ROWS_PER_RECORD) yield all.slice(first, first + ROWS_PER_RECORD);
}
