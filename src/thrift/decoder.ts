import { MAX_DEPTH, MAX_FIELDS, MAX_METHOD_BYTES, MAX_STRING_BYTES } from "./limits.ts";
import type { AgentInfo } from "./service.ts";
import { readText } from "./text.ts";
import { HEARTBEAT_METHOD, MessageType, ValueType, VERSION_1, VERSION_MASK, WireError } from "./wire.ts";

/** One decoded call. */
export interface Call {
  readonly method: string;
  readonly seqid: number;
  /** The caller wants no reply. */
  readonly oneway: boolean;
  /** The argument of `heartbeatPackage`; undefined for another method, or when it was not sent. */
  readonly info: AgentInfo | undefined;
}

/** A struct or collection that is being read, and what for. */
interface Frame {
  readonly kind: typeof ARGUMENTS | typeof INFO | typeof SKIPPED_STRUCT | typeof SKIPPED_ELEMENTS;
  /** Fields that may still come, or elements (in a map, keys and values) that must. */
  left: number;
  /** The type of the next element when `left` is even (a map's keys), and when it is odd. */
  readonly even: number;
  readonly odd: number;
}

const ARGUMENTS = 0;
const INFO = 1;
const SKIPPED_STRUCT = 2;
const SKIPPED_ELEMENTS = 3;

/** Returned instead of the next position: the value there is not complete. */
const MORE = -1;

const METHOD_BYTES = new TextEncoder().encode(HEARTBEAT_METHOD);

/** Bytes of a value of each type; 0 where the length varies. */
const FIXED_BYTES = sizes({ BOOL: 1, BYTE: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, UUID: 16 });
/** The fewest bytes a value of each type can have; 0 for what is no type of a value. */
const LEAST_BYTES = sizes({
  ...{ BOOL: 1, BYTE: 1, DOUBLE: 8, I16: 2, I32: 4, I64: 8, UUID: 16 },
  ...{ STRING: 4, STRUCT: 1, MAP: 6, SET: 5, LIST: 5 },
});

/**
 * Decodes calls from bytes as they come. Agents write a call in 25 to 30 pieces, so decoding goes on where it stopped:
 * the place is kept after the last value that was complete. Nothing is allocated for a length that a peer claims.
 */
export class CallDecoder {
  readonly #maxMessageBytes: number;
  readonly #frames: Frame[] = [];
  /** The call whose message is being read. */
  #call: { method: string; seqid: number; oneway: boolean; info: AgentInfo | undefined } | undefined;
  #appsSent = false;
  /** Bytes of the message that are done with. */
  #done = 0;
  /** The position where the message would pass its limit. */
  #limit = 0;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /** The length in bytes of the message that {@link decode} returned last. */
  get length(): number {
    return this.#done;
  }

  /**
   * Decodes the message that begins at `start`, as far as its bytes are there. Until it is complete, each further call
   * must give the same message with more bytes, in whatever buffer.
   * @returns the call, or undefined when more bytes are needed
   * @throws WireError when the bytes are no call or pass a limit
   */
  decode(bytes: Uint8Array, start: number, end: number): Call | undefined {
    this.#limit = start + this.#maxMessageBytes;
    let at = this.#call === undefined ? this.#header(bytes, start, end) : start + this.#done;
    while (at !== MORE) {
      this.#done = at - start;
      const frame = this.#frames.at(-1);
      if (frame === undefined) return this.#take();
      at = frame.kind === SKIPPED_ELEMENTS ? this.#element(frame, bytes, at, end) : this.#field(frame, bytes, at, end);
    }
    return undefined;
  }

