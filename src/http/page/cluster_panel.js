// @ts-check
import { SKEW_SECONDS } from "./banners.js";
import { fill, h } from "./dom.js";
import { number, t } from "./i18n.js";
import { facts, levelMark, panel } from "./parts.js";
import { foreign } from "./text.js";
/** @typedef {import("./types.ts").Summary} Summary @typedef {import("./types.ts").Cluster} Cluster */

/** How much of a digest is shown: enough to tell a few apart. */
const DIGEST_LETTERS = 8;

const COLUMNS = ["instance", "version", "seen", "skew", "catalog"];

/** The instances that form one view of the fleet; hidden where there is only one. */
export class ClusterPanel {
  #facts = h("div");
  #rows = h("tbody");
  node = panel(t("part.cluster"), [
    this.#facts,
    h(
      "div",
      { class: "table-box" },
      h(
        "table",
        { class: "rows cluster-table" },
        h("caption", { class: "hidden" }, t("cluster.caption")),
        h("thead", {}, h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, t(`column.${name}`))))),
        this.#rows,
      ),
    ),
  ], { class: "cluster" });

  constructor() {
    this.node.hidden = true;
  }

  /** @param {Summary} summary */
  summary({ cluster, instance, version }) {
    this.node.hidden = !cluster.enabled;
    if (!cluster.enabled) return;
    fill(this.#facts, clusterFacts(cluster));
    const own = { instance, version, skew_seconds: null, seen_seconds: null, catalog: cluster.catalog };
    fill(this.#rows, [own, ...cluster.members].map((member) => row(member, cluster)));
  }
}

/** @param {Cluster} cluster */
function clusterFacts({ settled, caught_up, leader, lag_seconds, pending_events, record_faults }) {
  const known = settled ? "settled" : caught_up ? "waiting" : "behind";
  return facts([
    [t("cluster.known"), levelMark(settled ? "ok" : caught_up ? "warn" : "bad", t(`health.cluster.${known}`))],
    [t("cluster.leader"), leader === null ? levelMark("warn", t("cluster.noLeader")) : foreign(leader)],
    [t("cluster.lag"), t("unit.s", { n: lag_seconds.toFixed(2) })],
    [t("cluster.pending"), number(pending_events)],
    [t("cluster.faults"), number(record_faults)],
  ]);
}

/**
 * @param {{ instance: string, version: string, skew_seconds: number | null, seen_seconds: number | null, catalog: string | null }} member
 * @param {Cluster} cluster
 */
function row({ instance, version, skew_seconds: skew, seen_seconds: seen, catalog }, cluster) {
  const differs = cluster.catalog_mismatch && catalog !== null && catalog !== cluster.catalog;
  const digest = catalog === null ? "–" : catalog.slice(0, DIGEST_LETTERS);
  return h(
    "tr",
    {},
    h(
      "td",
      {},
      foreign(instance),
      " ",
      instance === cluster.leader ? h("span", { class: "mark" }, t("cluster.leads")) : null,
    ),
    h("td", {}, foreign(version)),
    h("td", {}, seen === null ? t("cluster.here") : t("time.ago", { time: t("unit.s", { n: seen.toFixed(1) }) })),
    h("td", {}, skew === null ? "–" : skewText(skew)),
    h("td", {}, differs ? levelMark("bad", digest) : h("code", {}, digest)),
  );
}

/** @param {number} skew by how much this machine's clock is ahead, s */
function skewText(skew) {
  const text = t(skew > 0 ? "cluster.clock.behind" : "cluster.clock.ahead", { time: Math.abs(skew).toFixed(1) });
  return Math.abs(skew) > SKEW_SECONDS ? levelMark("warn", text) : text;
}
