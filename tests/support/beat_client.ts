/**
 * An agent for tests: builds calls and reads replies with code of its own, so that it proves something about src/thrift.
 * Facts: Thrift's binary protocol specification; PROTOCOL.md section 1 for what the agent does.
 */

/** Where a beat port is. */
export interface BeatAddress {
  hostname: string;
  port: number;
}

/** What an agent says about itself. */
export interface BeatInfo {
  asset: string;
  ip: string;
  version: string;
  apps: string;
}

/** One reply: either `text` (what the handler returned) or `exception` is there. */
export interface BeatReply {
  method: string;
  seqid: number;
  text?: string;
  exception?: { type: number; message: string };
}

const VERSION_1 = 0x80010000;
const CALL = 1;
const REPLY = 2;
const EXCEPTION = 3;
const STOP = 0;
const I32 = 8;
const STRING = 11;
const STRUCT = 12;

const utf8 = new TextEncoder();

/** The bytes of one `heartbeatPackage` call; with `strict: false` under the old header without a version word. */
export function beatCall(
  { asset, ip, version, apps, seqid = 1, strict = true }: BeatInfo & { seqid?: number; strict?: boolean },
): Uint8Array<ArrayBuffer> {
  const name = utf8.encode("heartbeatPackage");
  const header = strict
    ? [...i32(VERSION_1 | CALL), ...i32(name.length), ...name, ...i32(seqid)]
    : [...i32(name.length), ...name, CALL, ...i32(seqid)];
  const fields = [asset, ip, version, apps].map((text, index) => stringField(index + 1, text));
  const info = concat([Uint8Array.of(STRUCT, 0, 1), ...fields, Uint8Array.of(STOP, STOP)]);
  return concat([Uint8Array.from(header), info]);
}

/** One beat as the agent sends it: a connection, the call, the reply, closed. */
export async function beat(
  address: BeatAddress,
  info: BeatInfo,
  { pieces = 1, timeoutMs = 5_000 }: { pieces?: number; timeoutMs?: number } = {},
): Promise<BeatReply> {
  using connection = await BeatConnection.open(address, { timeoutMs });
  await connection.send(beatCall(info), { pieces });
  return await connection.reply();
}

/** A kept connection to a beat port, on which calls may be pipelined. Every wait on it is bounded by `timeoutMs`. */
export class BeatConnection implements Disposable {
  readonly #connection: Deno.Conn;
  readonly #timeoutMs: number;
  readonly #chunk = new Uint8Array(65_536);
  #bytes = new Uint8Array(0);
  #seqid = 0;
  #closed = false;

  /** @param connection as a caller opened it, over TLS for instance */
  constructor(connection: Deno.Conn, timeoutMs = 5_000) {
    this.#connection = connection;
    this.#timeoutMs = timeoutMs;
  }

  /** Connects with TCP_NODELAY, as the agent does. */
  static async open(address: BeatAddress, { timeoutMs = 5_000 } = {}): Promise<BeatConnection> {
    const connection = await Deno.connect({ hostname: address.hostname, port: address.port });
    connection.setNoDelay(true);
    return new BeatConnection(connection, timeoutMs);
  }

  /** Sends one call and waits for its reply. */
  async call(info: BeatInfo): Promise<BeatReply> {
    const [reply] = await this.callAll([info]);
    return reply!;
  }

