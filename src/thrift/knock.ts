import { LATE, within } from "../deadline.ts";
import { localHost } from "../fleet/address.ts";
import type { BeatSocket } from "./door.ts";

/** Knows which connections are knocks. */
export interface Knocker {
  /** Resolves with whether a connection that was accepted is a knock; then it was heard. Never rejects. */
  isFrom(socket: BeatSocket): Promise<boolean>;
}

/**
 * A connection of the beat port to itself: that the kernel takes a connection says nothing about the accept loop, that
 * the loop hands over the other end does. It is known by its local port, so that it is neither counted nor served.
 */
export class Knock implements Knocker {
  readonly #heard: Promise<void>;
  readonly #connected: Promise<Deno.TcpConn | undefined>;
  #hear: () => void = () => {};

  /** Connects to a listening address; one for all addresses is reached by loopback. */
  constructor({ hostname, port }: { hostname: string; port: number }) {
    this.#heard = new Promise((resolve) => this.#hear = resolve);
    this.#connected = Deno.connect({ hostname: localHost(hostname), port }).catch(() => undefined);
  }

  /** Resolves with whether the accept loop brought the other end within the time. Never rejects. */
  async answered(timeoutMs: number): Promise<boolean> {
    const answered = await within(this.#heard, timeoutMs);
    this.#connected.then((connection) => connection?.close());
    return answered !== LATE;
  }

  async isFrom(socket: BeatSocket): Promise<boolean> {
    const own = (await this.#connected)?.localAddr;
    const { hostname, port } = socket.remoteAddr;
    if (own === undefined || own.port !== port || own.hostname !== hostname) return false;
    this.#hear();
    return true;
  }
}

/** Whether a connection comes from the address that it goes to, as one of this machine to itself does. */
export function fromOwnAddress({ remoteAddr, localAddr }: BeatSocket): boolean {
  return remoteAddr.hostname === localAddr.hostname;
}
