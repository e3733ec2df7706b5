// @ts-check
import { h, setText } from "./dom.js";
import { localTime, serverNow } from "./format.js";
import { number, rate, t } from "./i18n.js";
/** @typedef {{ label: string, colour: string, dash?: number[], values: (number | null)[] }} Line */

/** uPlot is a script of its own, which makes one global name. @type {typeof import("uplot")} */
const UPlot = Reflect.get(globalThis, "uPlot");

const HEIGHT = 150;
/** The narrowest range of values that a chart shows, so that one agent more or less is no mountain. */
const LEAST_RANGE = 10;

/**
 * One small chart of lines over time. Its figures stand beside it as text: the newest, or those below the pointer.
 */
export class Chart {
  node;
  #plot;
  #figures;
  #lines;
  #whole;
  /** @type {number[]} */
  #at = [];
  /** @type {ResizeObserver} */
  #observer;
  #box;

  /**
   * @param {object} options
   * @param {string} options.title
   * @param {Omit<Line, "values">[]} options.lines colour: the name of a custom property of the style sheet
   * @param {boolean} [options.fromZero]
   * @param {boolean} [options.whole] whether values are whole numbers
   */
  constructor({ title, lines, fromZero = false, whole = true }) {
    this.#lines = lines;
    this.#whole = whole;
    this.#figures = lines.map(() => h("b", { class: "num" }, "–"));
    const legend = lines.map(({ label, colour }, i) =>
      h("span", { class: `key key-${colour}` }, h("i", { class: "swatch" }), `${label} `, this.#figures[i])
    );
    this.#box = h("div", { class: "chart-box", role: "img" });
    this.node = h("figure", { class: "chart" }, h("figcaption", {}, h("h3", {}, title), ...legend), this.#box);
    this.#plot = this.#make(fromZero);
    this.#observer = new ResizeObserver(() => this.#resize());
    this.#observer.observe(this.#box);
  }

  /**
   * @param {number[]} atMs
   * @param {(number | null)[][]} values of each line
   * @param {number} spanMs how much time the chart covers
   */
  show(atMs, values, spanMs) {
    this.#at = atMs;
    const now = serverNow() / 1000;
    const data = [atMs.map((ms) => ms / 1000), ...values];
    this.#plot.setData(/** @type {any} */ (data), false);
    this.#plot.batch(() => {
      this.#plot.setScale("x", { min: now - spanMs / 1000, max: now });
    });
    this.#describe(atMs.length - 1);
    this.#box.setAttribute("aria-label", this.#inWords(values));
  }

  /** Takes over the colours of another theme. */
  recolour() {
    this.#plot.redraw();
  }

  close() {
    this.#observer.disconnect();
    this.#plot.destroy();
  }

  /** @param {number} index of the moment that the figures are of */
  #describe(index) {
    const shown = this.#plot.cursor.idx ?? index;
    for (const [i, figure] of this.#figures.entries()) {
      const value = this.#plot.data[i + 1]?.[shown];
      setText(figure, value === null || value === undefined ? "–" : this.#text(value));
    }
  }

  /** @param {number} value @returns {string} */
  #text(value) {
    return this.#whole ? number(value) : rate(value);
  }

  /** @param {(number | null)[][]} values @returns {string} */
  #inWords(values) {
    return this.#lines.map(({ label }, i) => {
      const known = (values[i] ?? []).filter((value) => value !== null);
      if (known.length === 0) return t("chart.none", { label });
      const text = (/** @type {number | undefined} */ value) => value === undefined ? "–" : this.#text(value);
      let least = Infinity;
      let most = -Infinity;
      for (const value of known) {
        least = Math.min(least, value);
        most = Math.max(most, value);
      }
      return t("chart.words", { label, now: text(known.at(-1)), least: text(least), most: text(most) });
    }).join(" ");
  }

  #resize() {
    const width = this.#box.clientWidth;
    if (width > 0 && width !== this.#plot.width) this.#plot.setSize({ width, height: HEIGHT });
  }

  /** @param {boolean} fromZero */
  #make(fromZero) {
    const axis = { stroke: () => this.#colour("muted"), grid: { stroke: () => this.#colour("grid"), width: 1 } };
    const font = "11px system-ui, sans-serif";
    return new UPlot(
      {
        width: 320,
        height: HEIGHT,
        legend: { show: false },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false }, sync: { key: "overview" } },
        padding: [8, 8, 0, 0],
        scales: { x: { time: true }, y: { range: (_, min, max) => range(min, max, fromZero) } },
        axes: [
          { ...axis, font, size: 26, space: 70, ticks: { show: false }, values: (_, ticks) => tickTexts(ticks) },
          { ...axis, font, size: 52, space: 34, ticks: { show: false }, values: (_, ticks) => ticks.map(number) },
        ],
        series: [
          {},
          ...this.#lines.map(({ label, colour, dash }) => ({
            label,
            stroke: () => this.#colour(colour),
            width: 1.6,
            spanGaps: false,
            points: { show: false },
            ...(dash === undefined ? {} : { dash }),
          })),
        ],
        hooks: { setCursor: [() => this.#moved()] },
      },
      /** @type {any} */ ([[], ...this.#lines.map(() => [])]),
      this.#box,
    );
  }

  #moved() {
    const { idx } = this.#plot.cursor;
    this.#describe(this.#at.length - 1);
    const at = idx === null || idx === undefined ? undefined : this.#at[idx];
    this.#box.title = at === undefined ? "" : localTime(at);
  }

  /** @param {string} name @returns {string} as the style sheet has it in the theme of this moment */
  #colour(name) {
    const probe = h("i", { class: `ink-${name}`, hidden: true });
    this.node.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  }
}

/** @param {number | null} min @param {number | null} max @param {boolean} fromZero @returns {[number, number]} */
function range(min, max, fromZero) {
  const low = fromZero ? 0 : min ?? 0;
  const high = Math.max(max ?? 0, low);
  const missing = Math.max(0, LEAST_RANGE - (high - low));
  if (fromZero) return [0, (high + (high < LEAST_RANGE ? missing : 0)) * 1.1];
  const margin = (high - low) * 0.1;
  return [Math.max(0, low - missing / 2 - margin), high + missing / 2 + margin];
}

/** @param {number[]} ticks seconds since the epoch @returns {string[]} */
function tickTexts(ticks) {
  const fine = ticks.length > 1 && (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60;
  return ticks.map((tick) => {
    const text = new Date(tick * 1000).toTimeString();
    return text.slice(0, fine ? 8 : 5);
  });
}
