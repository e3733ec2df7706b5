import { close } from "./tcp_proxy.ts";

/** How often targets are checked, and how long one may take to answer, ms. */
const CHECK_MS = 500;

/** One server behind a balancer. */
export interface BalancerTarget {
  /** Its port of 127.0.0.1. */
  readonly port: number;
  /** What must answer with status 200 for it to get connections; it gets them anyway when none does. */
  readonly check: string;
}

/**
 * A TCP balancer: each connection goes to one of the targets whose check succeeds, chosen at random, or to another one if
 * that refuses.
 */
export class Balancer implements AsyncDisposable {
  readonly hostname = "127.0.0.1";
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #targets: readonly BalancerTarget[];
  readonly #ready: Set<BalancerTarget>;
  #isClosed = false;
  readonly #random: () => number;
  readonly #open = new Set<Deno.Conn>();
  readonly #jobs = new Set<Promise<void>>();

  /**
   * Listens on a free port of 127.0.0.1.
   * @param random a number in [0, 1)
   */
  constructor(targets: readonly BalancerTarget[], random: () => number) {
    this.#targets = targets;
    this.#ready = new Set(targets);
    this.#random = random;
    this.#listener = Deno.listen({ hostname: this.hostname, port: 0 });
    this.port = this.#listener.addr.port;
    this.#track(this.#accept());
    for (const target of targets) this.#track(this.#watch(target));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
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

  async #watch(target: BalancerTarget): Promise<void> {
    while (!this.#isClosed) {
      const next = new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      if (await succeeds(target.check)) this.#ready.add(target);
      else this.#ready.delete(target);
      await next;
    }
  }

  async #connect(): Promise<Deno.Conn | undefined> {
    const targets = this.#ready.size === 0 ? this.#targets : [...this.#ready];
    const first = Math.floor(this.#random() * targets.length);
    for (let i = 0; i < targets.length; i++) {
      try {
        const port = targets[(first + i) % targets.length]?.port ?? 0;
        return await Deno.connect({ hostname: "127.0.0.1", port });
      } catch {
        // It is down, so the next one is tried.
      }
    }
    return undefined;
  }
}

async function succeeds(check: string): Promise<boolean> {
  try {
    const response = await fetch(check, { signal: AbortSignal.timeout(CHECK_MS) });
    await response.body?.cancel();
    return response.status === 200;
  } catch {
    return false;
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
