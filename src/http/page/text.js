// @ts-check
import { h } from "./dom.js";

/** How many characters of an agent's text stand in a table. */
const CUT = 64;
/** How much of a text a tooltip holds, characters. */
const TITLE_CUT = 1_000;

/**
 * Characters that show nothing, or that change how others are shown: controls, formats (zero width, direction marks,
 * soft hyphens, tags), line separators, halves of surrogate pairs, blank letters and variation selectors.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u115f\u1160\u3164\uffa0]|\p{Variation_Selector}|\u034f/gu;

/** @param {string} text @returns {string} the text with hidden characters written out, such as `⟨U+202E⟩` */
export function visible(text) {
  return text.replace(HIDDEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `⟨U+${code.toString(16).toUpperCase().padStart(4, "0")}⟩`;
  });
}

/** @param {string} text @param {number} [length] @returns {string} cut to that many characters, with an ellipsis */
export function cut(text, length = CUT) {
  // A character has two units at most, so this many are enough to see whether it is too long.
  const characters = Array.from(text.slice(0, 2 * length + 2));
  return characters.length <= length ? text : `${characters.slice(0, length).join("")}…`;
}

/**
 * A text that somebody else wrote: isolated, so that its direction changes nothing around it, hidden characters made
 * visible, cut; all of it in the tooltip.
 * @param {unknown} text
 * @param {number} [length]
 * @returns {HTMLElement}
 */
export function foreign(text, length = CUT) {
  const element = h("bdi", { class: "foreign" });
  setForeign(element, text, length);
  return element;
}

/** @param {HTMLElement} element made by `foreign` @param {unknown} text @param {number} [length] */
export function setForeign(element, text, length = CUT) {
  const whole = typeof text === "string" ? text : JSON.stringify(text) ?? "";
  const shown = visible(cut(whole, length));
  if (element.textContent !== shown) element.textContent = shown;
  if (whole.length > length || shown !== whole) element.title = visible(cut(whole, TITLE_CUT));
  else if (element.title !== "") element.removeAttribute("title");
}

/**
 * The whole of a text that somebody else wrote; a long one can be unfolded.
 * @param {string} text
 * @param {string} more says that there is more
 * @returns {HTMLElement}
 */
export function foreignWhole(text, more) {
  if (text.length <= CUT * 2) return foreign(text, CUT * 2);
  return h(
    "details",
    { class: "whole" },
    h("summary", {}, foreign(text), " ", h("span", { class: "more" }, more)),
    h("pre", { tabindex: "0" }, h("bdi", {}, visible(text))),
  );
}
