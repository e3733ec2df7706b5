import { errorText } from "../error_text.ts";
import { retryDelayMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { type Auth, type Session, ZookeeperConnection, ZookeeperError } from "./connection.ts";
import { parseConnectString, type Server } from "./connect_string.ts";
import { Pause } from "./pause.ts";
import { type InstanceData, register, type Registered } from "./registration.ts";

/** What a registrar needs. */
export interface RegistrarOptions {
  /** ZooKeeper's servers, as {@link parseConnectString} reads them. */
  readonly connectString: string;
  /** Session timeout to ask for, and the time for connecting to any of the servers, ms. */
  readonly sessionTimeoutMs: number;
  /** The node below which `heartbeat` is, such as `/elves`; created when missing. */
  readonly root: string;
  /** With it the nodes are ours to change and everybody's to read; without it everybody may change them. */
  readonly auth?: Auth | undefined;
  /** What the node says, asked each time when one is created. */
  readonly data: () => InstanceData;
  readonly log: Logger;
  readonly clock: Clock;
  /** A number in [0, 1) for the first server and the jitter of retries. */
  readonly random?: () => number;
}

/** How the registration stands. */
export interface RegistrarStatus {
  /** `off`: not started, or stopped. `down`: not registered, being tried. */
  readonly state: "off" | "down" | "registered";
  /** When this state began, ms since the epoch, UTC. */
  readonly since: number;
  /** The node, while registered. */
  readonly path: string | undefined;
  /** What went wrong last, also when it works again. */
  readonly fault: string | undefined;
}

/** How long the server may take to end the session at the stop, ms; less than the process gives each closer. */
const CLOSE_TIMEOUT_MS = 1_500;
/**
 * Up to which failure the wait before the next try grows: to 2 s, not to {@link retryDelayMs}'s 15 s, for the node must
 * be there within 5 s after the servers are.
 */
const MAX_FAILURES = 2;

/**
 * Keeps one node in ZooKeeper for this instance, through every fault, until stopped: an ephemeral sequential child of
 * `<root>/heartbeat`, which dashboards count.
 */
export class Registrar {
  readonly #options: RegistrarOptions;
  readonly #random: () => number;
  readonly #servers: readonly Server[];
  readonly #folder: string;
  readonly #stats = { sessions: 0, registrations: 0 };
  /** The kinds of fault that the log has told since the last registration. */
  readonly #told = new Set<string>();
  #status: RegistrarStatus;
  #nextServer: number;
  #running: { abort: AbortController; done: Promise<void> } | undefined;
  #connection: ZookeeperConnection | undefined;
  /** The last session, and when it is over at the latest if nobody answers, on the monotonic clock. */
  #session: { key: Session; endsAt: number } | undefined;

  /** @throws SyntaxError for a connect string that is none */
  constructor(options: RegistrarOptions) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    const { servers, chroot } = parseConnectString(options.connectString);
    this.#servers = servers;
    this.#nextServer = Math.floor(this.#random() * servers.length);
    this.#folder = `${chroot}${options.root}/heartbeat`;
    this.#status = { state: "off", since: options.clock.wall(), path: undefined, fault: undefined };
  }

  /** How the registration stands. */
  get status(): RegistrarStatus {
    return this.#status;
  }

  /** Since the process began: sessions opened, nodes created. */
  get stats(): { readonly sessions: number; readonly registrations: number } {
    return this.#stats;
  }

  /** Begins to register, in the background and until stopped. */
  start(): void {
    if (this.#running !== undefined) return;
    this.#become("down", {});
    const abort = new AbortController();
    this.#running = { abort, done: this.#run(abort.signal) };
  }

  /** Ends the session, by which the server removes the node. Takes at most {@link CLOSE_TIMEOUT_MS}; never rejects. */
  async stop(): Promise<void> {
    if (this.#running === undefined) return;
    const { abort, done } = this.#running;
    this.#running = undefined;
    abort.abort();
    await this.#leave();
    await done;
    this.#become("off", {});
  }

  async #leave(): Promise<void> {
    try {
      if (this.#connection !== undefined) await this.#connection.close(CLOSE_TIMEOUT_MS);
      else if (this.#liveSession() !== undefined) throw new Error("there is no connection");
    } catch (cause) {
      this.#options.log.warn("zookeeper: the node stays until its session times out: {cause}", { cause });
    }
    this.#session = undefined;
  }

  async #run(signal: AbortSignal): Promise<void> {
    const pause = new Pause();
    signal.addEventListener("abort", () => pause.wake());
    for (let failures = 1; !signal.aborted; failures++) {
      // Registered and lost: the first failure again.
      if (await this.#tryServers(signal)) failures = 1;
      await pause.wait(retryDelayMs(Math.min(failures, MAX_FAILURES), this.#random));
    }
  }

  /** One after the other, until one took the registration and lost it again. Returns whether one did. */
  async #tryServers(signal: AbortSignal): Promise<boolean> {
    for (let tries = 0; tries < this.#servers.length && !signal.aborted; tries++) {
      const server = this.#servers[this.#nextServer++ % this.#servers.length]!;
      try {
        await this.#serve(server, signal);
      } catch (cause) {
        if (signal.aborted) return false;
        const registered = this.#status.state === "registered";
        this.#failed(cause);
        if (registered) return true;
      }
    }
    return false;
  }

  async #serve(server: Server, signal: AbortSignal): Promise<never> {
    const connection = await this.#connect(server, signal);
    this.#connection = connection;
    try {
      if (signal.aborted) await this.#leave();
      return await this.#stayRegistered(connection);
    } finally {
      // At the stop its answer to the end of the session is waited for.
      if (signal.aborted) await connection.ended;
      connection.destroy(new ZookeeperError("CONNECTION_LOSS", "given up"));
      this.#connection = undefined;
    }
  }

  async #connect(server: Server, signal: AbortSignal): Promise<ZookeeperConnection> {
    const { sessionTimeoutMs, auth, log } = this.#options;
    const connectTimeoutMs = sessionTimeoutMs / this.#servers.length;
    const options = { sessionTimeoutMs, connectTimeoutMs, auth, signal };
    const session = this.#liveSession();
    if (session !== undefined) {
      try {
        const connection = await ZookeeperConnection.open(server, { ...options, session });
        this.#answered(connection);
        return connection;
      } catch (cause) {
        if (!(cause instanceof ZookeeperError && cause.code === "SESSION_EXPIRED")) throw cause;
        log.warn("zookeeper: session expired, registering anew");
      }
    }
    this.#session = undefined;
    const connection = await ZookeeperConnection.open(server, options);
    this.#stats.sessions++;
    this.#answered(connection);
    return connection;
  }

  async #stayRegistered(connection: ZookeeperConnection): Promise<never> {
    const pause = new Pause();
    const onChange = () => pause.wake();
    connection.ended.then(onChange);
    const { data, auth } = this.#options;
    const registration = { folder: this.#folder, protect: auth !== undefined, data, onChange };
    for (;;) {
      const registered = await register(connection, registration);
      this.#answered(connection);
      this.#succeeded(registered);
      await pause.wait(connection.sessionTimeoutMs / 3);
      if (connection.isOver) throw await connection.ended;
    }
  }

  /** None beyond its time, though a server that was down may keep it: one that was set up anew refuses its zxid for ever. */
  #liveSession(): Session | undefined {
    if (this.#session === undefined || this.#options.clock.monotonic() >= this.#session.endsAt) return undefined;
    return this.#session.key;
  }

  #answered(connection: ZookeeperConnection): void {
    const endsAt = this.#options.clock.monotonic() + connection.sessionTimeoutMs;
    this.#session = { key: connection.session, endsAt };
  }

  #succeeded({ path, created, removed }: Registered): void {
    const { log } = this.#options;
    if (created) this.#stats.registrations++;
    for (const node of removed) {
      log.info("zookeeper: removed {node}, left by an earlier session of this instance", { node });
    }
    const { state, path: former } = this.#status;
    if (state === "registered" && path === former) return;
    if (state === "registered") log.warn("zookeeper: somebody removed {former}", { former });
    log.info("zookeeper: registered as {path}", { path });
    this.#told.clear();
    this.#become("registered", { path });
  }

  #failed(cause: unknown): void {
    const { log } = this.#options;
    const kind = cause instanceof ZookeeperError ? cause.code : "OTHER";
    const lost = this.#status.state === "registered";
    if (lost) log.warn("zookeeper: connection lost, trying to get back: {cause}", { cause });
    else if (!this.#told.has(kind)) log.warn("zookeeper: not registered, trying until it works: {cause}", { cause });
    this.#told.add(kind);
    this.#become("down", { fault: errorText(cause) });
  }

  #become(state: RegistrarStatus["state"], { path, fault }: { path?: string; fault?: string }): void {
    const since = state === this.#status.state ? this.#status.since : this.#options.clock.wall();
    this.#status = { state, since, path, fault: fault ?? this.#status.fault };
  }
}
