// @ts-check
import { addSilence, removeSilence, silenceTarget } from "./actions.js";
import { get, Loader } from "./api.js";
import { h, setText, syncChildren } from "./dom.js";
import { duration, serverNow, timeOf } from "./format.js";
import { t } from "./i18n.js";
import { FaultLine, panel } from "./parts.js";
import { foreign } from "./text.js";
/** @typedef {import("./types.ts").Silence} Silence */

/** The silences that are in force, with buttons to add and remove them. */
export class SilenceList {
  node;
  #fault = new FaultLine();
  #loader;
  #rows = h("tbody");
  #table;
  #none = h("p", { class: "empty", hidden: true }, t("silences.none"));

  /** @param {{ short: boolean }} options short: without who, when and why */
  constructor({ short }) {
    const heads = short
      ? ["target", "agents", "left", "do"]
      : ["target", "agents", "left", "until", "reason", "by", "do"];
    this.#table = h(
      "table",
      { class: "silences", hidden: true },
      h("caption", { class: "hidden" }, t("silences.caption")),
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          ...heads.map((name) =>
            h(
              "th",
              { scope: "col", class: `col-${name}` },
              name === "do" ? h("span", { class: "hidden" }, t("column.do")) : t(`column.${name}`),
            )
          ),
        ),
      ),
      this.#rows,
    );
    const add = h("button", {
      class: "button",
      type: "button",
      on: { click: () => addSilence({}, () => this.refresh()) },
    }, t("silence.add"));
    this.node = panel(t("silences.title"), [
      this.#fault.node,
      this.#none,
      h("div", { class: "table-box" }, this.#table),
    ], { tools: [add] });
    this.#loader = new Loader(
      (signal) => get("silences", {}, signal),
      ({ silences }) => this.#show(silences, short),
      (cause) => this.#fault.show(cause),
    );
  }

  refresh() {
    this.#loader.run();
  }

  close() {
    this.#loader.close();
  }

  /** @param {Silence[]} silences @param {boolean} short */
  #show(silences, short) {
    this.#fault.clear();
    this.#none.hidden = silences.length > 0;
    this.#table.hidden = silences.length === 0;
    syncChildren(this.#rows, silences, {
      key: ({ id }) => id,
      create: (silence) => this.#row(silence, short),
      update: (row, silence) => {
        const [, agents, left] = row.children;
        setText(agents, String(silence.agents));
        setText(left, duration((silence.until_ms - serverNow()) / 1000));
      },
    });
  }

  /** @param {Silence} silence @param {boolean} short */
  #row(silence, short) {
    const { until, reason, by, created_at } = silence;
    const end = h("button", {
      class: "ghost",
      type: "button",
      on: { click: () => removeSilence(silence, () => this.refresh()) },
    }, t("silence.end"));
    const why = reason === "" ? null : h("small", { class: short ? "" : "on-phone" }, foreign(reason, 200));
    const target = h("td", {}, silenceTarget(silence), why);
    return h(
      "tr",
      {},
      target,
      h("td", { class: "num" }),
      h("td", { class: "num" }),
      ...(short ? [] : [
        h("td", { class: "col-until" }, timeOf(until)),
        h("td", { class: "col-reason" }, foreign(reason, 200)),
        h("td", { class: "col-by" }, foreign(by), " ", h("small", {}, timeOf(created_at))),
      ]),
      h("td", { class: "col-do" }, end),
    );
  }
}
