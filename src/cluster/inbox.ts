import { type Clock, instant } from "../clock.ts";
import { IdentityError, parseBeat } from "../fleet/beat.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { FaultLog } from "../log.ts";
import type { CatalogShare } from "./catalog_share.ts";
import type { CatchUp } from "./catch_up.ts";
import type { Markers } from "./markers.ts";
import type { Members } from "./members.ts";
import type { PendingEvents } from "./pending_events.ts";
import { type ClusterRecord, decodeRecord, type Envelope, type RecordFault, type SharedBeat } from "./records.ts";
import type { SharedSilences } from "./shared_silences.ts";
import type { Tombstones } from "./tombstones.ts";

/** Whom records concern. */
export interface InboxOptions {
  /** Id of this process. */
  readonly run: string;
  readonly clock: Clock;
  readonly faults: FaultLog;
  readonly fleet: Pick<Fleet, "sharing" | "releaseGuard">;
  readonly members: Members;
  readonly markers: Markers;
  readonly catchUp: CatchUp;
  readonly pending: PendingEvents;
  readonly catalogs: CatalogShare;
  readonly silences: SharedSilences;
  readonly tombstones: Tombstones;
}

/** Takes in the records of the stream. What cannot be used is counted, and costs only itself. */
export class Inbox {
  /** Records, or single beats of one, that could not be used since the start. */
  readonly unused: Record<RecordFault, number> = { unknown: 0, unreadable: 0 };
  readonly #options: InboxOptions;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** Takes in one record; never throws. */
  take(content: Uint8Array): void {
    const { run, clock, faults, members, catchUp } = this.#options;
    const envelope = decodeRecord(content);
    if (typeof envelope === "string") {
      this.unused[envelope]++;
      const fault = envelope === "unknown" ? "it is of another version" : "it cannot be read";
      return faults.warn(`cluster.${envelope}`, "cluster: a record of the stream is left alone: {fault}", { fault });
    }
    if (envelope.run === run) return this.#own(envelope.record);
    if (catchUp.isLive) members.live(envelope, clock.wall());
    else members.past(envelope);
    this.#foreign(envelope);
  }

  #own(record: ClusterRecord): void {
    const { pending, markers, catchUp } = this.#options;
    if (record.kind === "told") return pending.told(record.events);
    if (record.kind !== "marker") return;
    markers.returned(record.marker.number);
    catchUp.returned(record.marker.number);
  }

  #foreign({ run, record, sentMs }: Envelope): void {
    const { fleet, silences, pending, tombstones, catchUp, catalogs, clock } = this.#options;
    const now = instant(clock);
    switch (record.kind) {
      case "beats":
        for (const beat of record.beats) this.#beat(beat, run);
        return;
      case "marker":
        if (catchUp.isLive) silences.greet(run);
        return;
      case "claimed":
        return pending.claimed(record.events, run);
      case "told":
        return pending.told(record.events);
      case "forget":
        tombstones.add(record.rows, now.monotonic);
        return fleet.sharing.forgetSeen(record.rows, now);
      case "guardRelease":
        if (catchUp.isLive) fleet.releaseGuard(now);
        return;
      case "silenceAdd":
        return silences.began(record.silences, { completeFor: record.completeFor, sentMs });
      case "silenceRemove":
        return silences.ended(record.ids);
      case "catalog":
        return catalogs.came(record.catalog, run);
    }
  }

  /** Anybody who may write to the exchange may write to the stream. */
  #beat(beat: SharedBeat, run: string): void {
    try {
      this.#options.catchUp.beat({ ...beat, ...parseBeat(beat) }, run);
    } catch (cause) {
      if (!(cause instanceof IdentityError)) throw cause;
      this.unused.unreadable++;
    }
  }
}
