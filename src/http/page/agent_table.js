// @ts-check
import { addSilence, forgetAgent } from "./actions.js";
import { fill, h, setText, syncChildren } from "./dom.js";
import { duration, setTime, timeOf } from "./format.js";
import { number, t } from "./i18n.js";
import { showSort, sortHead } from "./pager.js";
import { marks, stateMark } from "./parts.js";
import { linkTo } from "./router.js";
import { foreign, setForeign } from "./text.js";
/** @typedef {import("./types.ts").AgentRow} AgentRow */

/** The columns: what they are sorted by (empty: not at all) and their text. @type {[string, string][]} */
const COLUMNS = [
  ["state", "state"],
  ["ip", "ip"],
  ["asset", "asset"],
  ["version", "version"],
  ["", "apps"],
  ["silent", "silent"],
  ["since", "since"],
  ["", "do"],
];

/** The rows of agents; shown again in place, so that nothing jumps. */
export class AgentTable {
  node;
  #rows = h("tbody");
  #changed;
  #none = h("p", { class: "empty", hidden: true });
  #table;

  /** @param {{ sortBy: (sort: string) => void, changed: () => void }} options changed: something was done to a row */
  constructor({ sortBy, changed }) {
    this.#changed = changed;
    const heads = COLUMNS.map(([key, name]) => {
      if (key !== "") return sortHead(key, t(`column.${name}`), sortBy);
      const label = name === "do" ? h("span", { class: "hidden" }, t("column.do")) : t(`column.${name}`);
      return h("th", { scope: "col", class: `col-${name}` }, label);
    });
    this.#table = h(
      "table",
      { class: "rows agents-table" },
      h("caption", { class: "hidden" }, t("agents.caption")),
      h("thead", {}, h("tr", {}, ...heads)),
      this.#rows,
    );
    this.node = h("div", { class: "table-box" }, this.#table, this.#none);
  }

  /** @param {readonly AgentRow[]} agents */
  show(agents) {
    syncChildren(this.#rows, agents, {
      key: ({ ip }) => ip,
      create: (agent) => this.#create(agent),
      update: (row, agent) => update(row, agent),
    });
    this.#table.hidden = agents.length === 0;
  }

  /** @param {string} sort */
  sorted(sort) {
    showSort(this.#table, sort);
  }

  /** @param {string | undefined} text what to say in the place of rows */
  none(text) {
    this.#none.hidden = text === undefined;
    setText(this.#none, text ?? "");
  }

  /** @param {AgentRow} agent */
  #create(agent) {
    const { ip } = agent;
    const silence = h("button", {
      class: "ghost",
      type: "button",
      "aria-label": t("agents.silence", { ip }),
      on: { click: () => addSilence({ cidr: ip }, this.#changed) },
    }, t("agents.silenceShort"));
    const forget = h("button", {
      class: "ghost",
      type: "button",
      "aria-label": t("agents.forget", { ip }),
      on: { click: () => forgetAgent(agent, this.#changed) },
    }, t("agents.forgetShort"));
    return h(
      "tr",
      {},
      h("td", { class: "col-state" }),
      h("td", { class: "col-ip" }, h("a", { class: "row-link ip", href: linkTo(["agents", ip]) }, ip)),
      h("td", { class: "col-asset" }, foreign(""), h("span", { class: "marks" })),
      h("td", { class: "col-version" }, foreign("", 24)),
      h("td", { class: "col-apps num" }),
      h("td", { class: "col-silent num" }, h("time")),
      h("td", { class: "col-since num" }, timeOf(agent.since)),
      h("td", { class: "col-do" }, silence, forget),
    );
  }
}

/** @param {HTMLTableRowElement} row @param {AgentRow} agent */
function update(row, agent) {
  const [state, , asset, version, apps, silent, since] = /** @type {HTMLElement[]} */ ([...row.children]);
  if (row.dataset.state !== agent.state) fill(state ?? row, stateMark(agent.state));
  row.dataset.state = agent.state;
  const [name, marked] = /** @type {HTMLElement[]} */ ([...(asset?.children ?? [])]);
  setForeign(name ?? row, agent.asset);
  const nextMarks = marks(agent);
  if (marked !== undefined && marked.childElementCount + nextMarks.length > 0) fill(marked, nextMarks);
  setForeign(/** @type {HTMLElement} */ (version?.firstElementChild ?? row), agent.version, 24);
  setText(apps ?? row, number(Object.keys(agent.apps).length));
  const beat = silent?.firstElementChild;
  if (beat instanceof HTMLTimeElement) {
    setTime(beat, agent.last_hb_ms);
    setText(beat, duration(agent.silent_seconds));
  }
  const changed = since?.firstElementChild;
  if (changed instanceof HTMLTimeElement) setTime(changed, agent.since);
}
