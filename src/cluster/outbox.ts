import { type Clock, instant } from "../clock.ts";
import type { Sharing } from "../fleet/sharing.ts";
import { BeatsOut } from "./beats_out.ts";
import type { CatalogShare } from "./catalog_share.ts";
import type { CatchUp } from "./catch_up.ts";
import type { Leader } from "./leader.ts";
import type { Markers } from "./markers.ts";
import { type ClusterRecord, encodeRecord, type Marker } from "./records.ts";
import { RecordsOut } from "./records_out.ts";
import type { Stream } from "./stream.ts";

/** What is said, and what a marker tells of. */
export interface OutboxOptions {
  /** Id of this process. */
  readonly run: string;
  /** Version of the program. */
  readonly version: string;
  readonly clock: Clock;
  readonly stream: Pick<Stream, "publish" | "isOpen">;
  readonly sharing: Pick<Sharing, "takeOwn" | "giveBack" | "inGrace">;
  readonly markers: Markers;
  readonly leader: Leader;
  readonly catchUp: CatchUp;
  readonly catalogs: CatalogShare;
}

/** Appends to the stream what this instance has to say: beats, what people did here, and every second how it stands. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #beats: BeatsOut;
  /** What people did here, and which events were told. */
  readonly records = new RecordsOut((record) => this.publish(record));
  /** Whether what had waited while there was no stream is in it. */
  #backlogSent = false;
  #leaves = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
    const { run, clock, sharing, stream } = options;
    this.#beats = new BeatsOut({ run, clock, sharing, publish: (content) => stream.publish(content) });
  }

  /**
   * Appends a record at once.
   * @returns whether it is in the stream; never rejects
   */
  publish(record: ClusterRecord): Promise<boolean> {
    const { run, clock, stream } = this.#options;
    return stream.publish(encodeRecord({ run, sentMs: clock.wall(), record }));
  }

  /** Says how this instance stands. @returns the marker's number */
  mark(): number {
    const marker = this.#marker();
    void this.publish({ kind: "marker", marker });
    return marker.number;
  }

  /** Passes on what waits, but not before this instance has caught up. */
  flush(): void {
    const { catchUp } = this.#options;
    if (!catchUp.isCaughtUp) return;
    const { phase } = catchUp;
    void this.#beats.flush().then((isAll) => {
      if (isAll && phase === catchUp.phase) this.#backlogSent = true;
    });
    void this.records.flush();
  }

  /** There is no stream, or it is read again: what comes meanwhile waits. */
  fallBack(): void {
    this.#backlogSent = false;
  }

  /** Passes on what is left and says goodbye. Never rejects. */
  async leave(): Promise<void> {
    this.#leaves = true;
    if (!this.#options.stream.isOpen) return;
    await this.#beats.flush();
    await this.records.flush();
    await this.publish({ kind: "marker", marker: this.#marker() });
  }

  #marker(): Marker {
    const { version, clock, sharing, markers, leader, catchUp, catalogs } = this.#options;
    const isSettled = catchUp.phase === "settled" && this.#backlogSent;
    return {
      number: markers.next(),
      version,
      caughtUp: catchUp.isCaughtUp && this.#backlogSent,
      settled: isSettled && !sharing.inGrace(instant(clock)),
      leading: leader.leads,
      catalog: catalogs.own,
      leaves: this.#leaves,
    };
  }
}
