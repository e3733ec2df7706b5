// @ts-check
import { h } from "../dom.js";
import { t } from "../i18n.js";

/** Where an address leads that names no place. @returns {import("../types.ts").View} */
export function missingView() {
  return {
    title: t("missing.title"),
    node: h(
      "div",
      { class: "view" },
      h("h1", {}, t("missing.title")),
      h("p", {}, h("a", { href: "#/" }, t("missing.back"))),
    ),
  };
}
