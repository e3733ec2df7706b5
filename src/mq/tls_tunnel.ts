import type { BrokerTls } from "./endpoint.ts";

/** Where a tunnel ends. */
export interface TunnelTarget {
  readonly hostname: string;
  readonly port: number;
}

const CHUNK_BYTES = 64 * 1024;
/** What amqplib says when its socket just ends. */
const SOCKET_ENDED = /Socket closed abruptly|Unexpected close|ECONNRESET|EPIPE/;

/**
 * A local socket whose connections go to RabbitMQ over TLS with a certificate of ours: `node:tls`, which amqplib uses,
 * does not show one on Deno 2.4 (2.9 does). It lies in a folder of its own, since whoever connects to it is RabbitMQ's
 * client with that certificate.
 */
export class TlsTunnel {
  /** Path of the socket. */
  readonly path: string;
  readonly #folder: string;
  readonly #listener: Deno.UnixListener;
  readonly #open = new Set<Deno.Conn>();
  #fault: unknown;

  /** @param target where the next connection goes */
  constructor(tls: BrokerTls, target: () => TunnelTarget) {
    this.#folder = Deno.makeTempDirSync({ prefix: "elves-heartbeat-" });
    this.path = `${this.#folder}/mq.sock`;
    this.#listener = Deno.listen({ transport: "unix", path: this.path });
    void this.#accept(tls, target);
  }

  /** What TLS or the network did, where amqplib knows only that its socket has ended; else what amqplib says. */
  reasonOf(cause: unknown): unknown {
    return SOCKET_ENDED.test(String(cause)) ? this.#fault ?? cause : cause;
  }

  /** Ends all connections and removes the socket. */
  close(): void {
    this.#listener.close();
    for (const connection of this.#open) this.#end(connection);
    try {
      Deno.removeSync(this.#folder, { recursive: true });
    } catch (cause) {
      // Somebody may have tidied up already.
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    }
  }

  async #accept(tls: BrokerTls, target: () => TunnelTarget): Promise<void> {
    for await (const client of this.#listener) void this.#serve(client, { tls, target: target() });
  }

  async #serve(client: Deno.Conn, { tls, target }: { tls: BrokerTls; target: TunnelTarget }): Promise<void> {
    this.#fault = undefined;
    this.#open.add(client);
    let server: Deno.TlsConn | undefined;
    try {
      server = await dial(tls, target);
      // The client has given up meanwhile, or this was closed.
      if (!this.#open.has(client)) return;
      this.#open.add(server);
      await Promise.race([pass(client, server), pass(server, client)]);
    } catch (cause) {
      this.#fault = cause;
    } finally {
      this.#end(client);
      if (server !== undefined) this.#end(server);
    }
  }

  #end(connection: Deno.Conn): void {
    this.#open.delete(connection);
    try {
      connection.close();
    } catch {
      // Closed already, which is what was wanted.
    }
  }
}

/** @throws when RabbitMQ cannot be reached, or one of the two does not take the other's certificate */
async function dial({ ca, cert, key }: BrokerTls, { hostname, port }: TunnelTarget): Promise<Deno.TlsConn> {
  const connection = await Deno.connectTls({
    ...{ hostname, port },
    ...(ca === undefined ? {} : { caCerts: [ca] }),
    ...(cert === undefined || key === undefined ? {} : { cert, key }),
  });
  try {
    await connection.handshake();
  } catch (cause) {
    connection.close();
    throw cause;
  }
  return connection;
}

/** Hands on what comes, until one of the two has ended. */
async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const chunk = new Uint8Array(CHUNK_BYTES);
  for (let length = await from.read(chunk); length !== null; length = await from.read(chunk)) {
    for (let sent = 0; sent < length;) sent += await to.write(chunk.subarray(sent, length));
  }
}
