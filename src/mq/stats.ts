import { Durations } from "../durations.ts";
import type { IgnoredReason } from "./envelope.ts";

/** The actions of this module; `unknown` is every other name. */
export const ACTIONS = ["agentInfo", "agentList", "updateAppInfo", "unknown"] as const;
/** One of {@link ACTIONS}. */
export type Action = typeof ACTIONS[number];

/** How a call ended: answered, answered with "there is none", refused for what the caller sent, failed here. */
export const OUTCOMES = ["ok", "not_found", "refused", "failed"] as const;
/** One of {@link OUTCOMES}. */
export type Outcome = typeof OUTCOMES[number];

/**
 * Why an answer was not sent: older than its caller waits, the channel or connection was gone, more waited than is
 * kept, or the broker refused it.
 */
export type ReplyLoss = "expired" | "closed" | "overflow" | "refused";

/** Between one agent found by index and the 5 s after which callers give up, ms. */
const LATENCY_BOUNDS_MS = [0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000];

/** Counters since the start, for metrics and status. */
export class MqStats {
  /** Calls by action and outcome. */
  readonly calls: Record<Action, Record<Outcome, number>> = {
    agentInfo: noOutcomes(),
    agentList: noOutcomes(),
    updateAppInfo: noOutcomes(),
    unknown: noOutcomes(),
  };
  /** From a call's arrival to its answer, or to where it was given up for lateness, by action. */
  readonly latency: Readonly<Record<Action, Durations>> = {
    agentInfo: new Durations(LATENCY_BOUNDS_MS),
    agentList: new Durations(LATENCY_BOUNDS_MS),
    updateAppInfo: new Durations(LATENCY_BOUNDS_MS),
    unknown: new Durations(LATENCY_BOUNDS_MS),
  };
  /** Casts that were taken. */
  casts = 0;
  /** Messages without an answer or effect. */
  readonly ignored: Record<IgnoredReason, number> = { no_reply_address: 0, own_reply_queue: 0, useless_cast: 0 };
  /** Answers that were handed to the broker. */
  replies = 0;
  /** Answers that were not. */
  readonly repliesLost: Record<ReplyLoss, number> = { expired: 0, closed: 0, overflow: 0, refused: 0 };
  /** Connections that were opened. */
  connections = 0;
  /** Connections that were lost. */
  disconnections = 0;
  /** Answers from supervisor that nobody waits for, or that cannot be read. */
  foreignReplies = 0;
}

function noOutcomes(): Record<Outcome, number> {
  return { ok: 0, not_found: 0, refused: 0, failed: 0 };
}
