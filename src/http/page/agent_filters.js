// @ts-check
import { attribute, h, icon, setText } from "./dom.js";
import { number, t } from "./i18n.js";
import { stateMark } from "./parts.js";
import { linkTo } from "./router.js";
/** @typedef {import("./types.ts").Summary} Summary */
/** @typedef {Record<string, string | undefined>} Query the parameters of GET /api/v1/agents that stand in the address */

/** How long after the last key the search begins, ms. */
const TYPING_MS = 200;
const STATES = /** @type {const} */ (["all", "online", "suspect", "offline"]);
/** What narrows the list beside state and search, as the API calls it. */
const FILTERS = ["cidr", "app", "version", "silentFor", "silenced"];
const PARAMETERS = ["state", "q", ...FILTERS, "sort", "page", "size"];

/** @param {URLSearchParams} search @returns {Query} what the API takes of it */
export function readQuery(search) {
  return Object.fromEntries(PARAMETERS.flatMap((name) => {
    const value = search.get(name);
    return value === null || value === "" ? [] : [[name, value]];
  }));
}

/** @param {Query} query @returns {boolean} whether it narrows the list by more than the state */
export function isFiltered(query) {
  return query.q !== undefined || FILTERS.some((name) => query[name] !== undefined);
}

/** Search, state tabs and filters above the table. */
export class AgentFilters {
  node;
  search;
  #go;
  #form;
  #fields = FILTERS.map(filterField);
  #clear = h("a", { class: "button", href: linkTo(["agents"]) }, t("filter.clear"));
  #toggle;
  #tabs = STATES.map((state) => {
    const count = h("span", { class: "num tab-count" });
    return { state, count, link: h("a", {}, state === "all" ? t("state.all") : stateMark(state), " ", count) };
  });

  /** @param {(change: Query, options?: { replace?: boolean }) => void} go goes to another query; empty is left out */
  constructor(go) {
    this.#go = go;
    this.search = this.#searchField();
    this.#form = this.#filterForm();
    this.#toggle = h("button", { class: "button filter-toggle", type: "button" }, t("filter.show"));
    this.#toggle.addEventListener("click", () => this.#unfold(!this.#form.classList.contains("open")));
    const tabs = h("nav", { class: "tabs", "aria-label": t("agents.states") }, ...this.#tabs.map(({ link }) => link));
    const search = h("div", { class: "search" }, icon("search"), this.search, h("kbd", { "aria-hidden": "true" }, "/"));
    this.node = h("div", {}, h("div", { class: "finder" }, search, tabs, this.#toggle), this.#form);
  }

  /** @param {Query} query */
  show(query) {
    if (document.activeElement !== this.search) this.search.value = query.q ?? "";
    for (const field of this.#fields) {
      if (document.activeElement !== field) field.value = query[field.name] ?? "";
    }
    // On a phone the filters are folded away, unless one is in force.
    this.#unfold(FILTERS.some((name) => query[name] !== undefined));
    this.#clear.hidden = !isFiltered(query);
    for (const { state, link } of this.#tabs) {
      link.setAttribute("href", linkTo(["agents"], { ...query, page: undefined, state: state === "all" ? "" : state }));
      attribute(link, "aria-current", (query.state ?? "all") === state ? "true" : undefined);
    }
  }

  /**
   * Writes how many agents there are in each state. How many match in the other states is not known while something is
   * filtered.
   * @param {Query} query @param {Summary | undefined} summary @param {number | undefined} found
   */
  count(query, summary, found) {
    for (const { state, count } of this.#tabs) {
      const matching = (query.state ?? "all") === state ? found : undefined;
      const value = isFiltered(query) ? matching : summary?.agents[state === "all" ? "total" : state];
      setText(count, value === undefined ? "" : number(value));
    }
  }

  /** @param {boolean} open */
  #unfold(open) {
    this.#form.classList.toggle("open", open);
    attribute(this.#toggle, "aria-expanded", String(open));
  }

  #searchField() {
    const label = t("agents.search");
    const attributes = { id: "search", placeholder: label, "aria-label": label, maxlength: "255" };
    const input = h("input", { type: "search", autocomplete: "off", spellcheck: "false", ...attributes });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => this.#go({ q: input.value.trim(), page: "" }, { replace: true }), TYPING_MS);
    });
    return input;
  }

  #filterForm() {
    const labels = this.#fields.map((field) =>
      h("label", { class: "field" }, h("span", {}, t(`filter.${field.name}`)), field)
    );
    const form = h("form", { class: "filters" }, ...labels, this.#clear);
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("change", () => {
      this.#go({ ...Object.fromEntries(this.#fields.map(({ name, value }) => [name, value.trim()])), page: "" });
    });
    return form;
  }
}

/** @param {string} name */
function filterField(name) {
  if (name !== "silenced") {
    return h("input", { name, placeholder: t(`filter.${name}.example`), autocomplete: "off", spellcheck: "false" });
  }
  const choices = [["", "any"], ["true", "yes"], ["false", "no"]];
  return h("select", { name }, ...choices.map(([value, label]) => h("option", { value }, t(`filter.${label}`))));
}
