import type { FaultLog } from "../log.ts";
import { type AddressMatcher, Connection, type ConnectionContext } from "./connection.ts";
import { type ConnectionLimits, OwnLimits } from "./connection_limits.ts";
import { type BeatSocket, type Certificate, checkCertificate, Door, type DoorListener } from "./door.ts";
import { ReplyWriter } from "./encoder.ts";
import { fromOwnAddress, Knock, type Knocker } from "./knock.ts";
import {
  DEFAULT_IDLE_TIMEOUT_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_CONNECTIONS_PER_IP,
  DEFAULT_MAX_MESSAGE_BYTES,
  DEFAULT_REQUEST_TIMEOUT_MS,
} from "./limits.ts";
import { OpenConnections } from "./open_connections.ts";
import { ReadBuffers } from "./read_buffers.ts";
import type { BeatService } from "./service.ts";
import { BeatCounters, type BeatStats, type RefusalReason } from "./stats.ts";

export type { AddressMatcher } from "./connection.ts";

/** Where and within which limits beats are taken. */
export interface BeatServerOptions {
  hostname: string;
  /** 0 for any free port. */
  port: number;
  /** A second port, over TLS; none by default. */
  tls?: { hostname: string; port: number; certificate: Certificate } | undefined;
  /** Connections in all, on both ports; default 20,000. */
  maxConnections?: number;
  /** Connections from one address other than `proxies`; default 64. */
  maxConnectionsPerIp?: number;
  /** From a request's first byte to its last, and for the peer to take the replies, ms; default 5,000. */
  requestTimeoutMs?: number;
  /** How long a connection may stay without a call, ms; default 75,000. */
  idleTimeoutMs?: number;
  /** The longest message, bytes; default 65,536. */
  maxMessageBytes?: number;
  /** Who may beat at all; default everybody. */
  allow?: AddressMatcher | undefined;
  /** Balancers: no limit per address, and a PROXY header from them is believed; default loopback. */
  proxies?: AddressMatcher;
  /** The monotonic clock by which latencies are measured, ms; default that of the process. */
  now?: () => number;
  /** Called when connections cannot be accepted, as without free file descriptors. */
  onStarved?: () => void;
  /** What is shared with other threads that serve the same ports; undefined where there are none. */
  shared?: SharedPorts | undefined;
}

/** Where beats are taken: by {@link BeatServer}, or by several of them in threads of their own. */
export type BeatPort =
  & Pick<
    BeatServer,
    "address" | "tlsAddress" | "isListening" | "maxConnections" | "stats" | "renew" | "accepts" | "stop"
  >
  & { listen(): void | Promise<void> };

/** What one of several servers of the same ports, each in a thread of its own, shares with the others. */
export interface SharedPorts {
  /** Over the connections of all of them. */
  readonly limits: ConnectionLimits;
  /** Where this one counts. */
  readonly counters: BeatCounters;
  /** Who knocks at the plain port from outside of this thread; undefined while nobody does. */
  knocker(): Knocker | undefined;
}

/** The longest time between two looks at the deadlines, ms. */
const MAX_TICK_MS = 250;
/** How long a stop waits for connections that it has cut, ms. */
export const CUT_GRACE_MS = 100;

/** Refusals that are daily life on a network and of no use in a log. */
const UNLOGGED: ReadonlySet<RefusalReason> = new Set(["idle_timeout", "truncated", "connection_lost"]);

const LOOPBACK: AddressMatcher = { has: (address) => address === "::1" || address.startsWith("127.") };

