/**
 * The words of Thrift's binary protocol (thrift/doc/specs/thrift-binary-protocol.md), and the error for bytes that do
 * not follow it.
 */

/** The first half of a strict message header: protocol version 1. */
export const VERSION_1 = 0x80010000 | 0;
/** The part of the header word that holds the version. */
export const VERSION_MASK = 0xffff0000 | 0;

/** Message types. */
export const MessageType = { CALL: 1, REPLY: 2, EXCEPTION: 3, ONEWAY: 4 } as const;

/** Types of values as they stand in field and element headers. */
export const ValueType = {
  STOP: 0,
  BOOL: 2,
  BYTE: 3,
  DOUBLE: 4,
  I16: 6,
  I32: 8,
  I64: 10,
  STRING: 11,
  STRUCT: 12,
  MAP: 13,
  SET: 14,
  LIST: 15,
  UUID: 16,
} as const;

/** The one method of the service. */
export const HEARTBEAT_METHOD = "heartbeatPackage";

/** What can be wrong with the bytes of a peer; a closed set, used as the reason in metrics. */
export type WireErrorCode =
  | "bad_header"
  | "bad_message_type"
  | "bad_value_type"
  | "bad_proxy_header"
  | "negative_length"
  | "string_too_long"
  | "message_too_long"
  | "too_deep"
  | "too_many_fields";

/** Bytes that cannot be understood or pass a limit: the connection has to be closed. */
export class WireError extends Error {
  override readonly name = "WireError";
  readonly code: WireErrorCode;

  constructor(code: WireErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
