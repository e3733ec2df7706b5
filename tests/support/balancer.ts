/** A TCP balancer: each connection goes to one of the targets, chosen at random, or to another one if that refuses. */
export class Balancer implements AsyncDisposable {
  readonly hostname = "127.0.0.1";
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #targets: readonly number[];
  readonly #random: () => number;
  readonly #open = new Set<Deno.Conn>();
  readonly #jobs = new Set<Promise<void>>();

  /**
   * Listens on a free port of 127.0.0.1.
   * @param targets ports of 127.0.0.1
   * @param random a number in [0, 1)
   */
  constructor(targets: readonly number[], random: () => number) {
    this.#targets = targets;
    this.#random = random;
    this.#listener = Deno.listen({ hostname: this.hostname, port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) close(connection);
    while (this.#jobs.size > 0) await Promise.all(this.#jobs);
  }

  #track(job: Promise<void>): void {
    const tracked = job.finally(() => this.#jobs.delete(tracked));
    this.#jobs.add(tracked);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.#open.add(client);
      this.#track(this.#serve(client));
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const server = await this.#connect();
    if (server !== undefined) {
      this.#open.add(server);
      await Promise.all([pass(client, server), pass(server, client)]);
    }
    for (const connection of [client, server]) {
      if (connection === undefined) continue;
      close(connection);
      this.#open.delete(connection);
    }
  }

  async #connect(): Promise<Deno.Conn | undefined> {
    const first = Math.floor(this.#random() * this.#targets.length);
    for (let i = 0; i < this.#targets.length; i++) {
      try {
        const port = this.#targets[(first + i) % this.#targets.length] ?? 0;
        return await Deno.connect({ hostname: "127.0.0.1", port });
      } catch {
        // It is down, so the next one is tried.
      }
    }
    return undefined;
  }
}

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(16 * 1024);
  try {
    for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
      for (let sent = 0; sent < n;) sent += await to.write(buffer.subarray(sent, n));
    }
  } catch {
    // One side is gone; so is the other in a moment.
  }
  close(from);
  close(to);
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
