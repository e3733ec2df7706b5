import { Agent, type Instant } from "./agent.ts";

/** A row as it is stored, and as it comes back after a restart. */
export interface StoredAgent {
  readonly ip: string;
  readonly asset: string;
  readonly version: string;
  /** The app map as it came. */
  readonly apps: string;
  readonly online: boolean;
  /** Last beat, ms since the epoch. */
  readonly lastSeenMs: number;
  /** Since when it has been online or offline, ms since the epoch. */
  readonly sinceMs: number;
}

/** What of a row is stored; a suspect agent is one that was not called offline. */
export function storedAgent(agent: Agent): StoredAgent {
  return {
    ip: agent.ip,
    asset: agent.asset,
    version: agent.version,
    apps: agent.appsText,
    online: agent.state !== "offline",
    lastSeenMs: agent.lastSeenMs,
    sinceMs: agent.sinceMs,
  };
}

/** The row of a former run. */
export function restoredAgent(row: StoredAgent, now: Instant): Agent {
  const agent = new Agent(row.ip);
  agent.asset = row.asset;
  agent.version = row.version;
  agent.install(row.apps);
  agent.state = row.online ? "online" : "offline";
  agent.lastSeenMs = row.lastSeenMs;
  agent.sinceMs = row.sinceMs;
  // A stored time in the future means that the clock was wrong then or is now; it counts as this moment.
  agent.lastBeatMs = now.monotonic - Math.max(0, now.wall - row.lastSeenMs);
  agent.changedMs = now.monotonic - Math.max(0, now.wall - row.sinceMs);
  return agent;
}
