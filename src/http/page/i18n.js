// @ts-check
import { append } from "./dom.js";
import { en } from "./en.js";
import { zh } from "./zh.js";

/** @typedef {string | { one: string, other: string }} Entry */
/** @type {Record<string, Record<string, Entry>>} */
const DICTIONARIES = { en, zh };
const STORED = "elves-heartbeat.language";

let language = chosen();
let plural = new Intl.PluralRules(language);
let numbers = new Intl.NumberFormat(language);
let tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 });

/** @returns {string} what was chosen here before, else the first language of the browser that we speak */
function chosen() {
  const stored = localStorage.getItem(STORED);
  if (stored !== null && Object.hasOwn(DICTIONARIES, stored)) return stored;
  const known = navigator.languages.map((each) => each.slice(0, 2).toLowerCase());
  return known.find((each) => Object.hasOwn(DICTIONARIES, each)) ?? "en";
}

/** @returns {string} `en` or `zh` */
export function currentLanguage() {
  return language;
}

/** @param {string} next `en` or `zh`; remembered */
export function setLanguage(next) {
  language = next;
  plural = new Intl.PluralRules(language);
  numbers = new Intl.NumberFormat(language);
  tenths = new Intl.NumberFormat(language, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  localStorage.setItem(STORED, next);
  translateStatic();
}

/** Writes the texts of index.html: `data-t` names that of the element, `data-t-label` that of its label and tooltip. */
export function translateStatic() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-t]")) {
    element.textContent = t(element.getAttribute("data-t") ?? "");
  }
  for (const element of document.querySelectorAll("[data-t-label]")) {
    const label = t(element.getAttribute("data-t-label") ?? "");
    element.setAttribute("aria-label", label);
    if (element.matches("button, a")) element.setAttribute("title", label);
  }
}

/** @param {string} key @param {number | undefined} count @returns {string} */
function template(key, count) {
  const entry = DICTIONARIES[language]?.[key];
  if (entry === undefined) throw new Error(`no text for "${key}"`);
  if (typeof entry === "string") return entry;
  return plural.select(count ?? 0) === "one" ? entry.one : entry.other;
}

/** @param {string} key @returns {boolean} */
export function hasText(key) {
  return Object.hasOwn(DICTIONARIES[language] ?? {}, key);
}

/**
 * The text of a key. Numbers are written as the language does; `n` decides between one and many.
 * @param {string} key
 * @param {Record<string, string | number>} [values] for each `{name}` in it
 * @returns {string}
 */
export function t(key, values = {}) {
  const count = typeof values.n === "number" ? values.n : undefined;
  return template(key, count).replaceAll(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? number(value) : value ?? "";
  });
}

/**
 * The same with elements in the places of names.
 * @param {string} key
 * @param {Record<string, Node | string | number>} values
 * @returns {DocumentFragment}
 */
export function tNodes(key, values) {
  const count = typeof values.n === "number" ? values.n : undefined;
  const fragment = document.createDocumentFragment();
  for (const [i, piece] of template(key, count).split(/\{(\w+)\}/).entries()) {
    const value = i % 2 === 0 ? piece : values[piece];
    append(fragment, [typeof value === "number" ? number(value) : value]);
  }
  return fragment;
}

/** @param {number} value @returns {string} such as 50,000 */
export function number(value) {
  return numbers.format(value);
}

/** @param {number} value @returns {string} with one decimal below 1,000 */
export function rate(value) {
  return value < 999.5 ? tenths.format(value) : numbers.format(Math.round(value));
}
