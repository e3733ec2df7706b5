import type { Buffer } from "node:buffer";
import { isObject } from "../apps/entries.ts";
import { quoted } from "../quoted.ts";
import { shapeFault } from "./json_shape.ts";

/**
 * The three forms in which modules ask and want to be answered (PROTOCOL.md section 2): `seed` has the call id in
 * mqtype, `v033` names a reply queue in the AMQP property reply_to, `keyed` has the call id as fourth part of mqkey.
 */
export type Dialect = "seed" | "v033" | "keyed";

/** Where and in which form a caller wants its answer. */
export interface Caller {
  readonly dialect: Dialect;
  /** The module that asks; empty when the message does not say. */
  readonly from: string;
  /** The request's own mqkey; empty when it has none that can be used. */
  readonly mqkey: string;
  /** The queue to answer to. It wins over the call id. */
  readonly replyTo: string | undefined;
  /** The routing key of the answer on the modules' exchange. */
  readonly callId: string | undefined;
  /** Goes back unchanged. */
  readonly correlationId: string | undefined;
}

/** Parameters of an action. */
export type Params = Readonly<Record<string, unknown>>;

/** Why a message gets neither an answer nor an effect. */
export type IgnoredReason =
  /** A call that does not say where to answer. */
  | "no_reply_address"
  /** A call that wants its answer in a queue of ours or of supervisor, where it would be taken for a message. */
  | "own_reply_queue"
  /** A cast that cannot be read or says nothing to this module. */
  | "useless_cast";

/** What a message turned out to be. */
export type Parsed =
  | { readonly kind: "call"; readonly caller: Caller; readonly action: string; readonly params: Params }
  | { readonly kind: "cast"; readonly from: string; readonly action: string; readonly params: Params }
  /** A faulty call with an address: `error` begins with its code in brackets. */
  | { readonly kind: "refused"; readonly caller: Caller; readonly action: string; readonly error: string }
  | { readonly kind: "ignored"; readonly reason: IgnoredReason; readonly error: string };

/** The AMQP properties that count. */
export interface RequestProperties {
  readonly replyTo?: unknown;
  readonly correlationId?: unknown;
}

/** The name of this module on the bus. */
const MODULE = "heartbeat";
/** What a call id may look like: it becomes a routing key. */
const CALL_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** Queues that belong to this module and to supervisor. */
const MODULE_QUEUE = /^(heartbeat|supervisor)(\.|$)/;
/** The longest mqkey that is taken for one, characters; it is part of every answer. */
const MAX_KEY_LENGTH = 512;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Reads one message from the module queue and tells the dialect by the message alone. Never throws.
 * @param maxBytes the largest body that is parsed, bytes
 */
export function parseRequest(content: Buffer, properties: RequestProperties, maxBytes: number): Parsed {
  if (content.length > maxBytes) {
    return unread(properties, `[413] the message has ${content.length} bytes, at most ${maxBytes} are read`);
  }
  const fault = shapeFault(content);
  if (fault !== undefined) return unread(properties, `[400] the message has ${fault}`);
  let message: unknown;
  try {
    message = JSON.parse(textOf(content));
  } catch {
    return unread(properties, "[400] the message must be JSON in UTF-8");
  }
  if (!isObject(message)) return unread(properties, `[400] the message must be a JSON object, ${quoted(message)} came`);
  return message.mqtype === "cast" ? readCast(message) : readCall(message, properties);
}

/**
 * The text of a body. A Buffer reads a hundred bytes in a quarter of the time of a TextDecoder, but lets pass what is no
 * UTF-8, with U+FFFD in its place, and keeps a byte order mark.
 * @throws TypeError when it is not UTF-8
 */
function textOf(content: Buffer): string {
  const text = content.toString();
  return text.includes("\ufffd") || text.startsWith("\ufeff") ? utf8.decode(content) : text;
}

/** A message that nothing but its properties is known of; whoever names a reply queue speaks v0.3.3. */
function unread(properties: RequestProperties, error: string): Parsed {
  const caller = { dialect: "v033", from: "", mqkey: "", callId: undefined, ...addressOf(properties) } as const;
  return addressFault(caller) ?? { kind: "refused", caller, action: "", error };
}

function readCast(message: Record<string, unknown>): Parsed {
  const parts = keyParts(message.mqkey);
  const params = readParams(message, parts.length === 4);
  const error = keyFault(message.mqkey, parts) ?? (typeof params === "string" ? params : undefined);
  if (error !== undefined || typeof params === "string") {
    return { kind: "ignored", reason: "useless_cast", error: error ?? "" };
  }
  return { kind: "cast", from: parts[0] ?? "", action: parts[2] ?? "", params };
}

function readCall(message: Record<string, unknown>, properties: RequestProperties): Parsed {
  const { mqkey, mqtype } = message;
  const parts = keyParts(mqkey);
  const caller = readCaller(message, parts, properties);
  const fault = addressFault(caller);
  if (fault !== undefined) return fault;
  const action = parts[2] ?? "";
  const error = typeFault(mqtype, caller) ?? keyFault(mqkey, parts);
  if (error !== undefined) return { kind: "refused", caller, action, error };
  const params = readParams(message, caller.dialect === "keyed");
  if (typeof params === "string") return { kind: "refused", caller, action, error: params };
  return { kind: "call", caller, action, params };
}

