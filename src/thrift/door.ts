import { isConnectionLoss } from "./connection.ts";

/** A connection of either kind. */
export type BeatSocket = Deno.TcpConn | Deno.TlsConn;

/** The certificate that a TLS port shows. */
export interface Certificate {
  /** The chain, PEM. */
  readonly cert: string;
  /** Its private key, PEM. */
  readonly key: string;
}

/** Where a door is, and who may stand behind it. */
export interface DoorOptions {
  readonly hostname: string;
  /** 0 for any free port. */
  readonly port: number;
  /** Undefined for plain TCP. */
  readonly certificate?: Certificate | undefined;
  /** How the settings begin that say where it is: `thrift.heartbeat`. */
  readonly setting: string;
  /** Whether other threads listen there too, and the kernel spreads connections over all (SO_REUSEPORT); default not. */
  readonly reusePort?: boolean;
}

/** Who is told what comes through a door. */
export interface DoorListener {
  /** A connection; not waited for. Over TLS the handshake is made when it is first read. */
  admit(socket: BeatSocket): void;
  /** A peer was gone before it was accepted. */
  lost(): void;
  /** Connections cannot be accepted at the moment; it is tried again. */
  failed(cause: unknown): void;
}

/** The wait before accepting again after a failure, ms: file descriptors come back as connections end. */
const ACCEPT_RETRY_MS = 100;

/**
 * Finds out whether a certificate can be shown.
 * @throws Error when it is none
 */
export function checkCertificate({ cert, key }: Certificate): void {
  Deno.listenTls({ hostname: "127.0.0.1", port: 0, cert, key }).close();
}

/** An open port and its accept loop. */
export class Door {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly #listener: Deno.TcpListener | Deno.TlsListener;
  readonly #accepting: Promise<void>;
  #closed = false;

  /** @throws Error naming address, cause and setting when the port cannot be opened */
  constructor(options: DoorOptions, listener: DoorListener) {
    this.#listener = openPort(options);
    const { hostname, port } = this.#listener.addr;
    this.address = { hostname, port };
    this.#accepting = this.#accept(listener);
  }

  /** Closes the port; what came in stays. Resolves when the loop has ended. */
  async close(): Promise<void> {
    if (!this.#closed) this.#listener.close();
    this.#closed = true;
    await this.#accepting;
  }

  async #accept({ admit, lost, failed }: DoorListener): Promise<void> {
    while (!this.#closed) {
      try {
        admit(await this.#listener.accept());
      } catch (cause) {
        if (this.#closed) return;
        // A peer that was gone before it was accepted must not keep the others waiting.
        if (isConnectionLoss(cause)) {
          lost();
          continue;
        }
        failed(cause);
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_RETRY_MS));
      }
    }
  }
}

/**
 * Opens a port.
 * @throws Error naming address, cause and setting when it cannot be opened
 */
export function openPort(
  { hostname, port, certificate, setting, reusePort = false }: DoorOptions,
): Deno.TcpListener | Deno.TlsListener {
  try {
    if (certificate === undefined) return Deno.listen({ hostname, port, reusePort });
    return Deno.listenTls({ hostname, port, reusePort, cert: certificate.cert, key: certificate.key });
  } catch (cause) {
    const address = `${hostname}:${port}`;
    if (!(cause instanceof Deno.errors.AddrInUse)) {
      throw new Error(`beat port ${address} cannot be opened (${setting}.host, ${setting}.port)`, { cause });
    }
    throw new Error(`beat port ${address} is in use (${setting}.port): stop what listens there, or take another`, {
      cause,
    });
  }
}
