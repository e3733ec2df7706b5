import type { AddressKey } from "./address.ts";
import { Agent, type Instant } from "./agent.ts";
import { AppMaps } from "./app_maps.ts";
import type { InstalledApps } from "./beat.ts";
import type { Told } from "./news.ts";
import { AgentTable } from "./table.ts";

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

/** A row on its way back. */
export interface RestoredRow extends Omit<StoredAgent, "ip"> {
  /** What its address is kept by. */
  readonly key: AddressKey;
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
    untold: told.state === "nothing",
    lastSeenMs: agent.lastSeenMs,
    sinceMs: agent.sinceMs,
  };
}

/** The agents of a former run, made and indexed while their rows are still being read. */
export class RestoredAgents {
  readonly table = new AgentTable();
  /** The app maps of all of them. */
  readonly appMaps = new AppMaps();
  readonly online: Agent[] = [];
  readonly offline: Agent[] = [];
  /** Those of which others have not been told yet. */
  readonly untold: Agent[] = [];

  /** Takes a row. @param installed what was read in its apps */
  take(row: RestoredRow, { installed, now }: { installed: InstalledApps; now: Instant }): void {
    const agent = restoredAgent(row, now);
    agent.install(row.apps, installed);
    this.table.add(agent);
    this.appMaps.add(agent);
    (row.online ? this.online : this.offline).push(agent);
    if (row.untold) this.untold.push(agent);
  }
}

function restoredAgent(row: RestoredRow, now: Instant): Agent {
  const agent = new Agent(row.key);
  agent.asset = row.asset;
  agent.version = row.version;
  agent.state = row.online ? "online" : "offline";
  agent.lastSeenMs = row.lastSeenMs;
  agent.sinceMs = row.sinceMs;
  // A stored time in the future means that the clock was wrong then or is now; it counts as this moment.
  agent.lastBeatMs = now.monotonic - Math.max(0, now.wall - row.lastSeenMs);
  agent.changedMs = now.monotonic - Math.max(0, now.wall - row.sinceMs);
  return agent;
}
