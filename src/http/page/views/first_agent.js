// @ts-check
import { h } from "../dom.js";
import { t } from "../i18n.js";
/** @typedef {import("../types.ts").Summary} Summary */

/**
 * What to do while nobody beats. The instance's name ends with the beat port.
 * @param {Summary} summary @returns {HTMLElement}
 */
export function firstAgent({ instance, catalog }) {
  const [, name = "", port = ""] = /^(.*)-(\d+)$/.exec(instance) ?? [];
  const here = location.hostname;
  const host = here === "localhost" || here === "[::1]" || here.startsWith("127.") ? name : here;
  const address = `${host}:${port === "0" ? "" : port}`;
  return h(
    "section",
    { class: "panel first", "aria-labelledby": "first-title" },
    h("h2", { id: "first-title" }, t("first.title")),
    h("p", {}, t("first.text")),
    h(
      "ol",
      {},
      h("li", {}, t("first.address"), h("pre", { tabindex: "0" }, h("code", {}, address))),
      h("li", {}, t("first.open", { port })),
      h("li", {}, t(catalog.known ? "first.apps" : "first.noApps")),
      h("li", {}, t("first.restart")),
    ),
    h("p", { class: "hint" }, t("first.wire")),
  );
}
