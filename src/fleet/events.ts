import type { Agent, Instant } from "./agent.ts";

/** Everything that modules and operators are told about (DESIGN.md section 5); `audit` is for operators only. */
export const EVENT_KINDS = [
  "agentOnline",
  "agentOffline",
  "agentFlapping",
  "agentForgotten",
  "versionChanged",
  "duplicateIdentity",
  "guardOn",
  "guardOff",
  "catalogChanged",
  "catalogHeld",
  "audit",
] as const;

/** One of {@link EVENT_KINDS}. */
export type EventKind = typeof EVENT_KINDS[number];

/** Something that happened. */
export interface FleetEvent {
  /**
   * Stable: kind, address, and the time of the beat that it follows from, which is the same on all instances of a
   * cluster; where it follows from none, the time when it happened. A reader that drops repeated ids sees everything
   * once.
   */
  readonly id: string;
  readonly kind: EventKind;
  /** Canonical address of the agent; empty where the event is about the fleet or the catalog. */
  readonly ip: string;
  readonly asset: string;
  /** When it happened, ms since the epoch. */
  readonly atMs: number;
  /** Since when the state before had held, ms since the epoch; undefined where there was none. */
  readonly sinceMs: number | undefined;
  /** The agent's last beat before it, ms since the epoch; undefined where the event is not about an agent. */
  readonly lastSeenMs: number | undefined;
  /** How long the agent had not been heard of, seconds; undefined where that means nothing. */
  readonly awaySeconds: number | undefined;
  /** What only this kind has to tell, such as `first` or `reason`. */
  readonly details: Readonly<Record<string, unknown>>;
  /** In a cluster: it was found out while others may have known more, and told it already. Not stored. */
  readonly learnt?: boolean;
}

/** What an agent's last beat decides, not the one that comes just now. */
const BY_LAST_BEAT: ReadonlySet<EventKind> = new Set(["agentOffline", "agentFlapping", "agentForgotten"]);

/** An event about one agent, as the agent is at this moment. */
export function agentEvent(
  kind: EventKind,
  agent: Agent,
  { at, now, details = {} }: { at: number; now: Instant; details?: Record<string, unknown> },
): FleetEvent {
  const stampMs = BY_LAST_BEAT.has(kind) ? agent.lastSeenMs : at;
  return {
    id: `${kind}:${agent.ip}:${Math.floor(stampMs)}`,
    kind,
    ip: agent.ip,
    asset: agent.asset,
    atMs: Math.floor(at),
    sinceMs: Math.floor(agent.sinceMs),
    lastSeenMs: Math.floor(agent.lastSeenMs),
    awaySeconds: Math.max(0, Math.floor((now.monotonic - agent.lastBeatMs) / 1000)),
    details,
  };
}

/** An event about the fleet or the catalog as a whole. */
export function serviceEvent(kind: EventKind, now: Instant, details: Record<string, unknown>): FleetEvent {
  const atMs = Math.floor(now.wall);
  return {
    id: `${kind}::${atMs}`,
    kind,
    ip: "",
    asset: "",
    atMs,
    sinceMs: undefined,
    lastSeenMs: undefined,
    awaySeconds: undefined,
    details,
  };
}

/**
 * What somebody did by hand.
 * @param subject the agent it was done to, and the how-manieth audit it is: several may come within one millisecond
 */
export function auditEvent(
  now: Instant,
  details: Record<string, unknown>,
  { place, ip = "", asset = "" }: { place: number; ip?: string; asset?: string },
): FleetEvent {
  const event = serviceEvent("audit", now, details);
  return { ...event, id: `audit:${ip}:${event.atMs}.${place}`, ip, asset };
}

/** Whether others are told of it; an audit stays among operators. */
export function isTold({ kind }: FleetEvent): boolean {
  return kind !== "audit";
}
