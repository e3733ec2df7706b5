// @ts-check
import { addSilence, pruneAgents } from "../actions.js";
import { AgentFilters, isFiltered, readQuery } from "../agent_filters.js";
import { AgentTable } from "../agent_table.js";
import { get, Loader } from "../api.js";
import { h, setText } from "../dom.js";
import { t } from "../i18n.js";
import { Pager, SIZES } from "../pager.js";
import { FaultLine } from "../parts.js";
import { linkTo, navigate } from "../router.js";
/** @typedef {import("../types.ts").AgentPage} AgentPage @typedef {import("../types.ts").Summary} Summary */
/** @typedef {import("../types.ts").Place} Place @typedef {import("../agent_filters.js").Query} Query */

/** The table of all agents. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function agentsView(context) {
  return new AgentsView(context);
}

class AgentsView {
  title = t("nav.agents");
  node;
  #query;
  #summary;
  /** @type {number | undefined} */
  #found;
  #fault = new FaultLine();
  #result = h("p", { class: "result num", role: "status" });
  #filters = new AgentFilters((change, options) => this.#goTo(change, options));
  #pager = new Pager((page, size) =>
    this.#goTo({ page: page === 1 ? "" : String(page), size: size === SIZES[0] ? "" : String(size) })
  );
  #table;
  #loader = new Loader(
    (signal) => get("agents", { ...this.#query, size: this.#query.size ?? SIZES[0] }, signal),
    (answer) => this.#show(answer),
    (cause) => this.#failed(cause),
  );

  /** @param {import("../main.js").Context} context */
  constructor({ place, summary, refresh }) {
    this.#query = readQuery(place.query);
    this.#summary = summary;
    this.#table = new AgentTable({
      sortBy: (sort) => this.#goTo({ sort: sort === "ip" ? "" : sort, page: "" }),
      changed: refresh,
    });
    const silence = () => addSilence(this.#query.cidr === undefined ? {} : { cidr: this.#query.cidr }, refresh);
    const tools = h(
      "div",
      { class: "tools" },
      h("button", { class: "button", type: "button", on: { click: silence } }, t("silence.add")),
      h("button", { class: "button", type: "button", on: { click: () => pruneAgents(refresh) } }, t("prune.open")),
    );
    const above = h("div", { class: "above-table" }, this.#result, this.#pager.node);
    const body = [this.#filters.node, this.#fault.node, above, this.#table.node];
    const head = h("div", { class: "view-head" }, h("h1", {}, this.title), tools);
    this.node = h("div", { class: "view" }, head, h("section", { class: "panel" }, ...body));
    this.#load();
  }

  get search() {
    return this.#filters.search;
  }

  /** @param {Place} place */
  go({ query }) {
    this.#query = readQuery(query);
    this.#load();
  }

  /** @param {Summary} summary */
  summary(summary) {
    this.#summary = summary;
    this.#count();
  }

  refresh() {
    this.#loader.quietly();
  }

  close() {
    this.#loader.close();
  }

  /** @param {Query} change what is empty is left out @param {{ replace?: boolean }} [options] */
  #goTo(change, options) {
    navigate(linkTo(["agents"], { ...this.#query, ...change }), options);
  }

  #load() {
    this.#filters.show(this.#query);
    this.#table.sorted(this.#query.sort ?? "ip");
    this.#table.node.setAttribute("aria-busy", "true");
    this.#loader.run();
  }

  /** @param {AgentPage} answer */
  #show(answer) {
    this.#fault.clear();
    this.#found = answer.total;
    this.#table.show(answer.agents);
    this.#table.node.removeAttribute("aria-busy");
    this.#pager.show(answer);
    this.#pager.node.hidden = answer.total === 0;
    this.#count();
  }

  /** @param {unknown} cause */
  #failed(cause) {
    this.#table.node.removeAttribute("aria-busy");
    this.#fault.show(cause);
  }

  #count() {
    const found = this.#found;
    const filtered = isFiltered(this.#query);
    this.#filters.count(this.#query, this.#summary, found);
    if (found === undefined) return;
    const total = this.#summary?.agents.total;
    const text = filtered && total !== undefined
      ? t("agents.found", { n: found, total })
      : t("agents.count", { n: found });
    setText(this.#result, text);
    const isNarrowed = filtered || this.#query.state !== undefined;
    this.#table.none(found === 0 ? t(isNarrowed ? "agents.noneFound" : "agents.none") : undefined);
  }
}