/** The beat port: a Thrift server (binary protocol, unframed) for {@link BeatService}. */
export class BeatServer {
  readonly #options: Required<BeatServerOptions>;
  readonly #faults: Pick<FaultLog, "warn">;
  readonly #counters: BeatCounters;
  readonly #limits: ConnectionLimits;
  readonly #context: ConnectionContext & { tick: number };
  readonly #tickMs: number;
  readonly #connections = new OpenConnections();
  #plain: Door | undefined;
  #secure: Door | undefined;
  #ticker: ReturnType<typeof setInterval> | undefined;
  #stopping: Promise<void> | undefined;
  /** Called when the last connection has ended. */
  #onEmpty: (() => void) | undefined;
  /** Connections that were accepted, and how many it were when that was last asked. */
  #accepted = 0;
  #acceptedBefore = 0;
  #knock: Knock | undefined;
  /** Renewals of the certificate, one after the other. */
  #renewing: Promise<unknown> = Promise.resolve();
  readonly #doorListener: DoorListener = {
    admit: (socket) => this.#admit(socket),
    lost: () => this.#counters.refusals.connection_lost++,
    failed: (cause) => {
      this.#counters.acceptFailures++;
      this.#options.onStarved();
      this.#faults.warn("beat_accept", "beat port: cannot accept connections at the moment: {cause}", { cause });
    },
  };

  constructor(service: BeatService, faults: Pick<FaultLog, "warn">, options: BeatServerOptions) {
    this.#options = { ...defaults(), ...options };
    this.#faults = faults;
    const { shared } = this.#options;
    this.#counters = shared?.counters ?? new BeatCounters();
    this.#limits = shared?.limits ?? new OwnLimits(this.#options);
    const { allow, requestTimeoutMs, idleTimeoutMs, maxMessageBytes, now } = this.#options;
    this.#tickMs = Math.min(MAX_TICK_MS, Math.max(10, Math.min(requestTimeoutMs, idleTimeoutMs) / 10));
    this.#context = {
      service,
      counters: this.#counters,
      replies: new ReplyWriter(),
      buffers: new ReadBuffers(),
      allow,
      maxMessageBytes,
      now,
      tick: 0,
      // One more, since a wait begins somewhere between two ticks: nobody is closed too early.
      requestTimeoutTicks: Math.ceil(requestTimeoutMs / this.#tickMs) + 1,
      idleTimeoutTicks: Math.ceil(idleTimeoutMs / this.#tickMs) + 1,
      refused: (reason, peer, detail) => this.#refused(reason, peer, detail),
      failed: (what, cause) =>
        this.#faults.warn(`beat_${what}`, "beat port: the {what} failed: {cause}", { what, cause }),
    };
  }

  /** How many connections there may be. */
  get maxConnections(): number {
    return this.#options.maxConnections;
  }

  /** Whether the port is open. */
  get isListening(): boolean {
    return this.#plain !== undefined;
  }

  /** Counters since the start, read at any time. */
  get stats(): BeatStats {
    return this.#counters;
  }

  /**
   * Where beats are taken, with the real port.
   * @throws Error when the server does not listen
   */
  get address(): { hostname: string; port: number } {
    if (this.#plain === undefined) throw new Error("the beat port is not open");
    return this.#plain.address;
  }

  /** Where beats are taken over TLS, with the real port; undefined where they are not. */
  get tlsAddress(): { hostname: string; port: number } | undefined {
    return this.#secure?.address;
  }

  /**
   * Opens the port, or both, and serves.
   * @throws Error naming address, cause and setting when a port cannot be opened; then neither is open
   */
  listen(): void {
    const { hostname, port, tls, shared } = this.#options;
    const plain = new Door({ hostname, port, setting: "thrift.heartbeat", reusePort: shared !== undefined }, {
      ...this.#doorListener,
      // Never waited for here: the loop must go on for others.
      admit: (socket) => {
        const knocker = this.#knock ?? shared?.knocker();
        if (knocker !== undefined && fromOwnAddress(socket)) this.#admitUnlessKnock(socket, knocker);
        else this.#admit(socket);
      },
    });
    try {
      if (tls !== undefined) this.#secure = this.#openSecure(tls);
    } catch (cause) {
      plain.close();
      throw cause;
    }
    this.#plain = plain;
    this.#ticker = setInterval(() => this.#tick(), this.#tickMs);
  }

  /**
   * Shows another certificate from now on; connections that are there keep theirs.
   * @returns false when there is no TLS port, or it shows that one already
   * @throws Error when it is none; then the port is open with the former one
   */
  renew(certificate: Certificate): Promise<boolean> {
    const renewed = this.#renewing.then(() => this.#renew(certificate));
    this.#renewing = renewed.catch(() => {});
    return renewed;
  }

  async #renew(certificate: Certificate): Promise<boolean> {
    const former = this.#options.tls;
    if (former === undefined || this.#secure === undefined) return false;
    if (former.certificate.cert === certificate.cert && former.certificate.key === certificate.key) return false;
    const { port } = this.#secure.address;
    // To be found out before the port is closed.
    checkCertificate(certificate);
    await this.#secure.close();
    const next = { ...former, port, certificate };
    this.#secure = this.#openSecure(next);
    this.#options.tls = next;
    return true;
  }

  #openSecure(tls: NonNullable<BeatServerOptions["tls"]>): Door {
    const reusePort = this.#options.shared !== undefined;
    return new Door({ ...tls, setting: "thrift.tls", reusePort }, this.#doorListener);
  }

  /**
   * Whether connections are accepted: because some were since this was last asked, or because one from here is within
   * the time. Never rejects.
   */
  async accepts(timeoutMs: number): Promise<boolean> {
    const isBusy = this.#accepted > this.#acceptedBefore;
    this.#acceptedBefore = this.#accepted;
    if (isBusy || this.#plain === undefined) return isBusy;
    this.#knock = new Knock(this.address);
    const answered = await this.#knock.answered(timeoutMs);
    this.#knock = undefined;
    return answered;
  }

  /**
   * Closes the port and idle connections at once, and the others when what was read from them is answered, or cut after
   * the given time. A second call waits for the first.
   */
  stop(drainTimeoutMs: number): Promise<void> {
    this.#stopping ??= this.#stop(drainTimeoutMs);
    return this.#stopping;
  }

  async #stop(drainTimeoutMs: number): Promise<void> {
    await this.#renewing;
    const doors = [this.#plain?.close(), this.#secure?.close()];
    this.#plain = undefined;
    this.#secure = undefined;
    for (const connection of this.#connections) connection.drain();
    await this.#ended(drainTimeoutMs);
    for (const connection of this.#connections) connection.close();
    await this.#ended(CUT_GRACE_MS);
    clearInterval(this.#ticker);
    await Promise.all(doors);
  }

  /** Waits until no connection is left, but not longer than told. */
  async #ended(timeoutMs: number): Promise<void> {
    if (this.#connections.size === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
      timer = setTimeout(resolve, timeoutMs);
    });
    clearTimeout(timer);
  }

  async #admitUnlessKnock(socket: BeatSocket, knocker: Knocker): Promise<void> {
    if (await knocker.isFrom(socket)) socket.close();
    else this.#admit(socket);
  }

  #admit(socket: BeatSocket): void {
    this.#accepted++;
    const address = plainAddress(socket.remoteAddr.hostname);
    const behindProxy = this.#options.proxies.has(address);
    const refusal = this.#limits.admit(address, behindProxy);
    if (refusal === undefined) {
      this.#serve(socket, address, behindProxy);
      return;
    }
    this.#refused(refusal, address, "");
    socket.close();
  }

  async #serve(socket: BeatSocket, address: string, behindProxy: boolean): Promise<void> {
    const connection = new Connection(socket, address, this.#context);
    this.#connections.add(connection);
    this.#counters.connections.open++;
    this.#counters.connections.total++;
    await connection.serve(behindProxy);
    this.#connections.delete(connection);
    this.#counters.connections.open--;
    this.#limits.release(address, behindProxy);
    if (this.#connections.size === 0) this.#onEmpty?.();
  }

  #tick(): void {
    this.#context.tick++;
    for (const connection of this.#connections) connection.closeWhenOverdue();
  }

  #refused(reason: RefusalReason, peer: string, detail: string): void {
    this.#counters.refusals[reason]++;
    if (UNLOGGED.has(reason)) return;
    const message = `beat port: closed a connection from {peer}: {reason}${detail === "" ? "" : ", {detail}"}`;
    this.#faults.warn(`beat_${reason}`, message, { peer, reason, detail });
  }
}

function defaults() {
  return {
    maxConnections: DEFAULT_MAX_CONNECTIONS,
    maxConnectionsPerIp: DEFAULT_MAX_CONNECTIONS_PER_IP,
    requestTimeoutMs: DEFAULT_REQUEST_TIMEOUT_MS,
    idleTimeoutMs: DEFAULT_IDLE_TIMEOUT_MS,
    maxMessageBytes: DEFAULT_MAX_MESSAGE_BYTES,
    tls: undefined,
    allow: undefined,
    proxies: LOOPBACK,
    now: () => performance.now(),
    onStarved: () => {},
    shared: undefined,
  };
}

/** Without the prefix that an IPv4 peer has on a socket for both IPv4 and IPv6. */
function plainAddress(hostname: string): string {
  return hostname.startsWith("::ffff:") && hostname.includes(".") ? hostname.slice(7) : hostname;
}
