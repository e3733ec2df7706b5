import { durationCells, Durations } from "../durations.ts";

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

/** How many numbers {@link BeatCounters} take: calls, refusals, four more, and the latency. */
const LATENCY_AT = CALL_OUTCOMES.length + REFUSAL_REASONS.length + 4;
const CELLS = LATENCY_AT + durationCells(LATENCY_BOUNDS_MS);

/** {@link BeatStats} as the server itself counts them: numbers in one piece of memory, which threads may share. */
export class BeatCounters implements BeatStats {
  readonly #cells: Float64Array;
  readonly calls: Record<CallOutcome, number>;
  readonly refusals: Record<RefusalReason, number>;
  readonly #totals: Record<"beats" | "acceptFailures", number>;
  readonly connections: Record<"open" | "total", number>;
  readonly latency: Durations;

  /** @param memory where to count, from {@link BeatCounters.memory}; not shared by default */
  constructor(memory: ArrayBufferLike = new ArrayBuffer(8 * CELLS)) {
    this.#cells = new Float64Array(memory);
    let from = 0;
    const next = <K extends string>(keys: readonly K[]) => named(keys, this.#cells.subarray(from, from += keys.length));
    this.calls = next(CALL_OUTCOMES);
    this.refusals = next(REFUSAL_REASONS);
    this.#totals = next(["beats", "acceptFailures"]);
    this.connections = next(["open", "total"]);
    this.latency = new Durations(LATENCY_BOUNDS_MS, this.#cells.subarray(LATENCY_AT));
  }

  /** Memory in which another thread can count. */
  static memory(): SharedArrayBuffer {
    return new SharedArrayBuffer(8 * CELLS);
  }

  /** Counters with the sums of others at this moment. */
  static sum(all: readonly BeatCounters[]): BeatCounters {
    const sum = new BeatCounters();
    for (const counters of all) counters.#cells.forEach((count, i) => sum.#cells[i]! += count);
    return sum;
  }

  get beats(): number {
    return this.#totals.beats;
  }

  set beats(count: number) {
    this.#totals.beats = count;
  }

  get acceptFailures(): number {
    return this.#totals.acceptFailures;
  }

  set acceptFailures(count: number) {
    this.#totals.acceptFailures = count;
  }
}

/** The numbers of a piece of memory under names. */
function named<K extends string>(keys: readonly K[], cells: Float64Array): Record<K, number> {
  const record = {} as Record<K, number>;
  for (const [i, key] of keys.entries()) {
    Object.defineProperty(record, key, {
      enumerable: true,
      get: () => cells[i]!,
      set: (count: number) => cells[i] = count,
    });
  }
  return record;
}
