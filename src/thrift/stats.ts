import { Durations } from "../durations.ts";

/** How a complete call ended. */
export const CALL_OUTCOMES = ["answered", "refused", "internal_error", "unknown_method", "missing_info"] as const;
export type CallOutcome = typeof CALL_OUTCOMES[number];

/** Why a connection ended other than by the peer's orderly close, or was not served at all. */
export const REFUSAL_REASONS = [
  "bad_tls",
  "bad_header",
  "bad_message_type",
  "bad_value_type",
  "bad_proxy_header",
  "negative_length",
  "string_too_long",
  "message_too_long",
  "too_deep",
  "too_many_fields",
  "not_allowed",
  "too_many_connections",
  "too_many_connections_of_address",
  "request_timeout",
  "write_timeout",
  "idle_timeout",
  "truncated",
  "connection_lost",
] as const;
export type RefusalReason = typeof REFUSAL_REASONS[number];

/** Between a beat that is answered at once and the 5 s after which its agent gives up, ms. */
const LATENCY_BOUNDS_MS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/** Counters of the beat port since it was made; they only grow, but for `connections.open`. */
export interface BeatStats {
  /** Beats given to the service, whatever it answered. */
  readonly beats: number;
  readonly calls: Readonly<Record<CallOutcome, number>>;
  readonly refusals: Readonly<Record<RefusalReason, number>>;
  readonly connections: { readonly open: number; readonly total: number };
  /** How often connections could not be accepted, as without free file descriptors. */
  readonly acceptFailures: number;
  /** From the first byte of a call to its reply given to the socket. */
  readonly latency: Durations;
}

/** {@link BeatStats} as the server itself counts them. */
export class BeatCounters implements BeatStats {
  beats = 0;
  readonly calls = zeroes(CALL_OUTCOMES);
  readonly refusals = zeroes(REFUSAL_REASONS);
  readonly connections = { open: 0, total: 0 };
  acceptFailures = 0;
  readonly latency = new Durations(LATENCY_BOUNDS_MS);
}

function zeroes<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
