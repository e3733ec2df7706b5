import type { Catalog } from "../../apps/catalog.ts";
import { type Clock, instant } from "../../clock.ts";
import { LATE, within } from "../../deadline.ts";
import type { Cidrs } from "../../fleet/address.ts";
import type { Beat } from "../../fleet/beat.ts";
import type { BeatOutcome, Fleet } from "../../fleet/fleet.ts";
import { FaultLog, type Logger } from "../../log.ts";
import type { Slices } from "../../slices.ts";
import { type Certificate, checkCertificate } from "../door.ts";
import { DEFAULT_MAX_CONNECTIONS, DEFAULT_MAX_CONNECTIONS_PER_IP } from "../limits.ts";
import { type BeatPort, type BeatServerOptions, CUT_GRACE_MS } from "../server.ts";
import { BeatCounters, type BeatStats } from "../stats.ts";
import { withFreePorts } from "./free_ports.ts";
import { Inbox } from "./inbox.ts";
import { KeptWorker } from "./kept_worker.ts";
import { Knocks } from "./knocks.ts";
import { packCatalog } from "./pack_catalog.ts";
import type { NumberedCatalog, WorkerServerOptions, WorkerStart } from "./protocol.ts";
import { SharedFleet } from "./shared_fleet.ts";
import { SharedLimits, type SharedLimitsOptions } from "./shared_limits.ts";
import { SummedStats } from "./summed_stats.ts";
import type { WorkerListener } from "./worker_link.ts";

/** Where and within which limits workers take beats; what differs from {@link BeatServerOptions} can be sent to them. */
export interface BeatWorkersOptions extends Omit<BeatServerOptions, "allow" | "proxies" | "now" | "shared"> {
  /** How many there are. */
  readonly workers: number;
  /** The module that they run; the one that is there for it by default. */
  readonly script?: URL;
  readonly allow?: Cidrs | undefined;
  readonly proxies?: Cidrs;
}

/** What the workers are a part of. */
export interface BeatWorkersSurroundings {
  readonly fleet: Pick<Fleet, "beat" | "room" | "refusesForeign">;
  /** Holds the catalog in force; undefined in it until one is known. */
  readonly catalog: { readonly current: Catalog | undefined };
  readonly slices: Slices;
  readonly clock: Clock;
  readonly log: Logger;
}

/** How often the workers are told what there is room for, also when no beats come, ms. */
const REPLICATE_MS = 100;
/** How long a worker may take to answer from a new catalog before the others' word is enough, ms. */
const CATALOG_PATIENCE_MS = 2_000;
/** How long the last beats may be on their way at the stop, ms. */
const LAST_BEATS_MS = 250;

/**
 * The beat port in several threads (`thrift.workers`): each accepts connections of its own, reads calls and answers them
 * from a copy of the catalog. The fleet stays on the main thread, to which beats come in batches.
 */
export class BeatWorkers implements BeatPort {
  readonly #options: BeatWorkersOptions;
  readonly #surroundings: BeatWorkersSurroundings;
  readonly #faults: FaultLog;
  readonly #fleet: SharedFleet;
  readonly #limits: SharedLimitsOptions;
  readonly #counters: readonly { readonly memory: SharedArrayBuffer; readonly counters: BeatCounters }[];
  readonly #workers: readonly KeptWorker[];
  readonly #inbox: Inbox;
  /** Counters since the start, of all workers together. */
  readonly stats: BeatStats;
  #catalog: NumberedCatalog = { number: 0, memory: undefined };
  #replicated: Catalog | undefined;
  #replicating: Promise<void> = Promise.resolve();
  #server: WorkerServerOptions | undefined;
  #knocks: Knocks | undefined;
  #acceptedBefore: readonly number[];
  #renewing: Promise<unknown> = Promise.resolve();
  #stopping: Promise<void> | undefined;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(options: BeatWorkersOptions, surroundings: BeatWorkersSurroundings) {
    const { workers, maxConnections = DEFAULT_MAX_CONNECTIONS } = options;
    const { maxConnectionsPerIp = DEFAULT_MAX_CONNECTIONS_PER_IP } = options;
    const numbers = Array.from({ length: workers }, (_, i) => i);
    this.#options = options;
    this.#surroundings = surroundings;
    this.#faults = new FaultLog(surroundings.log, () => surroundings.clock.monotonic());
    this.#fleet = SharedFleet.of(workers);
    this.#limits = SharedLimits.options({ workers, maxConnections, maxConnectionsPerIp });
    this.#counters = numbers.map(BeatCounters.memory).map((memory) => ({ memory, counters: new BeatCounters(memory) }));
    this.#acceptedBefore = numbers.map(() => 0);
    this.stats = new SummedStats(this.#counters.map(({ counters }) => counters));
    this.#inbox = new Inbox((beat, peer) => this.#take(beat, peer));
    const kept = {
      log: surroundings.log,
      script: options.script ?? new URL("./worker.ts", import.meta.url),
      start: (worker: number) => this.#start(worker),
      listener: this.#listener(),
      lost: (worker: number) => this.#lost(worker),
    };
    this.#workers = numbers.map((worker) => new KeptWorker(worker, kept));
  }

