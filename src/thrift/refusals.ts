import { type Beat, IdentityError, parseBeat } from "../fleet/beat.ts";
import type { BeatOutcome } from "../fleet/fleet.ts";
import { type AgentInfo, ApplicationError, ApplicationErrorType } from "./service.ts";

const { INTERNAL_ERROR, PROTOCOL_ERROR } = ApplicationErrorType;

/**
 * Reads a beat as it came from the wire.
 * @throws {ApplicationError} when its sender cannot be told
 */
export function readBeat(info: AgentInfo): Beat {
  try {
    return parseBeat(info);
  } catch (cause) {
    if (cause instanceof IdentityError) throw new ApplicationError(PROTOCOL_ERROR, cause.message);
    throw cause;
  }
}

/**
 * Goes on only with a beat that was taken.
 * @param peer where it came from
 * @throws {ApplicationError} when the fleet did not take it
 */
export function checkTaken(outcome: BeatOutcome, { ip }: Beat, peer: string | undefined): void {
  if (outcome === "foreign") {
    throw new ApplicationError(
      PROTOCOL_ERROR,
      `ip must be the address that the beat comes from (agent.addressCheck = enforce), ${ip} came from ${peer}`,
    );
  }
  if (outcome === "full") {
    throw new ApplicationError(
      INTERNAL_ERROR,
      "the fleet is full (agent.max) and no agent is offline, so this one is not taken in",
    );
  }
}

/** For as long as no catalog is known. */
export function noCatalog(): ApplicationError {
  return new ApplicationError(
    INTERNAL_ERROR,
    "beat taken, but which apps may run is not known yet: elves-supervisor has not answered",
  );
}

/** For an agent that a catalog says nothing sure about. */
export function appsUnknown(): ApplicationError {
  return new ApplicationError(
    INTERNAL_ERROR,
    "beat taken, but which apps may run here is not known: elves-supervisor's entry about this agent cannot be read",
  );
}

/** For beats that come faster than the fleet takes them. */
export function overloaded(): ApplicationError {
  return new ApplicationError(INTERNAL_ERROR, "the service is overloaded, so this beat is not taken");
}
