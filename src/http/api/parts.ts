import type { SupervisorCatalog } from "../../apps/keeper.ts";
import type { LocalCatalog } from "../../apps/local_catalog.ts";
import type { Clock } from "../../clock.ts";
import type { Fleet } from "../../fleet/fleet.ts";
import type { Operations } from "../../operations.ts";
import type { Slices } from "../../slices.ts";
import type { Store } from "../../store/store.ts";

/** What the API shows and changes. */
export interface ApiParts {
  readonly fleet: Fleet;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly store: Store;
  readonly operations: Operations;
  readonly slices: Slices;
  readonly clock: Clock;
  /** The data folder; a backup is made in it before it is sent. */
  readonly dataDir: string;
}
