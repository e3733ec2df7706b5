// @ts-check
import { get, Loader } from "../api.js";
import { attribute, fill, h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Pager, SIZES } from "../pager.js";
import { FaultLine, levelMark, marks, stateMark } from "../parts.js";
import { linkTo, navigate } from "../router.js";
import { cut, foreign, visible } from "../text.js";
/** @typedef {import("../types.ts").AppAgentPage} AppAgentPage @typedef {import("../types.ts").AppAgent} AppAgent */

const STATUSES = ["all", "matching", "missing", "unwanted"];

/** Who wants or has one app. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function appView({ place }) {
  const app = place.path[1] ?? "";
  let query = place.query;
  const fault = new FaultLine();
  const result = h("p", { class: "result num", role: "status" });
  const version = h("p", { class: "lead" });
  const tabs = STATUSES.map((status) => ({ status, link: h("a", {}, t(`apps.status.${status}`)) }));
  const rows = h("tbody");
  const pager = new Pager((page, size) => go({ page: page === 1 ? "" : String(page), size: String(size) }));
  const loader = new Loader(
    (signal) =>
      get(`apps/${encodeURIComponent(app)}`, { size: String(SIZES[0]), ...Object.fromEntries(query) }, signal),
    show,
    (cause) => fault.show(cause),
  );

  /** @param {Record<string, string | undefined>} change @returns {string} */
  function link(change) {
    return linkTo(["apps", app], { ...Object.fromEntries(query), ...change });
  }

  /** @param {Record<string, string>} change */
  function go(change) {
    navigate(link(change));
  }

  /** @param {AppAgentPage} answer */
  function show(answer) {
    fault.clear();
    setText(result, t("agents.count", { n: answer.total }));
    pager.show(answer);
    pager.node.hidden = answer.total === 0;
    fill(rows, answer.agents.map(agentRow));
  }

  function draw() {
    const status = query.get("status") ?? "all";
    for (const each of tabs) {
      each.link.setAttribute("href", link({ status: each.status, page: undefined }));
      attribute(each.link, "aria-current", each.status === status ? "true" : undefined);
    }
    const only = query.get("version");
    fill(
      version,
      ...(only === null ? [] : [
        t("app.version"),
        " ",
        foreign(only, 40),
        " · ",
        h("a", { href: link({ version: undefined, page: undefined }) }, t("app.allVersions")),
      ]),
    );
  }

  draw();
  loader.run();
  const heads = ["state", "ip", "asset", "wanted", "installed", "status"].map((name) =>
    h("th", { scope: "col", class: `col-${name}` }, t(`column.${name}`))
  );
  return {
    title: visible(cut(app)),
    node: h(
      "div",
      { class: "view" },
      h("p", { class: "crumbs" }, h("a", { href: linkTo(["apps"]) }, t("nav.apps")), " ›"),
      h("div", { class: "view-head" }, h("h1", {}, foreign(app)), version),
      h(
        "section",
        { class: "panel" },
        h(
          "div",
          { class: "finder" },
          h("nav", { class: "tabs", "aria-label": t("column.status") }, ...tabs.map(({ link: each }) => each)),
        ),
        fault.node,
        h("div", { class: "above-table" }, result, pager.node),
        h("div", { class: "table-box" }, h("table", { class: "rows" }, h("thead", {}, h("tr", {}, ...heads)), rows)),
      ),
    ),
    go: (next) => {
      query = next.query;
      draw();
      loader.run();
    },
    refresh: () => loader.quietly(),
    close: () => loader.close(),
  };
}

/** @param {AppAgent} agent */
function agentRow(agent) {
  const { ip, asset, state, wanted, installed } = agent;
  const status = wanted === null ? "unwanted" : installed === null ? "missing" : wanted === installed ? "ok" : "other";
  const level = /** @type {const} */ ({ ok: "ok", missing: "bad", other: "bad", unwanted: "warn" })[status];
  return h(
    "tr",
    {},
    h("td", { class: "col-state" }, stateMark(state)),
    h("td", { class: "col-ip" }, h("a", { class: "row-link ip", href: linkTo(["agents", ip]) }, ip)),
    h("td", { class: "col-asset" }, foreign(asset), h("span", { class: "marks" }, ...marks(agent))),
    h("td", {}, wanted === null ? "–" : foreign(wanted, 32)),
    h("td", {}, installed === null ? "–" : foreign(installed, 32)),
    h("td", {}, levelMark(level, t(`app.${status}`))),
  );
}
