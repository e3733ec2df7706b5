import { type Channel, type ChannelModel, type ConfirmChannel, connect, type RecoveringChannelModel } from "amqplib";
import type { CatalogUpdates } from "../apps/offer.ts";
import { retryDelayMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { within } from "../deadline.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { FaultLog, type Logger } from "../log.ts";
import type { Slices } from "../slices.ts";
import { Actions } from "./actions.ts";
import { Calls } from "./calls.ts";
import { Endpoint, type EndpointSettings } from "./endpoint.ts";
import { Replies } from "./replies.ts";
import { Session } from "./session.ts";
import { MqStats } from "./stats.ts";

/** How long closing in order may take before the connection is broken off, ms. */
const CLOSE_MS = 1_500;

/** Where RabbitMQ is and how it is used. */
export interface BrokerSettings extends EndpointSettings {
  /** The modules' exchange. */
  readonly exchange: string;
  /** The largest message that is parsed, bytes. */
  readonly maxBodyBytes: number;
  /** What agentInfo gives to calls with an id in mqtype. */
  readonly callIdResult: "list" | "object";
}

/** Whom the broker's messages concern. */
export interface BrokerPeers {
  readonly log: Logger;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, "find" | "countNamed" | "list" | "isWarming">;
  readonly catalog: CatalogUpdates;
  readonly slices: Slices;
  /** Given where other instances serve the same modules. */
  readonly cluster?: {
    /** Whether calls are better answered by others for the moment. */
    readonly isNewcomer: () => boolean;
  } | undefined;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
  /**
   * Called after every (re)connection, and when the queue had to be declared again, as soon as the messages that had
   * waited are handled: supervisor's answer to a question from here on is newer than those.
   */
  readonly onCaughtUp: () => void;
  /** Called when a connection is lost. */
  readonly onDown: () => void;
}

/** How the connection stands, for readiness and status. */
export interface BrokerState {
  /**
   * `connecting`: the first attempt is under way; `down`: the last one failed, or the connection was lost; `waiting`:
   * there is a connection, but the queue of calls cannot be reached.
   */
  readonly name: "connecting" | "down" | "waiting" | "up";
  /** Since when, ms since the epoch. */
  readonly sinceMs: number;
  /** Why it is down or waiting. */
  readonly fault?: string;
}

/** Whether there is a connection. */
export function isConnected({ name }: Pick<BrokerState, "name">): boolean {
  return name === "up" || name === "waiting";
}

/**
 * The connection to RabbitMQ: serves the modules' calls, and comes back for ever. Nothing else in the service waits
 * for it.
 */
export class Broker {
  readonly stats = new MqStats();
  readonly #settings: BrokerSettings;
  readonly #peers: BrokerPeers;
  readonly #faults: FaultLog;
  readonly #replies: Replies;
  readonly #calls: Calls;
  readonly #endpoint: Endpoint;
  /** Faults that were logged since there was a connection. */
  readonly #told = new Set<string>();
  #state: BrokerState;
  #session: Session | undefined;
  /** Why the queue of calls cannot be reached over the present connection. */
  #away: string | undefined;
  #recovering: RecoveringChannelModel | undefined;
  #connecting: Promise<void> | undefined;
  readonly #begun = Promise.withResolvers<void>();
  #consumes = true;
  /** Whether the waiting messages were handled before the connection counted as up. */
  #caughtUpEarly = false;
  #closing: Promise<void> | undefined;

  constructor(settings: BrokerSettings, peers: BrokerPeers) {
    this.#settings = settings;
    this.#peers = peers;
    this.#endpoint = new Endpoint(settings);
    const { clock, log } = peers;
    const now = () => clock.monotonic();
    this.#state = { name: "connecting", sinceMs: clock.wall() };
    this.#faults = new FaultLog(log, now);
    this.#replies = new Replies({
      stats: this.stats,
      now,
      endpoint: () => ({
        ...settings,
        hosts: [this.#endpoint.name],
        instance: `${settings.instance}, large answers`,
      }),
      onRefused: (fault) => this.#faults.warn("mq.reply", "mq: an answer was not taken: {fault}", { fault }),
    });
    this.#calls = new Calls({
      actions: new Actions({
        ...peers,
        callIdResult: settings.callIdResult,
        beginList: () => this.#replies.beginList(),
      }),
      replies: this.#replies,
      stats: this.stats,
      exchange: settings.exchange,
      maxBodyBytes: settings.maxBodyBytes,
      now,
      log,
      faults: this.#faults,
    });
  }

  /** How the connection stands. */
  get state(): BrokerState {
    return this.#state;
  }

  /**
   * Begins to connect, and keeps doing so; does not wait for the connection. It counts as connected, and takes messages,
   * only from {@link start} on.
   */
  connect(): Promise<void> {
    this.#connecting ??= this.#connect();
    return this.#connecting;
  }

  /** Takes messages from now on; connects unless that has begun. */
  async start(): Promise<void> {
    this.#begun.resolve();
    await this.connect();
  }

  async #connect(): Promise<void> {
    const recovering = await connect(this.#endpoint.address, {
      ...this.#endpoint.open(),
      recovery: {
        waitForConnect: false,
        calculateDelay: (failures) => retryDelayMs(failures, this.#peers.random),
        setup: (model: ChannelModel) => this.#setUp(model),
      },
    });
    this.#recovering = recovering;
    // The end of the connection follows and tells the same; without a listener the error would be thrown.
    recovering.on("error", () => {});
    recovering.on("connect", () => this.#up());
    recovering.on("connect-failed", (cause) => this.#down(cause));
    recovering.on("disconnect", (cause) => this.#disconnected(cause));
  }

  /** Takes no more messages and waits until those in work are answered and acknowledged. */
  async stopConsuming(): Promise<void> {
    this.#consumes = false;
    await this.#session?.stopConsuming();
  }

  /** Sends what waits to be sent and closes the connection, in order if the broker answers within 1.5 s. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#consumes = false;
    // A session that waits for it can end.
    this.#begun.resolve();
    try {
      await within(this.#closeInOrder(), CLOSE_MS);
    } finally {
      // Also when a stalled broker left the above waiting: no more attempts, and no socket or folder stays behind.
      void this.#recovering?.close();
      this.#endpoint.close();
      await this.#replies.end();
      this.#state = { name: "down", sinceMs: this.#peers.clock.wall(), fault: "the service stops" };
    }
  }

  async #closeInOrder(): Promise<void> {
    if (isConnected(this.#state)) await this.#session?.close();
    await this.#replies.close();
    await this.#recovering?.close();
  }

  /**
   * Opens a channel for other work.
   * @throws when there is no connection
   */
  async channel(): Promise<Channel> {
    if (!isConnected(this.#state) || this.#session === undefined) throw new Error("there is no connection to RabbitMQ");
    return await this.#session.channel();
  }

  /**
   * Opens a channel on which the broker confirms what it took.
   * @throws when there is no connection
   */
  async confirmChannel(): Promise<ConfirmChannel> {
    if (!isConnected(this.#state) || this.#session === undefined) throw new Error("there is no connection to RabbitMQ");
    return await this.#session.confirmChannel();
  }

  async #setUp(model: ChannelModel): Promise<void> {
    this.#away = undefined;
    this.#session = new Session(model, {
      exchange: this.#settings.exchange,
      replies: this.#replies,
      faults: this.#faults,
      handle: (message, share) => this.#calls.handle(message, share),
      casts: this.#peers.cluster === undefined ? undefined : {
        // With a name of its own for each connection: after a cut the broker keeps the former queue for some time.
        queue: `heartbeat.${this.#settings.instance}.${this.stats.connections}`,
        isNewcomer: this.#peers.cluster.isNewcomer,
      },
      caughtUp: () => this.#caughtUp(),
      begun: this.#begun.promise,
      consumes: () => this.#consumes,
      away: (fault) => this.#queueAway(fault),
    });
    await this.#session.open();
  }

  #caughtUp(): void {
    if (this.#closing !== undefined) return;
    if (isConnected(this.#state)) this.#peers.onCaughtUp();
    else this.#caughtUpEarly = true;
  }

  #up(): void {
    this.stats.connections++;
    this.#told.clear();
    this.#state = this.#connectedState();
    this.#peers.log.info("mq: connected to {host}:{port}, exchange {exchange}", {
      ...this.#endpoint.name,
      exchange: this.#settings.exchange,
    });
    if (this.#caughtUpEarly) this.#caughtUp();
    this.#caughtUpEarly = false;
  }

  #connectedState(): BrokerState {
    const sinceMs = this.#peers.clock.wall();
    return this.#away === undefined ? { name: "up", sinceMs } : { name: "waiting", sinceMs, fault: this.#away };
  }

  #queueAway(fault: string | undefined): void {
    if (this.#closing !== undefined) return;
    this.#away = fault;
    if (isConnected(this.#state)) this.#state = this.#connectedState();
    if (fault === undefined) this.#peers.log.info("mq: calls are answered again");
    else this.#faults.warn("mq.away", "mq: no calls are answered, all else goes on: {fault}", { fault });
  }

  #disconnected(cause: unknown): void {
    this.stats.disconnections++;
    this.#down(cause);
    this.#peers.onDown();
  }

  #down(cause: unknown): void {
    this.#caughtUpEarly = false;
    if (this.#closing !== undefined) return;
    const fault = this.#endpoint.explain(cause);
    const sinceMs = this.#state.name === "down" ? this.#state.sinceMs : this.#peers.clock.wall();
    this.#state = { name: "down", sinceMs, fault };
    if (!this.#told.has(fault)) {
      this.#told.add(fault);
      this.#peers.log.warn("mq: no connection, beats are served meanwhile and it is tried again: {fault}", { fault });
    }
    this.#endpoint.next();
  }
}
