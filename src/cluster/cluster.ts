import { type Clock, instant } from "../clock.ts";
import type { Instant } from "../fleet/agent.ts";
import type { FleetEvent } from "../fleet/events.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { ForgottenRow } from "../fleet/sharing.ts";
import { FaultLog, type Logger } from "../log.ts";
import type { Broker } from "../mq/broker.ts";
import type { Slices } from "../slices.ts";
import { CatalogShare, type ShareableCatalog } from "./catalog_share.ts";
import { CatchUp } from "./catch_up.ts";
import { Inbox } from "./inbox.ts";
import { Leader } from "./leader.ts";
import { Markers } from "./markers.ts";
import { Members } from "./members.ts";
import { Outbox } from "./outbox.ts";
import { PendingEvents } from "./pending_events.ts";
import type { SharedCatalog, SharedSilence } from "./records.ts";
import { SharedSilences, type SilenceKeeper } from "./shared_silences.ts";
import { Stream } from "./stream.ts";
import type { ClusterStatus } from "./summary.ts";
import { Tombstones } from "./tombstones.ts";

/** How often beats are passed on, and how often it is looked at everything else, ms. */
const TICK_MS = 200;
/** How many ticks there are between two markers. */
const TICKS_PER_MARKER = 5;
/** A gap this long between two ticks means that this process stood still, ms. */
const STALL_MS = 2_000;
/** How far the wall clock may move against the monotonic one between two ticks before it counts as set, ms. */
const CLOCK_STEP_MS = 500;
/** Later than this a marker says that what comes is not of this moment, ms. */
const LATE_MS = 2_000;
/** Without any marker for this long the stream is read again from the time: it was deleted, and counts from 0, ms. */
const STUCK_MS = 10_000;
/** How much further back than the timeout the stream is read, ms. */
const READ_BACK_MS = 60_000;
/** How long a newcomer leaves calls to the others, ms. */
const NEWCOMER_MS = 10_000;

/** What a cluster needs. */
export interface ClusterOptions {
  /** Name of this instance, the same after a restart. */
  readonly instance: string;
  /** Id of this process: the name, a dot, and something random. */
  readonly run: string;
  /** Version of the program. */
  readonly version: string;
  readonly broker: Pick<Broker, "state" | "channel" | "confirmChannel">;
  readonly fleet: Pick<Fleet, "sharing" | "releaseGuard">;
  readonly catalog: ShareableCatalog;
  readonly slices: Slices;
  readonly clock: Clock;
  readonly log: Logger;
  /** agent.timeout, ms. */
  readonly timeoutMs: () => number;
  /** Tells events to everybody who wants them. */
  readonly tell: (events: readonly FleetEvent[]) => void;
  /** These events need not be told by this instance any more. */
  readonly drop: (ids: string[]) => void;
  readonly silences: SilenceKeeper;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
}

/**
 * This instance as one of several that know one fleet: what it hears it passes on over a RabbitMQ stream, what others
 * hear it takes in, and one of them tells events (DESIGN.md section 6).
 */
export class Cluster {
  readonly #options: ClusterOptions;
  readonly #faults: FaultLog;
  readonly #stream: Stream;
  readonly #members: Members;
  readonly #leader: Leader;
  readonly #catchUp: CatchUp;
  readonly #pending: PendingEvents;
  readonly #catalogs: CatalogShare;
  readonly #inbox: Inbox;
  readonly #outbox: Outbox;
  readonly #markers: Markers;
  readonly #tombstones = new Tombstones();
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  #lastTick: Instant;
  readonly #startedMs: number;
  #openedMs = 0;
  #wasLeading = false;
  /** Whether it had heard everybody out at some time since the start. */
  #wasSettled = false;