  /** How many connections there may be, at all workers together. */
  get maxConnections(): number {
    return this.#limits.maxConnections;
  }

  /** Whether the port is open. */
  get isListening(): boolean {
    return this.#server !== undefined && this.#workers.some(({ isListening }) => isListening);
  }

  /**
   * Where beats are taken, with the real port.
   * @throws Error when nobody listens
   */
  get address(): { hostname: string; port: number } {
    if (this.#server === undefined) throw new Error("the beat port is not open");
    const { hostname, port } = this.#server;
    return { hostname, port };
  }

  /** Where beats are taken over TLS, with the real port; undefined where they are not. */
  get tlsAddress(): { hostname: string; port: number } | undefined {
    const tls = this.#server?.tls;
    return tls === undefined ? undefined : { hostname: tls.hostname, port: tls.port };
  }

  /**
   * Starts the workers. Resolves when all of them serve.
   * @throws Error naming address, cause and setting when a port cannot be opened; then no worker is left
   */
  async listen(): Promise<void> {
    const { catalog } = this.#surroundings;
    if (catalog.current !== undefined) await this.replicate(catalog.current);
    this.#server = withFreePorts(this.#options);
    this.#replicateLimits();
    const started = await Promise.allSettled(this.#workers.map((worker) => worker.start()));
    const failed = started.find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") {
      await this.stop(0);
      throw failed.reason;
    }
    this.#knocks = new Knocks(this.#fleet, { address: this.address, workers: this.#workers.length });
    this.#timer = setInterval(() => this.#replicateLimits(), REPLICATE_MS);
  }

  /** Has the workers follow what a reload of the configuration has changed in the fleet and in a catalog of its own. */
  reloaded(): void {
    this.#replicateLimits();
    const { current } = this.#surroundings.catalog;
    if (current !== undefined) this.replicate(current).catch((cause) => this.#notTaken(cause));
  }

  /**
   * Has the workers answer from another catalog. Resolves when they do; one that hangs is not waited for.
   * @throws when there is no memory for it; then they answer from the former one
   */
  replicate(catalog: Catalog): Promise<void> {
    const replicated = this.#replicating.then(() => this.#replicate(catalog));
    this.#replicating = replicated.catch(() => {});
    return replicated;
  }

  async #replicate(catalog: Catalog): Promise<void> {
    if (catalog === this.#replicated || this.#stopping !== undefined) return;
    const memory = await this.#surroundings.slices.run(packCatalog(catalog));
    this.#replicated = catalog;
    this.#catalog = { number: this.#catalog.number + 1, memory };
    // One that ended meanwhile is followed by one that begins with this catalog.
    const taken = Promise.allSettled(this.#workers.map((worker) => worker.replaceCatalog(this.#catalog)));
    if (await within(taken, CATALOG_PATIENCE_MS) === LATE) {
      this.#notTaken(`no answer within ${CATALOG_PATIENCE_MS / 1000} s`);
    }
  }

  /**
   * Shows another certificate from now on; connections that are there keep theirs.
   * @returns false when there is no TLS port, or it shows that one already
   * @throws Error when it is none, or a worker cannot show it
   */
  renew(certificate: Certificate): Promise<boolean> {
    const renewed = this.#renewing.then(() => this.#renew(certificate));
    this.#renewing = renewed.catch(() => {});
    return renewed;
  }

  async #renew(certificate: Certificate): Promise<boolean> {
    const former = this.#server?.tls;
    if (this.#server === undefined || former === undefined) return false;
    if (former.certificate.cert === certificate.cert && former.certificate.key === certificate.key) return false;
    checkCertificate(certificate);
    this.#server = { ...this.#server, tls: { ...former, certificate } };
    const renewed = await Promise.allSettled(this.#workers.map((worker) => worker.renew(certificate)));
    for (const each of renewed) if (each.status === "rejected") throw each.reason;
    return true;
  }

  /**
   * Whether all workers accept connections: because they did since this was last asked, or because they accept one from
   * here within the time. Never rejects.
   */
  async accepts(timeoutMs: number): Promise<boolean> {
    const before = this.#acceptedBefore;
    this.#acceptedBefore = this.#counters.map(({ counters }) => accepted(counters));
    if (!this.isListening || this.#knocks === undefined) return false;
    const silent = [...this.#workers.keys()].filter((worker) => this.#acceptedBefore[worker] === before[worker]);
    // One that crashed gets no connections until another is in its place.
    const asked = silent.filter((worker) => this.#workers[worker]?.isListening);
    return asked.length === 0 || await this.#knocks.reach(asked, timeoutMs);
  }

  /**
   * Closes the ports and idle connections at once, and the others when what was read from them is answered, or cut after
   * the given time. Resolves when the fleet has taken all beats. A second call waits for the first.
   */
  stop(drainTimeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(drainTimeoutMs);
    return this.#stopping;
  }

  async #stop(drainTimeoutMs: number): Promise<void> {
    clearInterval(this.#timer);
    await this.#renewing;
    this.#server = undefined;
    const patienceMs = drainTimeoutMs + CUT_GRACE_MS + LAST_BEATS_MS;
    await Promise.all(this.#workers.map((worker) => worker.stop(drainTimeoutMs, patienceMs)));
    this.#inbox.finish();
  }

  #notTaken(cause: unknown): void {
    this.#faults.error("beat_catalog", "beat port: a worker does not take the catalog that is in force: {cause}", {
      cause,
    });
  }

  /** Tells the workers what there is room for and whom the fleet refuses. */
  #replicateLimits(): void {
    const { fleet } = this.#surroundings;
    this.#fleet.room = fleet.room;
    this.#fleet.refusesForeign = fleet.refusesForeign;
  }

  #start(worker: number): WorkerStart {
    const { memory: counters } = this.#counters[worker]!;
    if (this.#server === undefined) throw new Error("the beat port is closed");
    return {
      ...{ worker, counters },
      server: this.#server,
      limits: this.#limits,
      fleet: this.#fleet.memory,
      catalog: this.#catalog,
    };
  }

  #listener(): Omit<WorkerListener, "crashed"> {
    return {
      beats: (batch, done) => this.#inbox.add(batch, done),
      took: (worker, beats) => {
        // Before they are counted as taken: there must never seem to be more room than there is.
        this.#replicateLimits();
        this.#fleet.took(worker, beats);
      },
      fault: (kind, message, properties) => this.#faults.warn(kind, message, properties),
      repeated: (kind, times) => this.#faults.repeated(kind, times),
      starved: () => this.#options.onStarved?.(),
      isKnock: (worker, from) => this.#knocks?.isKnock(worker, from) ?? Promise.resolve(false),
    };
  }

  #take(beat: Beat, peer: string | undefined): BeatOutcome {
    const { fleet, clock } = this.#surroundings;
    try {
      return fleet.beat(beat, instant(clock), peer);
    } catch (cause) {
      // The agent has its answer; the others' beats must be taken none the less.
      this.#faults.error("beat_take", "beat port: a beat could not be taken: {cause}", { cause });
      return "beat";
    }
  }

  #lost(worker: number): void {
    this.#fleet.lost(worker);
    new SharedLimits(this.#limits, worker).clear();
    const { counters } = this.#counters[worker]!;
    counters.connections.open = 0;
  }
}

/** How many connections were accepted, served or not. */
function accepted({ connections, refusals }: BeatCounters): number {
  return connections.total + refusals.too_many_connections + refusals.too_many_connections_of_address;
}