  #take(): Call | undefined {
    const call = this.#call;
    this.#call = undefined;
    return call;
  }

  #header(bytes: Uint8Array, start: number, end: number): number {
    if (!this.#has(start + 4, end)) return MORE;
    const word = readI32(bytes, start);
    const strict = word < 0;
    if (strict) {
      if ((word & VERSION_MASK) !== VERSION_1) throw new WireError("bad_header", `version word ${hex(word)}`);
      checkMessageType(word & 0xff);
      if (!this.#has(start + 8, end)) return MORE;
    }
    const nameAt = strict ? start + 8 : start + 4;
    const nameEnd = nameAt + methodLength(strict ? readI32(bytes, start + 4) : word);
    checkMethodName(bytes, nameAt, Math.min(nameEnd, end));
    const headerEnd = nameEnd + (strict ? 4 : 5);
    if (!this.#has(headerEnd, end)) return MORE;
    const type = strict ? word & 0xff : bytes[nameEnd]!;
    checkMessageType(type);
    const ours = isHeartbeat(bytes, nameAt, nameEnd);
    this.#call = {
      method: ours ? HEARTBEAT_METHOD : readText(bytes, nameAt, nameEnd),
      seqid: readI32(bytes, headerEnd - 4),
      oneway: type === MessageType.ONEWAY,
      info: undefined,
    };
    this.#openStruct(ours ? ARGUMENTS : SKIPPED_STRUCT);
    return headerEnd;
  }

  #field(frame: Frame, bytes: Uint8Array, at: number, end: number): number {
    if (!this.#has(at + 1, end)) return MORE;
    const type = bytes[at]!;
    if (type === ValueType.STOP) {
      this.#closeStruct(frame);
      return at + 1;
    }
    checkValueType(type);
    if (frame.left === 0) throw new WireError("too_many_fields", `more than ${MAX_FIELDS} fields in a struct`);
    if (!this.#has(at + 3, end)) return MORE;
    const id = bytes[at + 1]! << 8 | bytes[at + 2]!;
    const next = frame.kind === INFO
      ? this.#infoField(id, type, bytes, at + 3, end)
      : frame.kind === ARGUMENTS && id === 1 && type === ValueType.STRUCT
      ? this.#openInfo(at + 3)
      : this.#skip(type, bytes, at + 3, end);
    if (next !== MORE) frame.left--;
    return next;
  }

  /** One field of AgentInfo. A known field of another type counts as not sent, as in Thrift's generated readers. */
  #infoField(id: number, type: number, bytes: Uint8Array, at: number, end: number): number {
    const info = this.#call!.info!;
    if (type === ValueType.I32 && id === 1) {
      if (!this.#has(at + 4, end)) return MORE;
      info.asset = String(readI32(bytes, at));
      return at + 4;
    }
    if (type !== ValueType.STRING || id < 1 || id > 4) return this.#skip(type, bytes, at, end);
    const next = this.#stringEnd(bytes, at, end);
    if (next === MORE) return MORE;
    const text = readText(bytes, at + 4, next);
    if (id === 1) info.asset = text;
    else if (id === 2) info.ip = text;
    else if (id === 3) info.version = text;
    else {
      info.apps = text;
      this.#appsSent = true;
    }
    return next;
  }

  /** Begins AgentInfo; one that was read before is replaced, since the last of several equal fields counts. */
  #openInfo(at: number): number {
    this.#call!.info = { asset: "", ip: "", version: "", apps: "" };
    this.#appsSent = false;
    this.#openStruct(INFO);
    return at;
  }

  #openStruct(kind: Frame["kind"]): void {
    this.#open({ kind, left: MAX_FIELDS, even: 0, odd: 0 });
  }

  #closeStruct({ kind }: Frame): void {
    this.#frames.pop();
    const info = this.#call!.info;
    if (kind !== INFO || info === undefined || this.#appsSent || !info.version.startsWith("{")) return;
    // The very old IDL had the apps in field 3, and no version.
    info.apps = info.version;
    info.version = "";
  }

  #open(frame: Frame): void {
    if (this.#frames.length === MAX_DEPTH) throw new WireError("too_deep", `nested deeper than ${MAX_DEPTH}`);
    this.#frames.push(frame);
  }

  #element(frame: Frame, bytes: Uint8Array, at: number, end: number): number {
    if (frame.left === 0) {
      this.#frames.pop();
      return at;
    }
    const next = this.#skip(frame.left % 2 === 0 ? frame.even : frame.odd, bytes, at, end);
    if (next !== MORE) frame.left--;
    return next;
  }

  /** The position after a value nobody asked for; where a struct or collection begins, after its header. */
  #skip(type: number, bytes: Uint8Array, at: number, end: number): number {
    const size = FIXED_BYTES[type]!;
    if (size > 0) return this.#has(at + size, end) ? at + size : MORE;
    if (type === ValueType.STRING) return this.#stringEnd(bytes, at, end);
    if (type !== ValueType.STRUCT) return this.#skipElements(type, bytes, at, end);
    this.#openStruct(SKIPPED_STRUCT);
    return at;
  }

  #skipElements(type: number, bytes: Uint8Array, at: number, end: number): number {
    const isMap = type === ValueType.MAP;
    const from = at + (isMap ? 6 : 5);
    if (!this.#has(from, end)) return MORE;
    const count = readI32(bytes, from - 4);
    if (count < 0) throw new WireError("negative_length", `a collection of ${count} elements`);
    // Some writers give an empty collection the element type 0.
    if (count === 0) return from;
    const odd = bytes[from - 5]!;
    const even = isMap ? bytes[at]! : odd;
    checkValueType(even);
    checkValueType(odd);
    const least = isMap ? LEAST_BYTES[even]! + LEAST_BYTES[odd]! : LEAST_BYTES[odd]!;
    const arrived = this.#has(from + count * least, end);
    if (FIXED_BYTES[even]! > 0 && FIXED_BYTES[odd]! > 0) return arrived ? from + count * least : MORE;
    this.#open({ kind: SKIPPED_ELEMENTS, left: isMap ? 2 * count : count, even, odd });
    return from;
  }

  /** Where the string ends whose length stands at `at`. */
  #stringEnd(bytes: Uint8Array, at: number, end: number): number {
    if (!this.#has(at + 4, end)) return MORE;
    const length = readI32(bytes, at);
    if (length < 0) throw new WireError("negative_length", `a string of ${length} bytes`);
    if (length > MAX_STRING_BYTES) {
      throw new WireError("string_too_long", `a string of ${length} bytes, at most ${MAX_STRING_BYTES} are taken`);
    }
    const next = at + 4 + length;
    return this.#has(next, end) ? next : MORE;
  }

  /**
   * Whether the bytes up to `to` are there.
   * @throws WireError when the message would be too long with them, whether they are there or not
   */
  #has(to: number, end: number): boolean {
    if (to > this.#limit) {
      throw new WireError("message_too_long", `a message of more than ${this.#maxMessageBytes} bytes`);
    }
    return to <= end;
  }
}

