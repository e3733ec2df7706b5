/**
 * Limits of the beat port. Every length that a peer claims is checked against one of these before anything is
 * allocated for it.
 */

/** Default for the longest message, bytes. An agent's call with 100 apps has about 4 KiB. */
export const DEFAULT_MAX_MESSAGE_BYTES = 64 * 1024;
/** The longest string in a call, bytes; the longest that agents send is `apps`. */
export const MAX_STRING_BYTES = 32 * 1024;
/** The longest method name, bytes. */
export const MAX_METHOD_BYTES = 255;
/** How deep structs and collections may be nested, the argument struct included; agents use 2. */
export const MAX_DEPTH = 8;
/** The most fields one struct may have; `AgentInfo` has 4. */
export const MAX_FIELDS = 64;
/** The longest PROXY protocol v2 header, bytes; balancers that add TLS details stay below 1 KiB. */
export const MAX_PROXY_HEADER_BYTES = 4 * 1024;

/** Default for the time from a request's first byte to its last, and for writing a reply, ms: what agents wait. */
export const DEFAULT_REQUEST_TIMEOUT_MS = 5_000;
/** Default for how long a kept connection may stay without a call, ms: a little more than one beat interval. */
export const DEFAULT_IDLE_TIMEOUT_MS = 75_000;
/** Default for connections in all. */
export const DEFAULT_MAX_CONNECTIONS = 20_000;
/** Default for connections from one address. */
export const DEFAULT_MAX_CONNECTIONS_PER_IP = 64;

/** A fresh read buffer, bytes: one beat fits, and 20,000 idle connections hold 20 MiB. */
export const READ_BUFFER_BYTES = 1024;
/** How much larger a read buffer gets when bytes that arrived have filled it. */
export const READ_BUFFER_GROWTH = 4;
/** Pipelined replies are written together up to about this size, bytes. */
export const WRITE_BATCH_BYTES = 64 * 1024;
/**
 * The most pipelined calls of one connection that are answered before others get their turn. Under four connections
 * that pipeline without end, timers were seen late by 16 ms (99 %) with 256 and 77 ms without a limit; 64 halved the
 * throughput.
 */
export const CALLS_PER_TURN = 256;
/**
 * A call counts once for each of so many bytes against {@link CALLS_PER_TURN}: to read an app map of 32 KiB takes 4 ms,
 * and eight connections that sent one after the other kept everybody else waiting for 4 s.
 */
export const BYTES_OF_CALL = 256;
