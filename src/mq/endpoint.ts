import type { Options, SocketOptions } from "amqplib";
import { explainFault } from "./faults.ts";
import { TlsTunnel, type TunnelTarget } from "./tls_tunnel.ts";

/** How often each side shows the other that it lives, s; two missed in a row end the connection. */
const HEARTBEAT_S = 10;
/** How long connecting and logging in may take, ms. */
const CONNECT_MS = 10_000;

/** How RabbitMQ is reached over TLS; every part is PEM. */
export interface BrokerTls {
  /** Who must have signed RabbitMQ's certificate; without it one of the system's authorities. */
  readonly ca?: string;
  /** The certificate that is shown to RabbitMQ, and its private key. */
  readonly cert?: string;
  readonly key?: string;
}

/** Where RabbitMQ is, and who comes. */
export interface EndpointSettings {
  /** Tried in turn. */
  readonly hosts: readonly { readonly host: string; readonly port: number }[];
  readonly user: string;
  readonly password: string;
  readonly vhost: string;
  /** Undefined for plain TCP. */
  readonly tls?: BrokerTls | undefined;
  /** Id of this process, shown in RabbitMQ's list of connections. */
  readonly instance: string;
}

/** The other end of the connection: one of RabbitMQ's hosts, the next one after each that could not be reached. */
export class Endpoint {
  /** What amqplib reads at every attempt. */
  readonly address: Options.Connect;
  readonly #settings: EndpointSettings;
  readonly #breakOff = new AbortController();
  #host = 0;
  /** Where a certificate of ours is shown. */
  #tunnel: TlsTunnel | undefined;

  /** @throws RangeError without a host */
  constructor(settings: EndpointSettings) {
    this.#settings = settings;
    const { tls, user, password, vhost } = settings;
    this.address = {
      protocol: tls === undefined || tls.cert !== undefined ? "amqp" : "amqps",
      username: user,
      password,
      vhost: encodeURIComponent(vhost),
      heartbeat: HEARTBEAT_S,
      ...this.#target,
    };
  }

  /** The host that is connected to, or tried, and its port. */
  get name(): { readonly host: string; readonly port: number } {
    const { hostname: host, port } = this.#target;
    return { host, port };
  }

  /** Makes way for connections. @returns how sockets are opened, until {@link close} */
  open(): SocketOptions & { signal: AbortSignal } {
    const { tls, instance } = this.#settings;
    if (tls?.cert !== undefined) this.#tunnel = new TlsTunnel(tls, () => this.#target);
    return {
      // Without it one call at a time takes 40 ms (measured): the answer waits for a delayed TCP acknowledgement.
      noDelay: true,
      timeout: CONNECT_MS,
      signal: this.#breakOff.signal,
      clientProperties: { connection_name: `elves-heartbeat ${instance}` },
      ...(this.#tunnel === undefined ? tls : { path: this.#tunnel.path }),
    };
  }

  /** Goes on to the next host. */
  next(): void {
    this.#host = (this.#host + 1) % this.#settings.hosts.length;
    Object.assign(this.address, this.#target);
  }

  /** Why it could not be reached, or was lost, for people. */
  explain(cause: unknown): string {
    const { hostname, port } = this.#target;
    return `${hostname}:${port}: ${explainFault(this.#tunnel?.reasonOf(cause) ?? cause)}`;
  }

  /** Breaks off what is still open. */
  close(): void {
    this.#breakOff.abort();
    this.#tunnel?.close();
  }

  get #target(): TunnelTarget {
    const target = this.#settings.hosts[this.#host];
    if (target === undefined) throw new RangeError("there must be at least one RabbitMQ host");
    return { hostname: target.host, port: target.port };
  }
}