  constructor(options: ClusterOptions) {
    this.#options = options;
    const { clock, log, run, instance, fleet, slices, broker, random } = options;
    const { sharing } = fleet;
    const now = () => clock.monotonic();
    this.#lastTick = this.#now();
    this.#startedMs = now();
    this.#faults = new FaultLog(log, now);
    this.#members = new Members({ now, faults: this.#faults, instance });
    this.#leader = new Leader({ run, now });
    this.#markers = new Markers(now);
    this.#stream = new Stream({
      ...{ broker, now, random, faults: this.#faults },
      sinceMs: () => clock.wall() - options.timeoutMs() - READ_BACK_MS,
      prepare: (channel) => this.#leader.join(channel),
      onOpen: () => this.#opened(),
      onRecord: (content) => {
        this.#noticeStall();
        this.#inbox.take(content);
      },
      onClose: () => this.#closed(),
    });
    this.#catchUp = new CatchUp({
      ...{ sharing, slices, clock, members: this.#members, tombstones: this.#tombstones },
      mark: () => this.#outbox.mark(),
      onCaughtUp: () => log.info("cluster: caught up with the others"),
      onSettled: (othersWere) => this.#settled(othersWere),
    });
    this.#pending = new PendingEvents({
      ...{ now, drop: options.drop },
      tell: (events) => this.#tell(events),
      isPresent: (other) => this.#members.isPresent(other),
    });
    this.#catalogs = new CatalogShare({
      ...{ run, slices, clock, members: this.#members, faults: this.#faults, catalog: options.catalog },
      publish: (catalog) => void this.#outbox.publish({ kind: "catalog", catalog }),
    });
    const silences = new SharedSilences({
      ...{ run, keeper: options.silences, leads: () => this.#leader.leads },
      publish: (record) => void this.#outbox.publish(record),
    });
    this.#inbox = new Inbox({
      ...{ run, clock, fleet, silences, faults: this.#faults, members: this.#members, markers: this.#markers },
      ...{ catchUp: this.#catchUp, pending: this.#pending, catalogs: this.#catalogs, tombstones: this.#tombstones },
    });
    this.#outbox = new Outbox({
      ...{ run, version: options.version, clock, sharing, stream: this.#stream, markers: this.#markers },
      ...{ leader: this.#leader, catchUp: this.#catchUp, catalogs: this.#catalogs },
    });
  }

  /** How it stands. */
  get status(): ClusterStatus {
    const { present } = this.#members;
    const leading = this.#leader.leads;
    return {
      caughtUp: this.#catchUp.isCaughtUp,
      settled: this.#catchUp.phase === "settled",
      leading,
      leader: leading ? this.#options.instance : present.find(({ marker }) => marker.leading)?.instance,
      lagSeconds: this.#markers.lagMs / 1000,
      catalog: this.#catalogs.own?.digest,
      members: present.map(({ instance, marker, skewMs, seenAgoMs }) => ({
        instance,
        version: marker.version,
        skewSeconds: skewMs === undefined ? undefined : skewMs / 1000,
        seenSeconds: seenAgoMs / 1000,
        catalog: marker.catalog?.digest,
      })),
      catalogMismatch: this.#catalogs.isMismatched,
      pendingEvents: this.#pending.size,
      faults: this.#inbox.unused,
    };
  }

  /** Whether modules' calls are better answered by others: a newcomer's lists have holes. For 10 s at most. */
  get isNewcomer(): boolean {
    return !this.#catchUp.isCaughtUp && this.#options.clock.monotonic() - this.#startedMs < NEWCOMER_MS;
  }

  /** Begins to share. */
  start(): void {
    this.#options.fleet.sharing.fallBehind();
    this.#stream.start();
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Passes on what is left, says goodbye and ends. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await this.#outbox.leave();
    await this.#stream.stop();
  }

  /** Takes events that happened here, to be told by whoever leads. */
  happened(events: readonly FleetEvent[]): void {
    this.#pending.take(events);
  }

  /** Events were told by this instance. */
  told(events: readonly FleetEvent[]): void {
    this.#outbox.records.told(events);
  }

  /** Agents were forgotten here by hand. */
  forgot(rows: readonly ForgottenRow[]): void {
    this.#tombstones.add(rows, this.#options.clock.monotonic());
    this.#outbox.records.forgot(rows);
  }

  /** The guard was released here by hand. */
  releasedGuard(): void {
    this.#outbox.records.releasedGuard();
  }

  /** A maintenance window began here. */
  silenced(silence: SharedSilence): void {
    this.#outbox.records.silenced(silence);
  }

  /** A maintenance window was ended here by hand. */
  unsilenced(id: string): void {
    this.#outbox.records.unsilenced(id);
  }

  /** A catalog is in force here, or was said again. */
  catalogInForce(catalog: SharedCatalog): void {
    this.#catalogs.inForce(catalog);
  }

  #opened(): void {
    this.#openedMs = this.#options.clock.monotonic();
    this.#markers.clear();
    this.#catchUp.begin();
    this.#leader.tick(this.#stream);
  }

  #closed(): void {
    this.#options.log.warn("cluster: cut off from the others; nobody is called offline until they are heard again");
    this.#fallBack();
    this.#catchUp.lost();
    this.#markers.clear();
  }

  #fallBack(): void {
    this.#leader.resign();
    this.#outbox.fallBack();
    this.#pending.lostTouch();
    this.#pending.advance({ leads: false, isSettled: false });
  }

  #settled(othersWere: boolean): void {
    this.#options.log.info("cluster: everybody was heard out");
    if (!this.#wasSettled) this.#pending.settled(othersWere);
    this.#wasSettled = true;
  }

  #tick(): void {
    this.#noticeStall();
    this.#ticks++;
    const isFull = this.#ticks % TICKS_PER_MARKER === 0;
    this.#catchUp.advance();
    this.#catalogs.advance();
    if (this.#stream.isOpen) {
      this.#outbox.flush();
      if (isFull) {
        this.#outbox.mark();
        this.#leader.tick(this.#stream);
        this.#noticeLag();
      }
    }
    if (isFull) this.#members.prune();
    const leads = this.#leader.leads;
    this.#noticeLeader(leads);
    this.#pending.advance({ leads, isSettled: this.#catchUp.phase === "settled" });
  }

  #tell(events: readonly FleetEvent[]): void {
    this.#outbox.records.claim(events);
    this.#options.tell(events);
  }

  /** Also before each record, because after a stall these may come before the timer. */
  #noticeStall(): void {
    const now = this.#now();
    const passedMs = now.monotonic - this.#lastTick.monotonic;
    const stepMs = now.wall - this.#lastTick.wall - passedMs;
    this.#lastTick = now;
    if (Math.abs(stepMs) > CLOCK_STEP_MS) this.#members.clockWasSet();
    if (!this.#stream.isOpen || !this.#catchUp.isLive) return;
    if (passedMs > STALL_MS || (this.#catchUp.phase === "settled" && this.#options.fleet.sharing.isBehind)) {
      this.#readAgain();
    }
  }

  #readAgain(): void {
    this.#fallBack();
    this.#catchUp.begin();
  }

  #noticeLag(): void {
    const { clock } = this.#options;
    const lateMs = this.#markers.oldestMs;
    if (lateMs > LATE_MS && this.#catchUp.isLive) {
      this.#faults.warn("cluster.late", "cluster: the stream is {seconds} s late; nobody is called offline meanwhile", {
        seconds: Math.round(lateMs / 100) / 10,
      });
      this.#readAgain();
    }
    const isStuck = this.#catchUp.phase === "reading" && lateMs > STUCK_MS;
    if (isStuck && clock.monotonic() - this.#openedMs > STUCK_MS) this.#stream.reset();
  }

  #noticeLeader(leads: boolean): void {
    if (leads === this.#wasLeading) return;
    this.#wasLeading = leads;
    this.#options.log.info(
      leads ? "cluster: this instance tells events from now on" : "cluster: this instance tells events no more",
    );
  }

  #now(): Instant {
    return instant(this.#options.clock);
  }
}
