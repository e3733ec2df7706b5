/** A TCP proxy between a client and a server that can cut, stall and refuse connections. */
export class TcpProxy implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #target: Deno.ConnectOptions;
  readonly #listener: Deno.TcpListener;
  readonly #open = new Set<Deno.Conn>();
  readonly #jobs = new Set<Promise<void>>();
  #stalled: PromiseWithResolvers<void> | undefined;
  #answersOnly = false;
  /** Whether connections are closed as soon as they come. */
  isRefusing = false;
  #pieceBytes = Infinity;
  #bytesPerSecond = Infinity;
  /** Connections that were taken so far. */
  accepted = 0;

  /** Listens on a free port of 127.0.0.1 and connects every client to the target. */
  constructor(target: { hostname: string; port: number }) {
    this.#target = target;
    this.#listener = Deno.listen({ hostname: this.host, port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept());
  }

  /** Closes all connections at once; new ones are taken. */
  cut(): void {
    for (const connection of this.#open) close(connection);
    this.#open.clear();
  }

  /**
   * Passes no more bytes on until {@link resume}, in either direction or only from the server to clients; connections
   * stay open.
   */
  stall(what: "everything" | "answers" = "everything"): void {
    this.#answersOnly = what === "answers";
    this.#stalled ??= Promise.withResolvers();
  }

  /** Passes bytes on again, those that came meanwhile first. */
  resume(): void {
    this.#stalled?.resolve();
    this.#stalled = undefined;
  }

  /** Passes on one byte at a time, each in a segment of its own. */
  dribble(on: boolean): void {
    this.#pieceBytes = on ? 1 : Infinity;
  }

  /** Passes on so many bytes a second at most, in each direction of each connection. */
  throttle(bytesPerSecond = Infinity): void {
    this.#bytesPerSecond = bytesPerSecond;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.cut();
    this.resume();
    while (this.#jobs.size > 0) await Promise.all(this.#jobs);
  }

  #track(job: Promise<void>): void {
    const tracked = job.finally(() => this.#jobs.delete(tracked));
    this.#jobs.add(tracked);
  }

  async #accept(): Promise<void> {
    for await (const client of this.#listener) {
      this.accepted++;
      if (this.isRefusing) {
        close(client);
        continue;
      }
      client.setNoDelay(true);
      this.#open.add(client);
      this.#track(this.#serve(client));
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    let server: Deno.TcpConn;
    try {
      server = await Deno.connect(this.#target);
      server.setNoDelay(true);
    } catch {
      return close(client);
    }
    // The client may have been cut off meanwhile.
    if (!this.#open.has(client)) return close(server);
    this.#open.add(server);
    await Promise.all([this.#pass(client, server), this.#pass(server, client, { answers: true })]);
    for (const connection of [client, server]) {
      close(connection);
      this.#open.delete(connection);
    }
  }

  async #pass(from: Deno.Conn, to: Deno.Conn, { answers = false } = {}): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    try {
      for (let n = await from.read(buffer); n !== null; n = await from.read(buffer)) {
        if (answers || !this.#answersOnly) await this.#stalled?.promise;
        for (let sent = 0; sent < n;) {
          const count = await to.write(buffer.subarray(sent, Math.min(n, sent + this.#pieceBytes)));
          sent += count;
          const pauseMs = count / this.#bytesPerSecond * 1000;
          if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
    } catch {
      // One side is gone; so is the other in a moment.
    }
    close(from);
    close(to);
  }
}

/** Closes a connection that may be closed already. */
export function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // Closed already.
  }
}
