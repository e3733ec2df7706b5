// @ts-check
import { get, Loader } from "./api.js";
import { Chart } from "./chart.js";
import { h } from "./dom.js";
import { t } from "./i18n.js";
import { FaultLine, panel } from "./parts.js";
/** @typedef {import("./types.ts").Summary} Summary @typedef {import("./types.ts").History} History */

const SPANS = /** @type {const} */ ([["15m", 15], ["1h", 60], ["6h", 360], ["24h", 1440]]);
const STORED = "elves-heartbeat.span";
const POINTS = 360;
/** How often the whole history is loaded again, ms; in between the summaries go on with it. */
const RELOAD_MS = 300_000;

/** The charts of the last hours, which go on with every summary. */
export class HistoryPanel {
  node;
  #fault = new FaultLine();
  #spans;
  #span = SPANS.find(([name]) => name === localStorage.getItem(STORED)) ?? SPANS[1];
  /** @type {History | undefined} */
  #history;
  #loadedMs = -Infinity;
  #loader;
  #charts;

  constructor() {
    this.#charts = {
      online: new Chart({
        title: t("chart.online"),
        lines: [{ label: t("state.online"), colour: "online" }],
      }),
      silent: new Chart({
        title: t("chart.silent"),
        lines: [
          { label: t("state.suspect"), colour: "suspect", dash: [5, 3] },
          { label: t("state.offline"), colour: "offline" },
        ],
        fromZero: true,
      }),
      beats: new Chart({
        title: t("chart.beats"),
        lines: [{ label: t("unit.perSecond"), colour: "accent" }],
        fromZero: true,
        whole: false,
      }),
    };
    this.#loader = new Loader(
      (signal) => get("history", { points: POINTS, span: this.#span[0] }, signal),
      (history) => this.#loaded(history),
      (cause) => this.#fault.show(cause),
    );
    this.#spans = SPANS.map((span) => this.#spanButton(span));
    this.node = panel(t("chart.title"), [
      this.#fault.node,
      h("div", { class: "charts" }, this.#charts.online.node, this.#charts.silent.node, this.#charts.beats.node),
    ], { tools: [h("div", { class: "segmented", role: "group", "aria-label": t("chart.span") }, ...this.#spans)] });
  }

  /** @param {Summary} summary */
  summary({ now_ms, agents, beats }) {
    const history = this.#history;
    if (performance.now() - this.#loadedMs > RELOAD_MS) this.#loader.quietly();
    if (history === undefined || now_ms - (history.at_ms.at(-1) ?? 0) < history.step_seconds * 1000) return;
    history.at_ms.push(now_ms);
    history.online.push(agents.online);
    history.suspect.push(agents.suspect);
    history.offline.push(agents.offline);
    history.beats_per_second.push(beats.per_second);
    this.#draw();
  }

  /** Loads all of it again, as after a gap. */
  reload() {
    this.#loader.run();
  }

  recolour() {
    for (const chart of Object.values(this.#charts)) chart.recolour();
  }

  close() {
    this.#loader.close();
    for (const chart of Object.values(this.#charts)) chart.close();
  }

  /** @param {History} history */
  #loaded(history) {
    this.#fault.clear();
    this.#history = history;
    this.#loadedMs = performance.now();
    this.#draw();
  }

  #draw() {
    const history = this.#history;
    if (history === undefined) return;
    const spanMs = this.#span[1] * 60_000;
    const { online, silent, beats } = this.#charts;
    online.show(history.at_ms, [history.online], spanMs);
    silent.show(history.at_ms, [history.suspect, history.offline], spanMs);
    beats.show(history.at_ms, [history.beats_per_second], spanMs);
  }

  /** @param {typeof SPANS[number]} span */
  #spanButton(span) {
    const [name] = span;
    const button = h("button", { type: "button", "aria-pressed": String(span === this.#span) }, t(`span.${name}`));
    button.addEventListener("click", () => {
      this.#span = span;
      localStorage.setItem(STORED, name);
      for (const each of this.#spans) each.setAttribute("aria-pressed", String(each === button));
      this.#loader.run();
    });
    return button;
  }
}
