/**
 * What a dashboard sees in ZooKeeper, with code of its own so that it proves something about src/zookeeper and its
 * library. Facts: ZooKeeper 3.8's zookeeper.jute and ZooDefs.OpCode.
 */

const CLOSE_SESSION = -11;
const CREATE = 1;
const DELETE = 2;
const GET_DATA = 4;
const SET_DATA = 5;
const GET_ACL = 6;
const GET_CHILDREN = 8;
const ANYONE_ALL = [31, "world", "anyone"] as const;
const ANY_VERSION = -1;

/** Error codes of a reply. */
export const OK = 0;
export const NO_NODE = -101;
export const NO_AUTH = -102;

/** Reads and changes nodes as an unauthenticated stranger, one short session a call. */
export class Dashboard {
  readonly #address: Deno.ConnectOptions;
  readonly #folder: string;

  /** @param folder the node whose children are the instances */
  constructor(server: { host: string; port: number }, folder = "/elves/heartbeat") {
    this.#address = { hostname: server.host, port: server.port };
    this.#folder = folder;
  }

  /** The paths of the instances: all children but `agent`; none when there is no folder. */
  async instances(): Promise<string[]> {
    const { error, body } = await this.#ask(GET_CHILDREN, [this.#folder, false]);
    if (error === NO_NODE) return [];
    return body.list(() => body.text()).filter((name) => name !== "agent").sort().map((name) =>
      `${this.#folder}/${name}`
    );
  }

  /** The JSON in a node. */
  async data(path: string): Promise<Record<string, unknown>> {
    const { body } = await this.#ask(GET_DATA, [path, false]);
    return JSON.parse(body.text());
  }

  /** Who may do what, as `permissions scheme`. */
  async acl(path: string): Promise<string[]> {
    const { body } = await this.#ask(GET_ACL, [path]);
    return body.list(() => [body.int(), body.text(), body.text()].slice(0, 2).join(" "));
  }

  /** Each of these returns the server's error code. */
  async remove(path: string): Promise<number> {
    return (await this.#ask(DELETE, [path, ANY_VERSION])).error;
  }

  async write(path: string, text: string): Promise<number> {
    return (await this.#ask(SET_DATA, [path, text, ANY_VERSION])).error;
  }

  async create(path: string, text = ""): Promise<number> {
    return (await this.#ask(CREATE, [path, text, 1, ...ANYONE_ALL, 0])).error;
  }

  async #ask(type: number, fields: readonly Field[]): Promise<{ error: number; body: Reader }> {
    const connection = await Deno.connect(this.#address);
    const deadline = setTimeout(() => connection.close(), 10_000);
    try {
      await send(connection, [0, 0, 0, 30_000, 0, 0, "\0".repeat(16)]);
      await receive(connection);
      await send(connection, [1, type, ...fields]);
      const body = await receive(connection);
      const [_xid, _zxidHigh, _zxidLow, error] = [body.int(), body.int(), body.int(), body.int()];
      await send(connection, [2, CLOSE_SESSION]);
      await receive(connection);
      return { error: error!, body };
    } finally {
      clearTimeout(deadline);
      connection.close();
    }
  }
}

type Field = number | string | boolean;

/** One packet: its length, then the fields. */
async function send(connection: Deno.Conn, fields: readonly Field[]): Promise<void> {
  const body = fields.flatMap((field) => {
    if (typeof field === "number") return int(field);
    if (typeof field === "boolean") return [Number(field)];
    const bytes = new TextEncoder().encode(field);
    return [...int(bytes.length), ...bytes];
  });
  await connection.write(Uint8Array.from([...int(body.length), ...body]));
}

function int(value: number): number[] {
  return [value >> 24, value >> 16, value >> 8, value].map((byte) => byte & 0xff);
}

async function receive(connection: Deno.Conn): Promise<Reader> {
  const length = new Reader(await readExactly(connection, 4)).int();
  return new Reader(await readExactly(connection, length));
}

async function readExactly(connection: Deno.Conn, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length;) {
    const count = await connection.read(bytes.subarray(at));
    if (count === null) throw new Error(`the server closed the connection after ${at} of ${length} bytes`);
    at += count;
  }
  return bytes;
}

class Reader {
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer);
  }

  int(): number {
    this.#at += 4;
    return this.#view.getInt32(this.#at - 4);
  }

  text(): string {
    const length = this.int();
    this.#at += length;
    return new TextDecoder().decode(new Uint8Array(this.#view.buffer as ArrayBuffer, this.#at - length, length));
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.int() }, item);
  }
}