function readCaller(
  { mqkey: key, mqtype }: Record<string, unknown>,
  parts: readonly string[],
  properties: RequestProperties,
): Caller {
  const { replyTo, correlationId } = addressOf(properties);
  const from = parts[0] ?? "";
  const mqkey = parts.length > 0 && typeof key === "string" ? key : "";
  const typeId = typeof mqtype === "string" && mqtype.startsWith("call.") ? mqtype.slice("call.".length) : undefined;
  // Five parts are one too many, but where nothing else says so, the last one is where the answer is awaited.
  if (parts.length === 4 || (parts.length > 4 && typeId === undefined && replyTo === undefined)) {
    return { dialect: "keyed", from, mqkey, replyTo, callId: callId(parts.at(-1)), correlationId };
  }
  const dialect = typeId === undefined ? "v033" : "seed";
  return { dialect, from, mqkey, replyTo, callId: callId(typeId), correlationId };
}

function addressOf({ replyTo, correlationId }: RequestProperties): Pick<Caller, "replyTo" | "correlationId"> {
  return {
    replyTo: typeof replyTo === "string" && replyTo !== "" ? replyTo : undefined,
    correlationId: typeof correlationId === "string" ? correlationId : undefined,
  };
}

function addressFault({ replyTo, callId, from }: Caller): Parsed | undefined {
  if (replyTo !== undefined) {
    if (!MODULE_QUEUE.test(replyTo)) return undefined;
    return {
      kind: "ignored",
      reason: "own_reply_queue",
      error: `reply_to is ${quoted(replyTo)}, a module's own queue`,
    };
  }
  if (callId !== undefined) return undefined;
  const error = `a call from ${quoted(from)} says neither by id nor by reply_to where to answer`;
  return { kind: "ignored", reason: "no_reply_address", error };
}

function typeFault(mqtype: unknown, { callId }: Caller): string | undefined {
  if (mqtype === "call" || (typeof mqtype === "string" && mqtype.startsWith("call.") && callId !== undefined)) {
    return undefined;
  }
  return `[400] mqtype must be call, call.{id} with an id of 1 to 64 letters, digits, _ or -, or cast, ${
    quoted(mqtype)
  } came`;
}

function keyFault(mqkey: unknown, parts: readonly string[]): string | undefined {
  if (parts.length < 3 || parts.length > 4) {
    return `[400] mqkey must be {from}.heartbeat.{action}, with the call id behind it or not, ${quoted(mqkey)} came`;
  }
  if (parts.length === 4 && callId(parts[3]) === undefined) {
    return `[400] the fourth part of mqkey must be a call id of 1 to 64 letters, digits, _ or -, ${quoted(mqkey)} came`;
  }
  return parts[1] === MODULE ? undefined : `[404] this is ${MODULE}, the message is for ${quoted(parts[1])}`;
}

/** The parameters, or what is wrong with them. */
function readParams(message: Record<string, unknown>, keyed: boolean): Params | string {
  const body = message.mqbody ?? {};
  if (!isObject(body)) return `[400] mqbody must be an object, ${quoted(body)} came`;
  if (!keyed) return body;
  const { mqkey: _key, mqtype: _type, mqbody: _body, ...fields } = message;
  return { ...fields, ...body };
}

function keyParts(mqkey: unknown): readonly string[] {
  return typeof mqkey === "string" && mqkey.length <= MAX_KEY_LENGTH ? mqkey.split(".") : [];
}

function callId(text: string | undefined): string | undefined {
  return text !== undefined && CALL_ID.test(text) ? text : undefined;
}

/** What stands in an answer beside its result. */
export interface ReplyHead {
  /** How many there are in all, where the result is a page. */
  readonly count?: number | undefined;
  /** What went wrong, its code in brackets first; undefined when nothing did. */
  readonly error?: string | undefined;
  /** Whether `flag` and `error` are there also when nothing went wrong; in v0.3.3 they always are. */
  readonly flagged?: boolean | undefined;
  /** Whether the list may lack agents that had no chance to beat yet, after a start without memory. */
  readonly warming?: boolean | undefined;
}

/**
 * The text of an answer before and after the JSON text of its result, so that long results need not be copied.
 *
 * The first two dialects' readers look for `mqtype: "cast"` (the documentation) or `mqflag: "cast"` (the modules): both
 * are there.
 */
export function frameReply(
  caller: Caller,
  { count, error, flagged, warming }: ReplyHead,
): { before: string; after: string } {
  const counted = (count === undefined ? "" : `"count":${count},`) + (warming === true ? `"warming":true,` : "");
  if (caller.dialect === "keyed") {
    const head = `{"mqkey":${JSON.stringify(caller.mqkey)},"mqflag":${error === undefined ? 1 : 0},${counted}"info":`;
    return { before: head, after: error === undefined ? "}" : `,"error":${JSON.stringify(error)}}` };
  }
  const flags = error !== undefined || flagged === true || caller.dialect === "v033"
    ? `"flag":"${error === undefined}","error":${JSON.stringify(error ?? "")},`
    : "";
  const mqkey = JSON.stringify(`${MODULE}.${caller.from}`);
  return {
    before: `{"mqkey":${mqkey},"mqtype":"cast","mqflag":"cast","mqbody":{${flags}${counted}"result":`,
    after: "}}",
  };
}
