import { concat } from "../support/beat_client.ts";

/** Builds Thrift messages by hand, good and bad ones; independent of src/thrift. */

export const CALL = 1;
export const REPLY = 2;
export const EXCEPTION = 3;
export const ONEWAY = 4;

export const STOP = Uint8Array.of(0);
export const I32 = 8;
export const STRING = 11;
export const STRUCT = 12;
export const MAP = 13;
export const SET = 14;
export const LIST = 15;

const utf8 = new TextEncoder();

export function i16(value: number): Uint8Array {
  return Uint8Array.of(value >> 8, value & 0xff);
}

export function i32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function string(text: string): Uint8Array {
  const bytes = utf8.encode(text);
  return concat([i32(bytes.length), bytes]);
}

export function field(type: number, id: number, value: Uint8Array): Uint8Array {
  return concat([Uint8Array.of(type), i16(id), value]);
}

export function text(id: number, value: string): Uint8Array {
  return field(STRING, id, string(value));
}

export function struct(...fields: Uint8Array[]): Uint8Array {
  return concat([...fields, STOP]);
}

/** A list or set; `count` may claim another number of elements than there are. */
export function elements(type: number, values: Uint8Array[], count = values.length): Uint8Array {
  return concat([Uint8Array.of(type), i32(count), ...values]);
}

/** A map of whole entries, each a key with its value; `count` as in {@link elements}. */
export function map(keyType: number, valueType: number, entries: Uint8Array[], count = entries.length): Uint8Array {
  return concat([Uint8Array.of(keyType, valueType), i32(count), ...entries]);
}

/** A message with the strict header. */
export function message(
  args: Uint8Array,
  { name = "heartbeatPackage", type = CALL, seqid = 1 }: { name?: string; type?: number; seqid?: number } = {},
): Uint8Array<ArrayBuffer> {
  return concat([i32((0x80010000 | type) >>> 0), string(name), i32(seqid), args]);
}

/** A call with these fields in its AgentInfo. */
export function call(fields: Uint8Array[], options: { type?: number; seqid?: number } = {}): Uint8Array<ArrayBuffer> {
  return message(struct(field(STRUCT, 1, struct(...fields))), options);
}

/** Structs nested so deep that the argument struct is level 1 and the innermost is level `depth`. */
export function nested(depth: number): Uint8Array {
  let inner = struct();
  for (let level = depth - 1; level >= 1; level--) inner = struct(field(STRUCT, 9, inner));
  return inner;
}

/** One field of each type that AgentInfo does not have. */
export function unknownFields(): Uint8Array[] {
  const pair = concat([string("k"), struct(text(1, "v"))]);
  return [
    field(2, 10, Uint8Array.of(1)),
    field(3, 11, Uint8Array.of(200)),
    field(4, 12, new Uint8Array(8).fill(0x40)),
    field(6, 13, i16(-3)),
    field(8, 14, i32(-4)),
    field(10, 15, new Uint8Array(8).fill(0xff)),
    text(16, "skipped, \u{1f600}"),
    field(STRUCT, 17, struct(text(2, "10.9.9.9"), field(STRUCT, 1, struct()))),
    field(MAP, 18, map(STRING, STRUCT, [pair])),
    field(MAP, 19, map(0, 0, [])),
    field(SET, 20, elements(I32, [i32(1), i32(2)])),
    field(LIST, 21, elements(LIST, [elements(STRING, [string("a"), string("b")]), elements(0, [])])),
    field(LIST, 22, elements(MAP, [map(3, STRING, [concat([Uint8Array.of(1), string("x")])])])),
    field(16, 23, new Uint8Array(16)),
    field(6, -1, i16(1)),
  ];
}

