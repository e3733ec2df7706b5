// @ts-check
import { ApiError } from "./api.js";
import { faultText } from "./dialog.js";
import { h, icon, setText } from "./dom.js";
import { t } from "./i18n.js";
/** @typedef {import("./types.ts").AgentState} AgentState @typedef {import("./dom.js").Child} Child */

/** Pieces that several views are made of. */

/** What stands before each state, so that colour is not the only sign. */
const STATE_ICONS = { online: "dot", suspect: "triangle", offline: "square" };

/** @param {AgentState} state @returns {HTMLElement} */
export function stateMark(state) {
  return h(
    "span",
    { class: `state ${state}` },
    icon(STATE_ICONS[state]),
    h("span", { class: "state-word" }, t(`state.${state}`)),
  );
}

/** @param {"ok" | "warn" | "bad" | "off"} level @param {string} text @returns {HTMLElement} */
export function levelMark(level, text) {
  const icons = { ok: "dot", warn: "triangle", bad: "square", off: "ring" };
  return h("span", { class: `state ${LEVEL_CLASS[level]}` }, icon(icons[level]), text);
}

const LEVEL_CLASS = { ok: "online", warn: "suspect", bad: "offline", off: "off" };

/** @param {{ silenced?: boolean, flapping?: boolean, peer?: string, duplicate?: unknown, apps_fault?: string }} agent */
export function marks({ silenced, flapping, peer, duplicate, apps_fault }) {
  /** @type {[unknown, string][]} */
  const all = [
    [silenced, "silenced"],
    [flapping, "flapping"],
    [peer !== undefined || duplicate !== undefined, "identity"],
    [apps_fault !== undefined, "apps"],
  ];
  return all.filter(([set]) => set === true).map(([, name]) =>
    h("span", { class: `mark mark-${name}`, title: t(`mark.${name}.text`) }, icon(name), t(`mark.${name}`))
  );
}

/**
 * A panel with a heading.
 * @param {string} heading @param {Child[]} body @param {{ tools?: Child[], class?: string }} [options] */
export function panel(heading, body, { tools = [], class: name = "" } = {}) {
  const title = h("h2", {}, heading);
  const section = h(
    "section",
    { class: `panel ${name}` },
    h("header", {}, title, h("div", { class: "tools" }, ...tools)),
  );
  const id = `h-${(panelCount++).toString(36)}`;
  title.id = id;
  section.setAttribute("aria-labelledby", id);
  section.append(...body.filter((each) => each instanceof Node));
  return section;
}

let panelCount = 0;

/** Where a view says that something could not be loaded. */
export class FaultLine {
  node = h("p", { class: "fault", role: "alert", hidden: true });

  /** @param {unknown} cause */
  show(cause) {
    // Asking the same again would be refused again.
    const isRefused = cause instanceof ApiError && cause.status === 400;
    setText(this.node, t(isRefused ? "fault.refused" : "fault.load", { reason: faultText(cause) }));
    this.node.hidden = false;
  }

  clear() {
    this.node.hidden = true;
  }
}

/** A list of names and values. @param {[string, Child | Child[]][]} pairs */
export function facts(pairs) {
  return h("dl", { class: "facts" }, ...pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * A bar of shares of a whole.
 * @param {{ name: string, count: number, label: string }[]} shares @param {number} whole
 */
export function bar(shares, whole) {
  const node = h("div", { class: "bar", role: "img", "aria-label": shares.map(({ label }) => label).join(", ") });
  for (const { name, count, label } of shares) {
    if (count === 0) continue;
    const piece = h("span", { class: `piece ${name}`, title: label });
    // What is there at all is seen, however small its share.
    piece.style.flexBasis = `${whole === 0 ? 0 : (100 * count) / whole}%`;
    node.append(piece);
  }
  return node;
}
