// @ts-check
import { agentName } from "./actions.js";
import { h, icon } from "./dom.js";
import { duration, timeOf } from "./format.js";
import { hasText, t, tNodes } from "./i18n.js";
import { linkTo } from "./router.js";
import { foreign } from "./text.js";
/** @typedef {import("./types.ts").EventRow} EventRow */

/** Every kind of event, with its picture and its class. @type {Record<string, [string, string]>} */
export const KINDS = {
  agentOnline: ["dot", "online"],
  agentOffline: ["square", "offline"],
  agentFlapping: ["flapping", "suspect"],
  agentForgotten: ["cross", "off"],
  versionChanged: ["tag", "accent"],
  duplicateIdentity: ["identity", "suspect"],
  guardOn: ["shield", "offline"],
  guardOff: ["shield", "online"],
  catalogChanged: ["box", "accent"],
  catalogHeld: ["box", "suspect"],
  audit: ["hand", "accent"],
};

/** @param {EventRow} event @returns {HTMLLIElement} one line: when, what, about whom */
export function eventLine(event) {
  const [picture, name] = KINDS[event.kind] ?? ["ring", "off"];
  const line = h(
    "li",
    { class: "event" },
    timeOf(event.at_ms),
    h("span", { class: `state ${name}` }, icon(picture)),
    h("span", { class: "event-text" }, eventText(event)),
  );
  line.dataset.key = event.id;
  return line;
}

/** @param {EventRow} event @returns {Node} what happened, as a sentence */
export function eventText(event) {
  const key = `event.${variant(event)}`;
  if (!hasText(key)) return foreign(`${event.kind} ${JSON.stringify(event)}`, 200);
  return tNodes(key, {
    agent: event.ip === undefined ? "" : agentLink(event.ip, event.asset ?? ""),
    away: duration(event.away_seconds ?? 0),
    n: numeric(event.held ?? event.changed),
    silent: numeric(event.silent),
    agents: numeric(event.agents),
    apps: numeric(event.apps),
    time: duration(numeric(event.held_seconds)),
    reason: reasonOf(event),
    from: foreign(event.from ?? ""),
    to: foreign(event.to ?? ""),
    assets: foreign(Array.isArray(event.assets) ? event.assets.join(" ⇄ ") : ""),
    origin: foreign(event.origin ?? ""),
    who: h("b", {}, foreign(event.who ?? "")),
    what: foreign(event.what ?? "", 120),
    action: hasText(`audit.${event.action}`) ? t(`audit.${event.action}`) : foreign(event.action ?? ""),
    result: event.result === undefined ? "" : foreign(event.result, 120),
  });
}

/** @param {EventRow} event @returns {string} the kind, or the shape of it that has a sentence of its own */
function variant({ kind, first, reason, away_seconds }) {
  if (kind === "agentOnline" && first === true) return "agentOnline.first";
  if (kind === "agentOnline" && away_seconds === undefined) return "agentOnline.late";
  if (kind === "duplicateIdentity" && reason === "asset") return "duplicateIdentity.asset";
  return kind;
}

/** @param {EventRow} event @returns {Node | string} */
function reasonOf({ kind, reason }) {
  if (typeof reason !== "string") return "";
  const key = `reason.${kind}.${reason}`;
  return hasText(key) ? t(key) : foreign(reason, 300);
}

/** @param {unknown} value @returns {number} */
function numeric(value) {
  return typeof value === "number" ? value : 0;
}

/** @param {string} ip @param {string} asset */
export function agentLink(ip, asset) {
  return h("a", { href: linkTo(["agents", ip]) }, agentName(ip, asset));
}