  /** Sends all calls in one write, then reads as many replies, in order. */
  async callAll(infos: BeatInfo[]): Promise<BeatReply[]> {
    const seqids = infos.map(() => ++this.#seqid);
    // Written and read at the same time: a server may stop reading while its replies wait.
    const sent = this.send(concat(infos.map((info, index) => beatCall({ ...info, seqid: seqids[index]! }))));
    const replies: BeatReply[] = [];
    for (const seqid of seqids) {
      const reply = await this.reply();
      if (reply.seqid !== seqid) throw new Error(`reply to call ${reply.seqid} where ${seqid} was due`);
      replies.push(reply);
    }
    await sent;
    return replies;
  }

  /** Writes raw bytes, in as many separate writes as told. */
  async send(bytes: Uint8Array, { pieces = 1 }: { pieces?: number } = {}): Promise<void> {
    const size = Math.ceil(bytes.length / pieces);
    for (let start = 0; start < bytes.length;) {
      const end = Math.min(start + size, bytes.length);
      start += await this.#connection.write(bytes.subarray(start, end));
    }
  }

  /**
   * The next reply.
   * @throws Error when the server closes instead, says nothing in time, or sends something that is no reply
   */
  async reply(): Promise<BeatReply> {
    for (;;) {
      const parsed = parseReply(this.#bytes);
      if (parsed !== undefined) {
        this.#bytes = this.#bytes.slice(parsed.length);
        return parsed.reply;
      }
      if (!await this.#read()) throw new Error(`closed by the server after ${this.#bytes.length} bytes of a reply`);
    }
  }

  /**
   * Waits until the server closes the connection (also by a reset); returns what it sent before.
   * @throws Error when it does not in time
   */
  async closed(): Promise<Uint8Array> {
    while (await this.#read());
    return this.#bytes;
  }

  /** Says that no more calls come, and keeps reading. */
  async closeWrite(): Promise<void> {
    await this.#connection.closeWrite();
  }

  [Symbol.dispose](): void {
    if (!this.#closed) this.#connection.close();
    this.#closed = true;
  }

  async #read(): Promise<boolean> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const expired = new Promise<"expired">((resolve) => {
      timer = setTimeout(() => resolve("expired"), this.#timeoutMs);
    });
    const read = this.#connection.read(this.#chunk).catch((error) => {
      // A server that closes with unread bytes in its buffer resets the connection; that is a close too.
      if (error instanceof Deno.errors.ConnectionReset || this.#closed) return null;
      throw error;
    });
    try {
      const count = await Promise.race([read, expired]);
      if (count === "expired") {
        this[Symbol.dispose]();
        throw new Error(`the server neither answered nor closed within ${this.#timeoutMs} ms`);
      }
      if (count === null) return false;
      this.#bytes = concat([this.#bytes, this.#chunk.subarray(0, count)]);
      return true;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The reply at the start of the bytes and its length; undefined while it is not complete. */
export function parseReply(bytes: Uint8Array): { reply: BeatReply; length: number } | undefined {
  try {
    const reader = new Reader(bytes);
    const reply = readReply(reader);
    return { reply, length: reader.position };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readReply(reader: Reader): BeatReply {
  const word = reader.u32();
  const type = word & 0xff;
  if (word >>> 8 !== VERSION_1 >>> 8 || (type !== REPLY && type !== EXCEPTION)) {
    throw new Error(`no strict reply header: 0x${word.toString(16)}`);
  }
  const reply: BeatReply = { method: reader.string(), seqid: reader.i32() };
  if (type === REPLY) {
    for (const [id, value] of reader.fields()) if (id === 0 && typeof value === "string") reply.text = value;
    if (reply.text === undefined) throw new Error("a reply without its result");
    return reply;
  }
  const exception = { type: 0, message: "" };
  for (const [id, value] of reader.fields()) {
    if (id === 1 && typeof value === "string") exception.message = value;
    if (id === 2 && typeof value === "number") exception.type = value;
  }
  reply.exception = exception;
  return reply;
}

/** Reads Thrift values; a RangeError means that bytes are missing. */
class Reader {
  position = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  u32(): number {
    return this.i32() >>> 0;
  }

  i32(): number {
    this.position += 4;
    return this.#view.getInt32(this.position - 4);
  }

  string(): string {
    const length = this.i32();
    if (length < 0) throw new Error(`a string of ${length} bytes in a reply`);
    if (this.position + length > this.#bytes.length) throw new RangeError("string not complete");
    this.position += length;
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(this.#bytes.subarray(this.position - length, this.position));
  }

  *fields(): Generator<[id: number, value: string | number]> {
    for (;;) {
      const type = this.#view.getInt8(this.position++);
      if (type === STOP) return;
      const id = this.#view.getInt16(this.position);
      this.position += 2;
      if (type !== STRING && type !== I32) throw new Error(`field ${id} of a reply has type ${type}`);
      yield [id, type === STRING ? this.string() : this.i32()];
    }
  }
}

function stringField(id: number, text: string): Uint8Array {
  const bytes = utf8.encode(text);
  return concat([Uint8Array.of(STRING, id >> 8, id & 0xff, ...i32(bytes.length)), bytes]);
}

function i32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** The parts, one after the other. */
export function concat(parts: Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let position = 0;
  for (const part of parts) {
    bytes.set(part, position);
    position += part.length;
  }
  return bytes;
}
