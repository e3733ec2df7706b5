import type { Summary } from "./answers.ts";
import type { Field } from "./fields.ts";
import { counted, spanText } from "./format.ts";

type Cluster = Summary["cluster"];

/** Clocks that differ by more are shown as a fault, s. */
const SKEW_SECONDS = 2;
/** How much of a digest is shown. */
const DIGEST_LETTERS = 8;

/** Whether instances do not form one view, or do not agree on the catalog. */
export function isClusterAtFault(cluster: Cluster): boolean {
  return cluster.enabled && (!cluster.caught_up || cluster.catalog_mismatch);
}

/** How the instances stand, and a line for each of the others; none where this is the only one. */
export function clusterParts(cluster: Cluster): Field[] {
  if (!cluster.enabled) return [];
  const { caught_up, settled, leader, lag_seconds, catalog_mismatch, members, pending_events } = cluster;
  const known = !caught_up ? "catching up, nobody is called offline" : settled ? "all known" : "waiting for others";
  const waiting = pending_events === 0 ? "" : `, ${counted(pending_events, "event")} waiting`;
  const state = `${counted(members.length + 1, "instance")}, ${known}, ${
    leader === null ? "no leader" : `leader ${leader}`
  }, lag ${lag_seconds.toFixed(2)}s${waiting}`;
  const parts: Field[] = [{
    what: "cluster",
    text: state,
    style: !caught_up ? "bad" : settled && leader !== null ? undefined : "warning",
  }];
  if (catalog_mismatch) parts.push({ what: "", text: "instances have DIFFERENT CATALOGS", style: "bad" });
  return [...parts, ...members.map((member) => memberPart(member, cluster.catalog))];
}

function memberPart(
  { instance, version, skew_seconds: skew, seen_seconds: seen, catalog }:
    (Cluster & { enabled: true })["members"][number],
  own: string | null,
): Field {
  const seconds = skew ?? 0;
  const clock = skew === null || Math.abs(skew) < 0.05
    ? ""
    : `, clock ${Math.abs(seconds).toFixed(1)}s ${seconds > 0 ? "behind" : "ahead"}`;
  const digest = catalog === null ? "no catalog" : `catalog ${catalog.slice(0, DIGEST_LETTERS)}`;
  const isOdd = Math.abs(seconds) > SKEW_SECONDS || catalog !== own;
  const text = `${instance} ${version}, seen ${spanText(seen)} ago, ${digest}${clock}`;
  return { what: "", text, style: isOdd ? "warning" : undefined };
}
