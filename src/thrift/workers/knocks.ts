import { localHost } from "../../fleet/address.ts";
import type { SharedFleet } from "./shared_fleet.ts";

/** How many connections a round has for each worker. */
const PER_WORKER = 2;

interface Address {
  readonly hostname: string;
  readonly port: number;
}

/**
 * Connections of the main thread to the beat port, which prove that each worker accepts. Which worker gets one is up to
 * the kernel, so there are rounds of them until every worker that was meant has had one.
 */
export class Knocks {
  readonly #fleet: SharedFleet;
  readonly #address: Address;
  readonly #workers: number;
  /** Workers that are still to show themselves. */
  #missing = new Set<number>();
  /** The connections of a round by their own address, and what is called when one was accepted. */
  readonly #sent = new Map<string, () => void>();
  /** Until then it is not known which connections these are. */
  #connecting: Promise<unknown> = Promise.resolve();
  readonly #open: Deno.TcpConn[] = [];

  /** @param address where the workers listen; one for all addresses is reached by loopback */
  constructor(fleet: SharedFleet, { address, workers }: { address: Address; workers: number }) {
    this.#fleet = fleet;
    this.#address = { hostname: localHost(address.hostname), port: address.port };
    this.#workers = workers;
  }

  /** Whether all these workers accept a connection within the time. Never rejects. */
  async reach(workers: Iterable<number>, timeoutMs: number): Promise<boolean> {
    this.#missing = new Set(workers);
    this.#fleet.isKnocking = true;
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const over = new Promise<void>((resolve) =>
      timer = setTimeout(() => {
        isOver = true;
        resolve();
      }, timeoutMs)
    );
    while (this.#missing.size > 0 && !isOver) {
      await Promise.race([this.#round(), over]);
      for (const connection of this.#open.splice(0)) connection.close();
    }
    clearTimeout(timer);
    this.#fleet.isKnocking = false;
    this.#connecting.then(() => this.#open.splice(0).forEach((connection) => connection.close()));
    return this.#missing.size === 0;
  }

  /** Whether a connection that a worker has accepted is one of these. */
  async isKnock(worker: number, { hostname, port }: Address): Promise<boolean> {
    await this.#connecting;
    const hear = this.#sent.get(`${hostname} ${port}`);
    if (hear === undefined) return false;
    this.#missing.delete(worker);
    hear();
    return true;
  }

  /** Resolves when all connections of one round were accepted. */
  async #round(): Promise<void> {
    this.#sent.clear();
    const heard: Promise<void>[] = [];
    const connect = async () => {
      // One that fails is never heard.
      const connection = await Deno.connect(this.#address).catch(() => undefined);
      heard.push(new Promise((resolve) => connection && this.#await(connection, resolve)));
    };
    const connecting = Promise.all(Array.from({ length: PER_WORKER * this.#workers }, connect));
    this.#connecting = connecting;
    await connecting;
    await Promise.all(heard);
  }

  #await(connection: Deno.TcpConn, heard: () => void): void {
    const { hostname, port } = connection.localAddr;
    this.#open.push(connection);
    this.#sent.set(`${hostname} ${port}`, heard);
  }
}
