// @ts-check
import { h } from "../dom.js";
import { t } from "../i18n.js";
import { SilenceList } from "../silence_list.js";

/** Maintenance windows. @returns {import("../types.ts").View} */
export function silencesView() {
  const list = new SilenceList({ short: false });
  list.refresh();
  return {
    title: t("nav.silences"),
    node: h(
      "div",
      { class: "view" },
      h("div", { class: "view-head" }, h("h1", {}, t("nav.silences")), h("p", { class: "lead" }, t("silences.text"))),
      list.node,
    ),
    refresh: () => list.refresh(),
    close: () => list.close(),
  };
}
