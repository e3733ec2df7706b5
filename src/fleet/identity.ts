import type { Agent, Instant } from "./agent.ts";
import type { Beat } from "./beat.ts";

/** What two senders seem to share: an address with two assets in turn, or an address used from two peers in turn. */
export type Conflict = "asset" | "address";

/** What is remembered of an agent only when something about its identity is odd. */
export interface Oddities {
  /**
   * The TCP peer of the last beat where it is not the claimed address; empty where it is; undefined as long as it never
   * was another one: what it was before that, or before a restart, may just not be known.
   */
  peer: string | undefined;
  formerPeer: string | undefined;
  formerAsset: string | undefined;
  conflict: Conflict | undefined;
  /** When the last sign of the conflict was seen. */
  conflictAt: Instant | undefined;
}

/**
 * Compares who beats with what is known of the row: an asset or a peer that was replaced and comes back means that two
 * machines claim one address; a mere change means that the machine was given another name or way.
 *
 * @param beat names the row's own address
 * @param peer the address of the TCP peer; undefined behind a balancer that does not tell
 * @param timeoutMs how long after its last sign a conflict is over
 * @returns a conflict that was not known, or was over; undefined when there is none
 */
export function compareIdentity(
  agent: Agent,
  { ip, asset }: Pick<Beat, "ip" | "asset">,
  { peer, now, timeoutMs }: { peer: string | undefined; now: Instant; timeoutMs: number },
): Conflict | undefined {
  const foreign = peer !== undefined && peer !== ip;
  const otherAsset = asset !== agent.asset;
  if (!foreign && !otherAsset && agent.oddities === undefined) return undefined;
  const odd = agent.oddities ??= noOddities();
  let conflict: Conflict | undefined;
  if (otherAsset) {
    if (odd.formerAsset === asset) conflict = "asset";
    odd.formerAsset = agent.asset;
  }
  const from = foreign ? peer : "";
  if (peer !== undefined && from !== (odd.peer ?? "")) {
    if (odd.formerPeer === from) conflict = "address";
    odd.formerPeer = odd.peer;
    odd.peer = from;
  }
  if (conflict === undefined) return undefined;
  const known = odd.conflictAt !== undefined && now.monotonic - odd.conflictAt.monotonic <= timeoutMs;
  odd.conflict = conflict;
  odd.conflictAt = now;
  return known ? undefined : conflict;
}

function noOddities(): Oddities {
  return { peer: undefined, formerPeer: undefined, formerAsset: undefined, conflict: undefined, conflictAt: undefined };
}
