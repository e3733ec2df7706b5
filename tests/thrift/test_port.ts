import { type Catalog, catalogForAll } from "../../src/apps/catalog.ts";
import { systemClock } from "../../src/clock.ts";
import type { Beat } from "../../src/fleet/beat.ts";
import type { BeatOutcome } from "../../src/fleet/fleet.ts";
import { FaultLog } from "../../src/log.ts";
import { Slices } from "../../src/slices.ts";
import { HeartbeatService } from "../../src/thrift/heartbeat_service.ts";
import { type BeatPort, BeatServer } from "../../src/thrift/server.ts";
import type { BeatStats } from "../../src/thrift/stats.ts";
import { BeatWorkers, type BeatWorkersOptions } from "../../src/thrift/workers/beat_workers.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

/** With how many workers the tests of the beat port run. */
export const WORKERS = [0, 2];

/** In front of a test's name. */
export function named(workers: number): string {
  return workers === 0 ? "BeatServer" : `BeatWorkers, ${workers},`;
}

/** What a test chooses of a port. */
export interface TestPortOptions extends Partial<Omit<BeatWorkersOptions, "workers">> {
  /** In which no agent has apps, by default. */
  readonly catalog?: Catalog;
  readonly isCatalogKnown?: boolean;
  /** What the fleet says to a beat; takes all by default. */
  readonly outcome?: (beat: Beat, peer: string | undefined) => BeatOutcome;
  readonly room?: number;
  readonly refusesForeign?: boolean;
}

/** A beat port in front of a fleet that only remembers what came, its log and the beats. */
export class TestPort implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly beats: { beat: Beat; peer: string | undefined }[] = [];
  readonly fleet;
  readonly catalog: { current: Catalog | undefined };
  readonly port: BeatPort;
  /** Undefined where the port has none. */
  readonly workers: BeatWorkers | undefined;

  constructor(
    workers: number,
    {
      catalog = catalogForAll({}),
      isCatalogKnown = true,
      outcome = () => "beat",
      room = 1_000_000,
      refusesForeign = false,
      ...options
    }: TestPortOptions = {},
  ) {
    const parts = {
      catalog: { current: isCatalogKnown ? catalog : undefined },
      clock: systemClock,
      log: this.log.logger,
    };
    this.catalog = parts.catalog;
    this.fleet = {
      room,
      refusesForeign,
      beat: (beat: Beat, _now: unknown, peer?: string) => {
        const result = outcome(beat, peer);
        this.beats.push({ beat, peer });
        return result;
      },
    };
    const all = { hostname: "127.0.0.1", port: 0, ...options };
    const faults = new FaultLog(this.log.logger, () => performance.now());
    this.workers = workers === 0
      ? undefined
      : new BeatWorkers({ ...all, workers }, { ...parts, fleet: this.fleet, slices: new Slices() });
    this.port = this.workers ?? new BeatServer(new HeartbeatService({ ...parts, fleet: this.fleet }), faults, all);
  }

  /** A port that is open. */
  static async start(workers: number, options?: TestPortOptions): Promise<TestPort> {
    const test = new TestPort(workers, options);
    await test.port.listen();
    return test;
  }

  get address(): { hostname: string; port: number } {
    return this.port.address;
  }

  get stats(): BeatStats {
    return this.port.stats;
  }

  /** Puts a catalog in force. */
  async inForce(catalog: Catalog): Promise<void> {
    await this.workers?.replicate(catalog);
    this.catalog.current = catalog;
  }

  /** Waits until the fleet has so many beats. */
  async taken(count: number): Promise<void> {
    await waitFor(() => this.beats.length >= count, { timeoutMs: 10_000, what: `beat ${count}` });
  }

  /** Waits until so many connections are open. */
  async connectionsOpen(count: number): Promise<void> {
    const what = `${count} open connections`;
    await waitFor(() => this.stats.connections.open === count, { timeoutMs: 10_000, what });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.port.stop(1_000);
    this.log[Symbol.dispose]();
  }
}
