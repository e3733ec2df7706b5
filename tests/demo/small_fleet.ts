import type { AgentSetup, AppVersions } from "../support/fleet_simulator.ts";
import type { CatalogEntry } from "./supervisor.ts";

const WEB = hosts(11, 16);
const DATABASE = hosts(17, 19);
const CACHE = hosts(20, 21);
/** A host that may run nothing. */
const SPARE = hosts(22, 22);
const IN_USE = [...WEB, ...DATABASE, ...CACHE];

/** Twelve agents; what they have installed is not yet what the catalog says. */
export const AGENTS: readonly AgentSetup[] = [
  ...agents(WEB, { deploy: "1.9.2", logclean: "1.0.0" }),
  ...agents(DATABASE, { deploy: "2.0.1", backup: "3.1.0" }),
  ...agents(CACHE, { deploy: "2.0.1", testApp: "0.9" }),
  ...agents(SPARE, {}),
];

/** What supervisor says first. */
export const FIRST_CATALOG: readonly CatalogEntry[] = [
  { app: "deploy", version: "2.0.1", agentList: IN_USE },
  { app: "logclean", version: "1.0.0", agentList: [...WEB, ...CACHE] },
  { app: "backup", version: "3.2.0", agentList: DATABASE },
];

/** What it says later: a new version of one app, and another app no longer on the cache hosts. */
export const SECOND_CATALOG: readonly CatalogEntry[] = [
  { app: "deploy", version: "2.1.0", agentList: IN_USE },
  { app: "logclean", version: "1.0.0", agentList: WEB },
  { app: "backup", version: "3.2.0", agentList: DATABASE },
];

function hosts(first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `10.20.1.${first + i}`);
}

function agents(ips: readonly string[], apps: AppVersions): AgentSetup[] {
  return ips.map((ip) => ({ ip, asset: `CX00${ip.slice(-2)}`, version: "0.3.3", apps }));
}
