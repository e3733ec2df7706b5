import { addressKey } from "../../src/fleet/address.ts";
import type { Instant } from "../../src/fleet/agent.ts";
import { parseInstalledApps } from "../../src/fleet/beat.ts";
import { RestoredAgents, type StoredAgent } from "../../src/fleet/stored.ts";

/** The agents of a former run, as its store gives them back. */
export function restoredAgents(rows: Iterable<StoredAgent>, now: Instant): RestoredAgents {
  const restored = new RestoredAgents();
  for (const { ip, ...row } of rows) {
    restored.take({ key: addressKey(ip), ...row }, { installed: parseInstalledApps(row.apps), now });
  }
  return restored;
}
