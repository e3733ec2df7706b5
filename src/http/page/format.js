// @ts-check
import { h } from "./dom.js";
import { t } from "./i18n.js";

const UNITS = /** @type {const} */ ([["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]]);

/** The server's clock minus the browser's, ms. */
let skewMs = 0;

/** @param {number} serverMs the server's time just now, ms since the epoch */
export function setServerTime(serverMs) {
  skewMs = serverMs - Date.now();
}

/** @returns {number} the server's time, ms since the epoch */
export function serverNow() {
  return Date.now() + skewMs;
}

/** @param {number} seconds @returns {string} in its two greatest units, such as `2 h 5 m` */
export function duration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const first = UNITS.findIndex(([, size]) => whole >= size);
  if (first === -1) return t("unit.s", { n: 0 });
  const [unit, size] = UNITS[first] ?? ["s", 1];
  const next = UNITS[first + 1];
  const text = t(`unit.${unit}`, { n: Math.floor(whole / size) });
  const rest = next === undefined ? 0 : Math.floor((whole % size) / next[1]);
  return next === undefined || rest === 0 ? text : `${text} ${t(`unit.${next[0]}`, { n: rest })}`;
}

/** @param {number} value @returns {string} */
function two(value) {
  return String(value).padStart(2, "0");
}

/** @param {Date} date @returns {string} */
function clockText(date) {
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
}

/** @param {number} ms since the epoch @returns {string} in the viewer's zone; without the date where that is today */
export function localTime(ms) {
  const date = new Date(ms);
  const today = new Date(serverNow());
  if (date.toDateString() === today.toDateString()) return clockText(date);
  const day = `${two(date.getMonth() + 1)}-${two(date.getDate())} ${clockText(date)}`;
  return date.getFullYear() === today.getFullYear() ? day : `${date.getFullYear()}-${day}`;
}

/** @param {number} ms since the epoch @returns {string} the same in UTC, whole, with how long ago that is */
export function utcTime(ms) {
  const text = `${new Date(ms).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const away = Math.round((serverNow() - ms) / 1000);
  return `${text} · ${away >= 0 ? t("time.ago", { time: duration(away) }) : t("time.in", { time: duration(-away) })}`;
}

/** @param {string | number} at RFC 3339 text, or ms since the epoch @returns {HTMLTimeElement} */
export function timeOf(at) {
  const element = h("time");
  setTime(element, at);
  return element;
}

/** @param {HTMLTimeElement} element @param {string | number} at */
export function setTime(element, at) {
  const ms = typeof at === "number" ? at : Date.parse(at);
  const iso = new Date(ms).toISOString();
  if (element.dateTime === iso && element.textContent === localTime(ms)) return;
  element.dateTime = iso;
  element.textContent = localTime(ms);
  element.title = utcTime(ms);
}

/** @param {string} iso @returns {number} seconds from then to now, not below 0 */
export function secondsSince(iso) {
  return Math.max(0, (serverNow() - Date.parse(iso)) / 1000);
}
