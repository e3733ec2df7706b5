// @ts-check
import { acceptCatalog, rollbackCatalog } from "./actions.js";
import { get, Loader } from "./api.js";
import { fill, h } from "./dom.js";
import { timeOf } from "./format.js";
import { number, t } from "./i18n.js";
import { FaultLine, panel } from "./parts.js";
import { linkTo } from "./router.js";
import { foreign, visible } from "./text.js";
/** @typedef {import("./types.ts").Catalogs} Catalogs @typedef {import("./types.ts").CatalogEntry} CatalogEntry */
/** @typedef {import("./types.ts").CatalogChange} CatalogChange @typedef {import("./types.ts").Place} Place */

/** How many addresses a line of the comparison names. */
const NAMED = 12;

/** The catalogs that were in force, what differs between two of them, and the one that waits to be accepted. */
export class CatalogPanel {
  node;
  #fault = new FaultLine();
  #list = h("tbody");
  #none = h("p", { class: "empty", hidden: true }, t("catalogs.none"));
  #diff = h("div", { class: "diff", hidden: true, role: "status" });
  #table;
  #shown = "";
  #between = { from: "", to: "" };
  #loader;
  #diffLoader;

  constructor() {
    this.#table = h(
      "table",
      { hidden: true },
      h("caption", { class: "hidden" }, t("catalogs.title")),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...["taken", "origin", "apps", "agents"].map((name) =>
            h("th", { scope: "col", class: `col-${name}` }, t(`column.${name}`))
          ),
          h("th", { scope: "col", class: "col-do" }, h("span", { class: "hidden" }, t("column.do"))),
        ),
      ),
      this.#list,
    );
    this.node = panel(t("catalogs.title"), [
      this.#fault.node,
      this.#diff,
      this.#none,
      h("div", { class: "table-box" }, this.#table),
    ]);
    this.#loader = new Loader(
      (signal) => get("catalogs", {}, signal),
      (answer) => this.#show(answer),
      (cause) => this.#fault.show(cause),
    );
    this.#diffLoader = new Loader(
      (signal) => get("catalogs/diff", this.#between, signal),
      ({ changes }) => this.#showDiff(changes),
      (cause) => this.#fault.show(cause),
    );
    this.#loader.run();
  }

  /** @param {Place} place whose query may name two catalogs to compare */
  go({ query }) {
    this.#between = { from: query.get("from") ?? "", to: query.get("to") ?? "" };
    this.#diff.hidden = true;
    if (this.#between.from !== "" && this.#between.to !== "") this.#diffLoader.run();
    else this.#diffLoader.close();
  }

  refresh() {
    this.#loader.quietly();
  }

  close() {
    this.#loader.close();
    this.#diffLoader.close();
  }

  /** @param {Catalogs} answer */
  #show({ held, catalogs }) {
    const next = JSON.stringify([held, catalogs]);
    if (next === this.#shown) return;
    this.#shown = next;
    this.#fault.clear();
    const inForce = catalogs.find((each) => each.current)?.agents ?? 0;
    this.#none.hidden = held !== null || catalogs.length > 0;
    this.#table.hidden = held === null && catalogs.length === 0;
    const done = () => this.refresh();
    fill(
      this.#list,
      held === null ? null : h(
        "tr",
        { class: "held" },
        h("td", {}, timeOf(held.at_ms)),
        h("td", {}, h("span", { class: "state suspect" }, t("catalogs.held")), " ", foreign(held.reason, 300)),
        h("td", { class: "num" }, number(held.apps)),
        h("td", { class: "num" }, number(held.agents)),
        h(
          "td",
          { class: "col-do" },
          compare("current", "held"),
          button(t("held.accept"), () => acceptCatalog(held, { agents: inForce }, done)),
        ),
      ),
      catalogs.map((entry) => catalogRow(entry, done)),
    );
  }

  /** @param {CatalogChange[]} changes */
  #showDiff(changes) {
    this.#diff.hidden = false;
    fill(
      this.#diff,
      h(
        "header",
        {},
        h("h3", {}, t("diff.title")),
        h("a", { class: "button", href: linkTo(["apps"]) }, t("close")),
      ),
      changes.length === 0 ? h("p", { class: "empty" }, t("diff.none")) : h("ul", {}, ...changes.map(changeLine)),
    );
    // It stands below a roll-out that may be long, and is what one came for.
    this.#diff.scrollIntoView();
  }
}

/** @param {CatalogEntry} entry @param {() => void} done */
function catalogRow(entry, done) {
  const { id, taken_at_ms, origin, apps, agents, current } = entry;
  return h(
    "tr",
    {},
    h("td", {}, timeOf(taken_at_ms)),
    h("td", {}, foreign(origin), current ? h("span", { class: "mark current" }, t("catalogs.current")) : null),
    h("td", { class: "num" }, apps === null ? "–" : number(apps)),
    h("td", { class: "num" }, agents === null ? "–" : number(agents)),
    h(
      "td",
      { class: "col-do" },
      ...(current || apps === null ? [] : [
        compare(String(id), "current"),
        button(t("rollback.open"), () => rollbackCatalog(entry, done)),
      ]),
    ),
  );
}

/** @param {string} from @param {string} to */
function compare(from, to) {
  return h(
    "a",
    { class: "button", href: linkTo(["apps"], { from, to }) },
    t(to === "held" ? "diff.held" : "diff.current"),
  );
}

/** @param {CatalogChange} change */
function changeLine({ app, version, added, added_count, removed, removed_count }) {
  return h(
    "li",
    {},
    h("b", {}, foreign(app), " ", foreign(version, 32)),
    added_count === 0
      ? null
      : h("p", { class: "added" }, t("diff.added", { n: added_count }), " ", addresses(added, added_count)),
    removed_count === 0
      ? null
      : h("p", { class: "removed" }, t("diff.removed", { n: removed_count }), " ", addresses(removed, removed_count)),
  );
}

/** @param {string[]} list @param {number} total */
function addresses(list, total) {
  const named = list.slice(0, NAMED).flatMap((
    ip,
  ) => [h("a", { class: "ip", href: linkTo(["agents", ip]) }, visible(ip)), " "]);
  return h("span", {}, ...named, total > NAMED ? "…" : "");
}

/** @param {string} text @param {() => void} click */
function button(text, click) {
  return h("button", { class: "button", type: "button", on: { click } }, text);
}
