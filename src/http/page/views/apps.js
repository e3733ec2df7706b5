// @ts-check
import { get, Loader } from "../api.js";
import { CatalogPanel } from "../catalogs.js";
import { fill, h, setText } from "../dom.js";
import { number, t } from "../i18n.js";
import { bar, FaultLine, panel } from "../parts.js";
import { linkTo } from "../router.js";
import { foreign } from "../text.js";
/** @typedef {import("../types.ts").Rollout} Rollout @typedef {import("../types.ts").AppCounts} AppCounts */
/** @typedef {{ app: string, version: string, wanted: number, matching: number, missing: number, unwanted: number }} Counts */

/** The roll-out of apps, and the catalogs that say what shall run. @param {import("../main.js").Context} context
 * @returns {import("../types.ts").View} */
export function appsView({ place }) {
  const fault = new FaultLine();
  const lead = h("p", { class: "lead num" });
  const body = h("tbody");
  const table = h(
    "table",
    { class: "rollout", hidden: true },
    h("caption", { class: "hidden" }, t("apps.caption")),
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ...["app", "version", "share", "wanted", "matching", "missing", "unwanted"].map((name) =>
          h("th", { scope: "col", class: `col-${name}` }, t(`column.${name}`))
        ),
      ),
    ),
    body,
  );
  const none = h("p", { class: "empty", hidden: true }, t("apps.none"));
  const catalogs = new CatalogPanel();
  let shown = "";
  const loader = new Loader((signal) => get("apps", {}, signal), show, (cause) => fault.show(cause));

  /** @param {Rollout} rollout */
  function show({ agents, apps, known, source }) {
    fault.clear();
    setText(
      lead,
      known ? t(`apps.lead.${source === "local" ? "local" : "supervisor"}`, { n: agents }) : t("apps.unknown"),
    );
    none.hidden = apps.length > 0;
    table.hidden = apps.length === 0;
    const next = JSON.stringify(apps);
    if (next === shown) return;
    shown = next;
    const most = Math.max(1, ...apps.flatMap(({ versions }) => versions.map((each) => each.wanted + each.unwanted)));
    fill(body, apps.flatMap((app) => appRows(app, most)));
  }

  loader.run();
  catalogs.go(place);
  return {
    title: t("nav.apps"),
    node: h(
      "div",
      { class: "view" },
      h("div", { class: "view-head" }, h("h1", {}, t("nav.apps")), lead),
      panel(t("apps.rollout"), [
        fault.node,
        h(
          "p",
          { class: "legend" },
          ...["matching", "missing", "unwanted"].map((name) =>
            h("span", { class: "key" }, h("i", { class: `swatch piece ${name}` }), t(`apps.${name}`))
          ),
        ),
        none,
        h("div", { class: "table-box" }, table),
      ]),
      catalogs.node,
    ),
    go: (next) => catalogs.go(next),
    refresh: () => {
      loader.quietly();
      catalogs.refresh();
    },
    close: () => {
      loader.close();
      catalogs.close();
    },
  };
}

/** Stands for the versions of an app that the catalog lists only for agents that are not there. */
const NO_VERSION = { version: "–", wanted: 0, matching: 0, missing: 0, unwanted: 0 };

/** @param {AppCounts} app @param {number} most how many agents the longest bar stands for */
function appRows({ app, versions }, most) {
  const rows = versions.length === 0 ? [NO_VERSION] : versions;
  return rows.map((version, i) => {
    const counts = { app, ...version };
    const name = i === 0
      ? h("a", { href: linkTo(["apps", app]) }, foreign(app))
      : h("span", { class: "hidden" }, foreign(app));
    return h(
      "tr",
      { class: i === 0 ? "first-of-app" : "" },
      h("th", { scope: "row", class: "col-app" }, name),
      h("td", { class: "col-version" }, foreign(version.version, 32)),
      h("td", { class: "col-share" }, shareBar(counts, most)),
      h("td", { class: "num col-wanted" }, count(counts.wanted)),
      h("td", { class: "num col-matching" }, linkedCount(counts, "matching")),
      h("td", { class: "num col-missing" }, linkedCount(counts, "missing")),
      h("td", { class: "num col-unwanted" }, linkedCount(counts, "unwanted")),
    );
  });
}

/** @param {Counts} counts @param {number} most */
function shareBar({ matching, missing, wanted, unwanted }, most) {
  const shares = [
    { name: "matching", count: matching, label: t("apps.matching.n", { n: matching }) },
    { name: "missing", count: missing, label: t("apps.missing.n", { n: missing }) },
    { name: "unwanted", count: unwanted, label: t("apps.unwanted.n", { n: unwanted }) },
  ];
  const percent = wanted === 0 ? "" : `${Math.floor((100 * matching) / wanted)} %`;
  const box = h("div", { class: "share" }, bar(shares, most), h("span", { class: "num" }, percent));
  return box;
}

/** @param {number} value */
function count(value) {
  return value === 0 ? h("span", { class: "zero" }, "0") : number(value);
}

/** @param {Counts} counts @param {"matching" | "missing" | "unwanted"} status */
function linkedCount(counts, status) {
  const value = counts[status];
  if (value === 0) return count(0);
  const { app, version } = counts;
  return h("a", { class: status, href: linkTo(["apps", app], { version, status }) }, number(value));
}
