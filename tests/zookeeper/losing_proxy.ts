const CREATE = 1;
const EPHEMERAL_SEQUENTIAL = 3;

/**
 * A proxy that passes the first creation of an instance node to the server, keeps the answer to itself and closes: the
 * client cannot know that its node exists.
 */
export class LosingProxy implements AsyncDisposable {
  readonly connectString: string;
  /** Whether an answer was lost. */
  lost = false;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #target: { host: string; port: number };
  readonly #open = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  constructor(target: { host: string; port: number }) {
    this.#target = target;
    this.connectString = `127.0.0.1:${this.#listener.addr.port}`;
    this.#accepting = this.#accept();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) connection.close();
    await this.#accepting;
  }

  async #accept(): Promise<void> {
    const serving: Promise<void>[] = [];
    for await (const client of this.#listener) serving.push(this.#serve(client));
    await Promise.all(serving);
  }

  async #serve(client: Deno.Conn): Promise<void> {
    const server = await Deno.connect({ hostname: this.#target.host, port: this.#target.port });
    const ends = [client, server];
    for (const end of ends) this.#open.add(end);
    let losing = false;
    const upstream = pass(client, server, (chunk) => {
      losing ||= !this.lost && createsInstance(chunk);
      return true;
    });
    await pass(server, client, () => {
      this.lost ||= losing;
      return !losing;
    });
    for (const end of ends) if (this.#open.delete(end)) end.close();
    await upstream;
  }
}

/** Copies until one side ends or `allows` says no. */
async function pass(from: Deno.Conn, to: Deno.Conn, allows: (chunk: Uint8Array) => boolean): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  try {
    for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
      const chunk = buffer.subarray(0, count);
      if (!allows(chunk)) return;
      await to.write(chunk);
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.BadResource || cause instanceof Deno.errors.Interrupted)) throw cause;
  }
}

/** Looks through the packets of a chunk: length, xid, operation, ..., for a creation its flags last. */
function createsInstance(chunk: Uint8Array): boolean {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  for (let at = 0; at + 12 <= chunk.length; at += 4 + view.getInt32(at)) {
    const end = at + 4 + view.getInt32(at);
    if (view.getInt32(at + 8) === CREATE && end <= chunk.length && view.getInt32(end - 4) === EPHEMERAL_SEQUENTIAL) {
      return true;
    }
  }
  return false;
}
