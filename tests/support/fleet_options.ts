import type { FleetOptions } from "../../src/fleet/fleet.ts";

/** A fleet as plain as can be: no grace, guard or flap damping unless a test asks for it. */
export function fleetOptions(parts: Partial<FleetOptions> = {}): FleetOptions {
  return {
    timeoutMs: 60_000,
    graceMs: 0,
    guardShare: 1,
    guardMinAgents: Number.MAX_SAFE_INTEGER,
    guardMaxHoldMs: 1_800_000,
    retentionMs: 600_000,
    max: 1_000_000,
    flap: { count: 1_000_000, windowMs: 3_600_000 },
    addressCheck: "warn",
    ...parts,
  };
}