function readI32(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 24 | bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!;
}

function checkMessageType(type: number): void {
  if (type === MessageType.CALL || type === MessageType.ONEWAY) return;
  throw new WireError("bad_message_type", `message type ${type}, a call (1) or oneway call (4) is required`);
}

function checkValueType(type: number): void {
  if (LEAST_BYTES[type] === 0) throw new WireError("bad_value_type", `value type ${type}`);
}

function methodLength(length: number): number {
  // "GET " and a TLS record, read as the length of an old header, are far above the limit.
  if (length > 0 && length <= MAX_METHOD_BYTES) return length;
  throw new WireError("bad_header", `a method name of ${length} bytes`);
}

/** Refuses what cannot be a method name as soon as it comes; a framed message, whose name would begin with 0x80, too. */
function checkMethodName(bytes: Uint8Array, from: number, to: number): void {
  for (let at = from; at < to; at++) {
    const code = bytes[at]!;
    if (code < 0x21 || code > 0x7e) throw new WireError("bad_header", `byte ${hex(code)} in a method name`);
  }
}

function isHeartbeat(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from !== METHOD_BYTES.length) return false;
  for (let index = 0; index < METHOD_BYTES.length; index++) {
    if (bytes[from + index] !== METHOD_BYTES[index]) return false;
  }
  return true;
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function sizes(byName: Partial<Record<keyof typeof ValueType, number>>): Uint8Array {
  const byType = new Uint8Array(256);
  for (const [name, size] of Object.entries(byName)) byType[ValueType[name as keyof typeof ValueType]] = size;
  return byType;
}