/** What is no call and must end the connection, with the reason that must be counted. */
export function badMessages(): { what: string; bytes: Uint8Array; reason: string }[] {
  const claim = (length: number) => call([field(STRING, 2, i32(length))]);
  const skipped = (type: number, value: Uint8Array) => call([field(type, 30, value)]);
  const manyFields = Array.from({ length: 65 }, () => text(40, ""));
  const large = Array.from({ length: 3 }, (_, id) => text(50 + id, "x".repeat(30_000)));
  const bytes = (...values: number[]) => Uint8Array.from(values);
  return [
    { what: "an HTTP request", bytes: utf8.encode("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), reason: "bad_header" },
    { what: "a TLS hello", bytes: bytes(0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3), reason: "bad_header" },
    { what: "another protocol version", bytes: bytes(0x80, 2, 0, 1, 0, 0, 0, 1), reason: "bad_header" },
    { what: "a compact-protocol call", bytes: bytes(0x82, 0x21, 1, 16), reason: "bad_header" },
    { what: "a framed call", bytes: concat([i32(150), call([text(2, "1.2.3.4")])]), reason: "bad_header" },
    { what: "a method name of no bytes", bytes: message(struct(), { name: "" }), reason: "bad_header" },
    { what: "a method name of 256 bytes", bytes: message(struct(), { name: "m".repeat(256) }), reason: "bad_header" },
    { what: "a method name that is no name", bytes: message(struct(), { name: "a\r\nb" }), reason: "bad_header" },
    { what: "a negative method length", bytes: concat([i32(0x80010001), i32(-1)]), reason: "bad_header" },
    { what: "a reply", bytes: message(struct(), { type: REPLY }), reason: "bad_message_type" },
    { what: "an exception", bytes: message(struct(), { type: EXCEPTION }), reason: "bad_message_type" },
    { what: "message type 0", bytes: message(struct(), { type: 0 }), reason: "bad_message_type" },
    { what: "a reply, old header", bytes: concat([string("m"), bytes(REPLY), i32(1)]), reason: "bad_message_type" },
    { what: "a string of -1 bytes", bytes: claim(-1), reason: "negative_length" },
    { what: "a string of -2^31 bytes", bytes: claim(-0x80000000), reason: "negative_length" },
    { what: "a string of 2^31 - 1 bytes", bytes: claim(0x7fffffff), reason: "string_too_long" },
    { what: "a string of 32 KiB + 1", bytes: claim(32 * 1024 + 1), reason: "string_too_long" },
    { what: "a skipped string of 2 GiB", bytes: skipped(STRING, i32(0x7fffffff)), reason: "string_too_long" },
    { what: "a list of -1", bytes: skipped(LIST, elements(I32, [], -1)), reason: "negative_length" },
    { what: "a map of -1", bytes: skipped(MAP, map(I32, I32, [], -1)), reason: "negative_length" },
    { what: "a list of 2^31 - 1 bytes", bytes: skipped(LIST, elements(3, [], 0x7fffffff)), reason: "message_too_long" },
    { what: "2^31 - 1 structs", bytes: skipped(SET, elements(STRUCT, [], 0x7fffffff)), reason: "message_too_long" },
    { what: "2^31 - 1 pairs", bytes: skipped(MAP, map(3, STRUCT, [], 0x7fffffff)), reason: "message_too_long" },
    { what: "values of no size", bytes: skipped(LIST, elements(0, [], 0x7fffffff)), reason: "bad_value_type" },
    { what: "map values of type 1", bytes: skipped(MAP, map(3, 1, [], 5)), reason: "bad_value_type" },
    { what: "a field of type 17", bytes: skipped(17, bytes(0)), reason: "bad_value_type" },
    { what: "a field of type 255", bytes: skipped(255, bytes(0)), reason: "bad_value_type" },
    { what: "9 nested structs", bytes: message(nested(9)), reason: "too_deep" },
    { what: "65 fields", bytes: call(manyFields), reason: "too_many_fields" },
    { what: "90 KiB in strings", bytes: call(large), reason: "message_too_long" },
  ];
}
