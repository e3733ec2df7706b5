import { HEARTBEAT_METHOD, MessageType, ValueType, VERSION_1 } from "./wire.ts";

/** What of a call stands in its reply. */
interface Answered {
  readonly method: string;
  readonly seqid: number;
}

const utf8 = new TextEncoder();
const METHOD_BYTES = utf8.encode(HEARTBEAT_METHOD);

/**
 * Encodes replies, one after the other, and hands them out as one piece to write. The header is always the strict one.
 * One writer serves all connections: it is filled and taken within one turn of the event loop.
 */
export class ReplyWriter {
  #bytes = new Uint8Array(4 * 1024);
  #length = 0;

  /** Bytes encoded since the last {@link take}. */
  get length(): number {
    return this.#length;
  }

  /** Appends a reply whose result is the string with these UTF-8 bytes. */
  reply(call: Answered, text: Uint8Array): void {
    this.#header(MessageType.REPLY, call, 8 + text.length);
    this.#field(ValueType.STRING, 0);
    this.#string(text);
    this.#byte(ValueType.STOP);
  }

  /** Appends a TApplicationException. */
  exception(call: Answered, type: number, message: string): void {
    const text = utf8.encode(message);
    this.#header(MessageType.EXCEPTION, call, 15 + text.length);
    this.#field(ValueType.STRING, 1);
    this.#string(text);
    this.#field(ValueType.I32, 2);
    this.#i32(type);
    this.#byte(ValueType.STOP);
  }

  /** The encoded bytes, which are the caller's from now on. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** The encoded bytes, in the caller's memory where there is room for them. */
  takeInto(memory: Uint8Array): Uint8Array {
    if (this.#length > memory.length) return this.take();
    memory.set(this.#bytes.subarray(0, this.#length));
    const taken = memory.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  #header(type: number, { method, seqid }: Answered, bodyBytes: number): void {
    const name = method === HEARTBEAT_METHOD ? METHOD_BYTES : utf8.encode(method);
    this.#reserve(12 + name.length + bodyBytes);
    this.#i32(VERSION_1 | type);
    this.#string(name);
    this.#i32(seqid);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const bytes = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
    bytes.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = bytes;
  }

  #field(type: number, id: number): void {
    this.#byte(type);
    this.#byte(id >> 8);
    this.#byte(id);
  }

  #string(text: Uint8Array): void {
    this.#i32(text.length);
    this.#bytes.set(text, this.#length);
    this.#length += text.length;
  }

  #i32(value: number): void {
    this.#byte(value >>> 24);
    this.#byte(value >>> 16);
    this.#byte(value >>> 8);
    this.#byte(value);
  }

  #byte(value: number): void {
    this.#bytes[this.#length++] = value;
  }
}
