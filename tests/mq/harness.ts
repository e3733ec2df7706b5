import { LocalCatalog } from "../../src/apps/local_catalog.ts";
import type { CatalogUpdates } from "../../src/apps/offer.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { type Beat, parseBeat } from "../../src/fleet/beat.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { closeLog, openLog } from "../../src/log.ts";
import { Broker, type BrokerPeers, type BrokerSettings } from "../../src/mq/broker.ts";
import { Slices } from "../../src/slices.ts";
import { fleetOptions } from "../support/fleet_options.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";

/** What a test may choose about a broker connection. */
export interface HarnessOptions {
  readonly settings?: Partial<BrokerSettings>;
  readonly catalog?: CatalogUpdates;
  readonly clock?: Clock;
  readonly fleet?: BrokerPeers["fleet"];
  readonly onCaughtUp?: () => void;
}

/** A broker connection with a real fleet behind it, and its log. */
export class Harness implements AsyncDisposable {
  readonly broker: Broker;
  readonly fleet = new Fleet(fleetOptions({ timeoutMs: 600_000 }));
  readonly log: string[] = [];
  /** How often it was told that the waiting messages are handled, and that the connection is lost. */
  readonly told = { caughtUp: 0, down: 0 };

  private constructor(rabbit: RabbitServer, { settings, catalog, clock, fleet, onCaughtUp }: HarnessOptions) {
    const log = openLog({ level: "debug", format: "text", journal: false, write: (line) => this.log.push(line) });
    this.broker = new Broker({
      hosts: [{ host: rabbit.host, port: rabbit.port }],
      user: rabbit.user,
      password: rabbit.password,
      vhost: "/",
      exchange: "elves",
      maxBodyBytes: 1024 * 1024,
      callIdResult: "list",
      instance: "test-1",
      ...settings,
    }, {
      log,
      clock: clock ?? systemClock,
      fleet: fleet ?? this.fleet,
      catalog: catalog ?? new LocalCatalog({}),
      slices: new Slices(),
      // Always the shortest wait between attempts.
      random: () => 0,
      onCaughtUp: () => {
        this.told.caughtUp++;
        onCaughtUp?.();
      },
      onDown: () => this.told.down++,
    });
  }

  /** Begins to connect, and takes no messages yet. */
  static async connect(rabbit: RabbitServer, options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(rabbit, options);
    await harness.broker.connect();
    return harness;
  }

  /** Begins to connect. */
  static async start(rabbit: RabbitServer, options: HarnessOptions = {}): Promise<Harness> {
    const harness = new Harness(rabbit, options);
    await harness.broker.start();
    return harness;
  }

  /** Waits for the connection. */
  async up(): Promise<this> {
    await waitFor(() => this.broker.state.name === "up", { timeoutMs: 30_000, what: "the connection to RabbitMQ" });
    return this;
  }

  /** Waits for a line of the log. */
  async logged(pattern: RegExp): Promise<string> {
    try {
      const find = () => this.log.find((line) => pattern.test(line));
      return await waitFor(find, { timeoutMs: 15_000, what: `a log line ${pattern}` });
    } catch (cause) {
      throw new Error(`the log was: ${this.log.join("")}`, { cause });
    }
  }

  /** Makes an agent beat. */
  beat(beat: Beat): void {
    this.fleet.beat(parseBeat(beat), { monotonic: systemClock.monotonic(), wall: systemClock.wall() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.broker.stopConsuming();
    await this.broker.close();
    closeLog();
  }
}
