import type { Catalog } from "../apps/catalog.ts";
import { type Clock, instant } from "../clock.ts";
import { addressKey } from "../fleet/address.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { appsUnknown, checkTaken, noCatalog, readBeat } from "./refusals.ts";
import type { AgentInfo, BeatService } from "./service.ts";

/** What beats are counted into and answered from. */
export interface HeartbeatOptions {
  readonly fleet: Pick<Fleet, "beat">;
  /** Holds the catalog in force; undefined in it until one is known. */
  readonly catalog: { readonly current: Catalog | undefined };
  readonly clock: Clock;
}

/** The one method of the Thrift service: a beat in, the apps out that the agent may run. */
export class HeartbeatService implements BeatService {
  readonly #options: HeartbeatOptions;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /**
   * @throws {ApplicationError} when the sender cannot be told, when the fleet is full, and as long as no catalog is
   * known: an agent that gets an exception keeps its apps, one that gets an empty map removes them (PROTOCOL.md
   * section 1)
   */
  heartbeatPackage(info: AgentInfo, peer: string | undefined): Uint8Array {
    const { fleet, catalog, clock } = this.#options;
    const beat = readBeat(info);
    checkTaken(fleet.beat(beat, instant(clock), peer), beat, peer);
    if (catalog.current === undefined) throw noCatalog();
    const address = addressKey(beat.ip);
    if (catalog.current.unknown.has(address)) throw appsUnknown();
    return catalog.current.for(address).reply;
  }
}
