import type { ForgottenRow } from "../fleet/sharing.ts";

/** How long it is remembered that an agent was forgotten, ms; the stream keeps records for as long. */
const KEPT_MS = 24 * 3_600_000;
/** How many are remembered at most. */
const MAX_TOMBSTONES = 500_000;

/**
 * Agents that were forgotten by hand. A beat that came before that may still be under way: from an instance that was cut
 * off, or in the past of the stream. It must not bring the agent back.
 */
export class Tombstones {
  /** By address; the oldest first. */
  readonly #stones = new Map<string, { readonly stampMs: number; readonly sinceMs: number }>();

  /** Remembers rows. @param nowMs the monotonic clock, ms */
  add(rows: readonly ForgottenRow[], nowMs: number): void {
    for (const { ip, stampMs } of rows) {
      this.#stones.delete(ip);
      this.#stones.set(ip, { stampMs, sinceMs: nowMs });
    }
    for (const [ip, { sinceMs }] of this.#stones) {
      if (this.#stones.size <= MAX_TOMBSTONES && nowMs - sinceMs < KEPT_MS) break;
      this.#stones.delete(ip);
    }
  }

  /** Whether a beat is not newer than the last one before its agent was forgotten. */
  hides(ip: string, stampMs: number): boolean {
    const stone = this.#stones.get(ip);
    return stone !== undefined && stampMs <= stone.stampMs;
  }
}
