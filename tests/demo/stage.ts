import type { FleetSimulator } from "../support/fleet_simulator.ts";
import type { BeatAddress } from "../support/beat_client.ts";
import type { ModuleClient } from "./module_client.ts";
import type { Output } from "./output.ts";
import type { Service } from "./service.ts";
import type { Supervisor } from "./supervisor.ts";

/** The topic exchange that all Elves modules share. */
export const EXCHANGE = "elves";
/** How long after its last beat an agent is offline, ms. */
export const AGENT_TIMEOUT_MS = 5_000;
/** How often the simulated agents beat, ms. */
export const BEAT_INTERVAL_MS = 1_500;

/** Everybody who plays in the demo. */
export interface Stage {
  readonly out: Output;
  readonly address: BeatAddress;
  readonly service: Service;
  readonly fleet: FleetSimulator;
  readonly supervisor: Supervisor;
  readonly module: ModuleClient;
}
