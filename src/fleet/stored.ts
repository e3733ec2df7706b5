import { canonicalAddress } from "./address.ts";
import { Agent, type Instant } from "./agent.ts";
import { type InstalledApps, parseInstalledApps } from "./beat.ts";
import type { Told } from "./news.ts";

/** The longest app map that is looked up among those that were read before, characters. */
const MAX_SHARED_LENGTH = 8_192;

/** A row as it is stored, and as it comes back after a restart. */
export interface StoredAgent {
  readonly ip: string;
  readonly asset: string;
  readonly version: string;
  /** The app map as it came. */
  readonly apps: string;
  readonly online: boolean;
  /** Whether it is new and others have not been told of it yet. */
  readonly untold?: boolean;
  /** Last beat, ms since the epoch. */
  readonly lastSeenMs: number;
  /** Since when it has been online or offline, ms since the epoch. */
  readonly sinceMs: number;
}

/**
 * What of a row is stored; a suspect agent is one that was not called offline.
 * @param told what others were last told of it: where that is not the truth, they are told the rest after a restart
 */
export function storedAgent(agent: Agent, told: { readonly state: Told; readonly version: string }): StoredAgent {
  return {
    ip: agent.ip,
    asset: agent.asset,
    version: told.version,
    apps: agent.appsText,
    online: told.state !== "offline",
    ...(told.state === "nothing" ? { untold: true } : {}),
    lastSeenMs: agent.lastSeenMs,
    sinceMs: agent.sinceMs,
  };
}

/** The rows of a former run. */
export function restoredAgents(rows: readonly StoredAgent[], now: Instant): Agent[] {
  // Many agents have the same apps; to read each of 100,000 maps took 0.25 s of a start of 1.3 s.
  const known = new Map<string, InstalledApps>();
  // An address that is none would spoil every list.
  return rows.filter(({ ip }) => canonicalAddress(ip) === ip).map((row) => {
    // Looking up texts of 16,384 characters or more takes V8 a look at all of the same length.
    if (row.apps.length > MAX_SHARED_LENGTH) return restoredAgent(row, parseInstalledApps(row.apps), now);
    const installed = known.get(row.apps) ?? parseInstalledApps(row.apps);
    known.set(row.apps, installed);
    return restoredAgent(row, installed, now);
  });
}

function restoredAgent(row: StoredAgent, installed: InstalledApps, now: Instant): Agent {
  const agent = new Agent(row.ip);
  agent.asset = row.asset;
  agent.version = row.version;
  agent.install(row.apps, installed);
  agent.state = row.online ? "online" : "offline";
  agent.lastSeenMs = row.lastSeenMs;
  agent.sinceMs = row.sinceMs;
  // A stored time in the future means that the clock was wrong then or is now; it counts as this moment.
  agent.lastBeatMs = now.monotonic - Math.max(0, now.wall - row.lastSeenMs);
  agent.changedMs = now.monotonic - Math.max(0, now.wall - row.sinceMs);
  return agent;
}
