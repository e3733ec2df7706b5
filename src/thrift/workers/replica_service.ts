import type { Beat } from "../../fleet/beat.ts";
import { appsUnknown, checkTaken, noCatalog, overloaded, readBeat } from "../refusals.ts";
import type { AgentInfo, BeatService } from "../service.ts";
import type { Outbox } from "./outbox.ts";
import type { PackedCatalog } from "./packed_catalog.ts";
import type { SharedFleet } from "./shared_fleet.ts";

/**
 * With room for fewer rows the fleet is asked about each beat. There is more room than beats on their way need, except
 * for what else may take it meanwhile: agents that come back, and the beats of other instances.
 */
const LITTLE_ROOM = 500;

/** What stands behind the beat port in a worker: answers like HeartbeatService, and takes beats to the main thread. */
export class ReplicaService implements BeatService {
  readonly #fleet: SharedFleet;
  readonly #outbox: Outbox;
  /** The catalog in force; undefined until one is known. */
  catalog: PackedCatalog | undefined;
  readonly #overloaded: () => void;

  /** @param onOverload called for each beat that is not taken because too many wait for the main thread */
  constructor(fleet: SharedFleet, outbox: Outbox, onOverload: () => void) {
    this.#fleet = fleet;
    this.#outbox = outbox;
    this.#overloaded = onOverload;
  }

  /** @throws {ApplicationError} as HeartbeatService does, and when beats come faster than the main thread takes them */
  heartbeatPackage(info: AgentInfo, peer: string | undefined): Uint8Array | Promise<Uint8Array> {
    const beat = readBeat(info);
    if (this.#outbox.isFull) {
      this.#overloaded();
      throw overloaded();
    }
    if (peer !== undefined && peer !== beat.ip && this.#fleet.refusesForeign) {
      // Where it is counted.
      this.#outbox.add(beat, peer);
      checkTaken("foreign", beat, peer);
    }
    if (this.#fleet.room - this.#fleet.waitingOfAll < LITTLE_ROOM) return this.#ask(beat, peer);
    this.#outbox.add(beat, peer);
    return this.#reply(beat);
  }

  async #ask(beat: Beat, peer: string | undefined): Promise<Uint8Array> {
    checkTaken(await this.#outbox.ask(beat, peer), beat, peer);
    return this.#reply(beat);
  }

  #reply({ ip }: Beat): Uint8Array {
    if (this.catalog === undefined) throw noCatalog();
    const reply = this.catalog.reply(ip);
    if (reply === undefined) throw appsUnknown();
    return reply;
  }
}
