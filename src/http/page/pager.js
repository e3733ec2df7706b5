// @ts-check
import { fill, h, setText } from "./dom.js";
import { t } from "./i18n.js";

export const SIZES = [50, 100, 500];

/** Moves through the pages of a list, and says how many there are. */
export class Pager {
  #page = h("span", { class: "num" });
  #size = h(
    "select",
    { "aria-label": t("pager.size") },
    ...SIZES.map((size) => h("option", { value: size }, t("pager.perPage", { n: size }))),
  );
  #buttons;
  node;
  #at = { page: 1, pages: 1 };

  /** @param {(page: number, size: number) => void} go */
  constructor(go) {
    /** @type {[string, string, () => number][]} */
    const moves = [
      ["«", "first", () => 1],
      ["‹", "previous", () => this.#at.page - 1],
      ["›", "next", () => this.#at.page + 1],
      ["»", "last", () => this.#at.pages],
    ];
    this.#buttons = moves.map(([sign, name, to]) =>
      h("button", {
        class: "button",
        type: "button",
        "aria-label": t(`pager.${name}`),
        title: t(`pager.${name}`),
        on: { click: () => go(to(), Number(this.#size.value)) },
      }, sign)
    );
    this.#size.addEventListener("change", () => go(1, Number(this.#size.value)));
    const [first, previous, next, last] = this.#buttons;
    this.node = h(
      "nav",
      { class: "pager", "aria-label": t("pager.label") },
      first,
      previous,
      this.#page,
      next,
      last,
      this.#size,
    );
  }

  /** @param {{ total: number, page: number, size: number }} at */
  show({ total, page, size }) {
    const pages = Math.max(1, Math.ceil(total / size));
    this.#at = { page, pages };
    setText(this.#page, t("pager.page", { page, pages }));
    if (![...this.#size.options].some(({ value }) => value === String(size))) {
      this.#size.append(h("option", { value: size }, t("pager.perPage", { n: size })));
    }
    this.#size.value = String(size);
    for (const [i, button] of this.#buttons.entries()) button.disabled = i < 2 ? page <= 1 : page >= pages;
  }
}

/**
 * A heading of a column by which the table can be sorted.
 * @param {string} key @param {string} label @param {(sort: string) => void} sortBy
 */
export function sortHead(key, label, sortBy) {
  const button = h(
    "button",
    { class: "sort", type: "button" },
    label,
    h("span", { class: "sort-sign", "aria-hidden": "true" }),
  );
  const head = h("th", { scope: "col", class: `col-${key}`, "data-sort": key }, button);
  button.addEventListener("click", () => sortBy(head.getAttribute("aria-sort") === "ascending" ? `-${key}` : key));
  return head;
}

/** @param {Element} table @param {string} sort the key, `-` before it for descending order */
export function showSort(table, sort) {
  for (const head of table.querySelectorAll("th[data-sort]")) {
    const key = head.getAttribute("data-sort");
    const order = sort === key ? "ascending" : sort === `-${key}` ? "descending" : "none";
    head.setAttribute("aria-sort", order);
    const sign = head.querySelector(".sort-sign");
    if (sign !== null) fill(sign, order === "none" ? "" : order === "ascending" ? "▲" : "▼");
  }
}
