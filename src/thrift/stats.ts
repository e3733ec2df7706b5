/** How a complete call ended. */
export const CALL_OUTCOMES = ["answered", "refused", "internal_error", "unknown_method", "missing_info"] as const;
export type CallOutcome = typeof CALL_OUTCOMES[number];

/** Why a connection ended other than by the peer's orderly close, or was not served at all. */
export const REFUSAL_REASONS = [
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

/** Counters of the beat port since it was made; they only grow, but for `connections.open`. */
export interface BeatStats {
  /** Beats given to the service, whatever it answered. */
  readonly beats: number;
  readonly calls: Readonly<Record<CallOutcome, number>>;
  readonly refusals: Readonly<Record<RefusalReason, number>>;
  readonly connections: { readonly open: number; readonly total: number };
}

/** {@link BeatStats} as the server itself counts them. */
export class BeatCounters implements BeatStats {
  beats = 0;
  readonly calls = zeroes(CALL_OUTCOMES);
  readonly refusals = zeroes(REFUSAL_REASONS);
  readonly connections = { open: 0, total: 0 };
}

function zeroes<K extends string>(keys: readonly K[]): Record<K, number> {
  return Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
}
