// @ts-check
import { addSilence, pruneAgents } from "../actions.js";
import { AgentTable } from "../agent_table.js";
import { get, Loader } from "../api.js";
import { attribute, h, icon, setText } from "../dom.js";
import { number, t } from "../i18n.js";
import { Pager, SIZES } from "../pager.js";
import { FaultLine, stateMark } from "../parts.js";
import { linkTo, navigate } from "../router.js";
/** @typedef {import("../types.ts").AgentPage} AgentPage @typedef {import("../types.ts").Summary} Summary */

/** How long after the last key the search begins, ms. */
const TYPING_MS = 200;
const STATES = /** @type {const} */ (["all", "online", "suspect", "offline"]);
/** What narrows the list beside state and search, as the API calls it. */
const FILTERS = ["cidr", "app", "version", "silentFor", "silenced"];
const PARAMETERS = ["state", "q", ...FILTERS, "sort", "page", "size"];

/** The table of all agents. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function agentsView({ place, summary: known, refresh }) {
  let query = read(place.query);
  /** @type {Summary | undefined} */
  let summary = known;
  /** @type {number | undefined} */
  let found;
  const fault = new FaultLine();
  const table = new AgentTable({
    sortBy: (sort) => go({ sort: sort === "ip" ? "" : sort, page: "" }),
    changed: refresh,
  });
  const pager = new Pager((page, size) =>
    go({ page: page === 1 ? "" : String(page), size: size === SIZES[0] ? "" : String(size) })
  );
  const result = h("p", { class: "result num", role: "status" });
  const search = searchField();
  const tabs = STATES.map(tab);
  const form = filterForm();
  const loader = new Loader(
    (signal) => get("agents", { ...query, size: query.size ?? SIZES[0] }, signal),
    show,
    failed,
  );

  /** @param {Record<string, string>} change what is empty is left out @param {{ replace?: boolean }} [options] */
  function go(change, options) {
    navigate(linkTo(["agents"], { ...query, ...change }), options);
  }

  /** @param {AgentPage} answer */
  function show(answer) {
    fault.clear();
    found = answer.total;
    table.show(answer.agents);
    pager.show(answer);
    pager.node.hidden = answer.total === 0;
    table.node.removeAttribute("aria-busy");
    drawCounts();
  }

  /** @param {unknown} cause */
  function failed(cause) {
    table.node.removeAttribute("aria-busy");
    fault.show(cause);
  }

  function load() {
    table.node.setAttribute("aria-busy", "true");
    loader.run();
  }

  function searchField() {
    const input = h("input", {
      type: "search",
      id: "search",
      placeholder: t("agents.search"),
      "aria-label": t("agents.search"),
      autocomplete: "off",
      spellcheck: "false",
      maxlength: "255",
    });
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    input.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => go({ q: input.value.trim(), page: "" }, { replace: true }), TYPING_MS);
    });
    return input;
  }

  /** @param {typeof STATES[number]} state */
  function tab(state) {
    const count = h("span", { class: "num tab-count" });
    const link = h("a", {}, state === "all" ? t("state.all") : stateMark(state), " ", count);
    return { state, link, count };
  }

  function filterForm() {
    const fields = FILTERS.map((name) => filterField(name));
    return h(
      "form",
      {
        class: "filters",
        on: {
          submit: (/** @type {Event} */ event) => event.preventDefault(),
          change: () => go({ ...Object.fromEntries(fields.map(({ name, value }) => [name, value.trim()])), page: "" }),
        },
      },
      ...fields.map((field) => h("label", { class: "field" }, h("span", {}, t(`filter.${field.name}`)), field)),
      h("a", { class: "button clear", href: linkTo(["agents"]) }, t("filter.clear")),
    );
  }

  function drawQuery() {
    if (document.activeElement !== search) search.value = query.q ?? "";
    for (const field of form.querySelectorAll("input, select")) {
      if (!(field instanceof HTMLInputElement || field instanceof HTMLSelectElement)) continue;
      if (document.activeElement !== field) field.value = query[field.name] ?? "";
    }
    const clear = form.querySelector(".clear");
    if (clear !== null) attribute(clear, "hidden", !isFiltered());
    for (const { state, link } of tabs) {
      const { page: _, ...rest } = query;
      link.setAttribute("href", linkTo(["agents"], { ...rest, state: state === "all" ? undefined : state }));
      attribute(link, "aria-current", (query.state ?? "all") === state ? "true" : undefined);
    }
    table.sorted(query.sort ?? "ip");
  }

  function isFiltered() {
    return query.q !== undefined || FILTERS.some((name) => query[name] !== undefined);
  }

  function drawCounts() {
    for (const { state, count } of tabs) {
      const isShown = (query.state ?? "all") === state;
      // How many match in the other states is not known while something is filtered.
      const value = isFiltered() ? (isShown ? found : undefined) : summary?.agents[state === "all" ? "total" : state];
      setText(count, value === undefined ? "" : number(value));
    }
    if (found === undefined) return;
    setText(
      result,
      isFiltered() && summary !== undefined
        ? t("agents.found", { n: found, total: summary.agents.total })
        : t("agents.count", { n: found }),
    );
    table.none(
      found === 0 ? t(isFiltered() || query.state !== undefined ? "agents.noneFound" : "agents.none") : undefined,
    );
  }

  drawQuery();
  load();
  return {
    title: t("nav.agents"),
    search,
    node: h(
      "div",
      { class: "view" },
      h(
        "div",
        { class: "view-head" },
        h("h1", {}, t("nav.agents")),
        h(
          "div",
          { class: "tools" },
          h("button", {
            class: "button",
            type: "button",
            on: { click: () => addSilence(query.cidr === undefined ? {} : { cidr: query.cidr }, refresh) },
          }, t("silence.add")),
          h("button", { class: "button", type: "button", on: { click: () => pruneAgents(refresh) } }, t("prune.open")),
        ),
      ),
      h(
        "section",
        { class: "panel agents" },
        h(
          "div",
          { class: "finder" },
          h("div", { class: "search" }, icon("search"), search, h("kbd", { "aria-hidden": "true" }, "/")),
          h("nav", { class: "tabs", "aria-label": t("agents.states") }, ...tabs.map(({ link }) => link)),
        ),
        form,
        fault.node,
        h("div", { class: "above-table" }, result, pager.node),
        table.node,
      ),
    ),
    go: (next) => {
      query = read(next.query);
      drawQuery();
      load();
    },
    summary: (next) => {
      summary = next;
      drawCounts();
    },
    refresh: () => loader.quietly(),
    close: () => loader.close(),
  };
}

/** @param {URLSearchParams} search @returns {Record<string, string | undefined>} what the API takes of it */
function read(search) {
  return Object.fromEntries(PARAMETERS.flatMap((name) => {
    const value = search.get(name);
    return value === null || value === "" ? [] : [[name, value]];
  }));
}

/** @param {string} name */
function filterField(name) {
  if (name !== "silenced") {
    return h("input", { name, placeholder: t(`filter.${name}.example`), autocomplete: "off", spellcheck: "false" });
  }
  return h(
    "select",
    { name },
    h("option", { value: "" }, t("filter.any")),
    h("option", { value: "true" }, t("filter.yes")),
    h("option", { value: "false" }, t("filter.no")),
  );
}
