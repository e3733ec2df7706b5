import type { Catalog } from "../apps/catalog.ts";
import { type Clock, instant } from "../clock.ts";
import { IdentityError, parseBeat } from "../fleet/beat.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { type AgentInfo, ApplicationError, ApplicationErrorType, type BeatService } from "./service.ts";

/** What beats are counted into and answered from. */
export interface HeartbeatOptions {
  readonly fleet: Fleet;
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
    const now = instant(clock);
    const outcome = fleet.beat(beat, now, peer);
    if (outcome === "foreign") {
      throw new ApplicationError(
        ApplicationErrorType.PROTOCOL_ERROR,
        `ip must be the address that the beat comes from (agent.addressCheck = enforce), ${beat.ip} came from ${peer}`,
      );
    }
    if (outcome === "full") {
      throw new ApplicationError(
        ApplicationErrorType.INTERNAL_ERROR,
        "the fleet is full (agent.max) and no agent is offline, so this one is not taken in",
      );
    }
    if (catalog.current === undefined) {
      throw new ApplicationError(
        ApplicationErrorType.INTERNAL_ERROR,
        "beat taken, but which apps may run is not known yet: elves-supervisor has not answered",
      );
    }
    if (catalog.current.unknown.has(beat.ip)) {
      throw new ApplicationError(
        ApplicationErrorType.INTERNAL_ERROR,
        "beat taken, but which apps may run here is not known: elves-supervisor's entry about this agent cannot be read",
      );
    }
    return catalog.current.for(beat.ip).reply;
  }
}

function readBeat(info: AgentInfo) {
  try {
    return parseBeat(info);
  } catch (cause) {
    if (cause instanceof IdentityError) throw new ApplicationError(ApplicationErrorType.PROTOCOL_ERROR, cause.message);
    throw cause;
  }
}
