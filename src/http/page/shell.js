// @ts-check
import { logout } from "./api.js";
import { byId, fill, h, icon, setText } from "./dom.js";
import { currentLanguage, setLanguage, t } from "./i18n.js";
import { visible } from "./text.js";
/** @typedef {import("./types.ts").Summary} Summary */

/** @type {[string, string][]} */
const PLACES = [["", "overview"], ["agents", "agents"], ["apps", "apps"], ["events", "events"], [
  "silences",
  "silences",
], [
  "health",
  "health",
]];
const THEMES = ["auto", "light", "dark"];
const THEME = "elves-heartbeat.theme";
/** Set by the login page; the cookie itself cannot be seen from here. */
const LOGGED_IN = "elves-heartbeat.login";

/** The bar at the top: where one is, whether it is live, language, theme. */
export class Shell {
  #options;
  #place = "";
  #stale = false;
  #heard = false;

  /** @param {{ onLanguage: () => void, onKeys: () => void }} options */
  constructor(options) {
    this.#options = options;
    byId("language").addEventListener("click", () => {
      setLanguage(currentLanguage() === "en" ? "zh" : "en");
      this.#options.onLanguage();
    });
    byId("theme").addEventListener("click", () => this.#nextTheme());
    byId("keys").addEventListener("click", () => this.#options.onKeys());
    byId("logout").hidden = localStorage.getItem(LOGGED_IN) === null;
    byId("logout").addEventListener("click", () => {
      localStorage.removeItem(LOGGED_IN);
      logout();
    });
  }

  draw() {
    fill(
      byId("nav"),
      PLACES.map(([place, name]) => h("a", { href: `#/${place}`, "data-place": place }, t(`nav.${name}`))),
    );
    const language = byId("language");
    setText(language, currentLanguage() === "en" ? "中文" : "English");
    language.lang = currentLanguage() === "en" ? "zh-CN" : "en";
    this.#drawTheme();
    this.#drawLive();
    this.placed(this.#place);
  }

  /** @param {string} place the first part of the address */
  placed(place) {
    this.#place = place;
    for (const link of byId("nav").querySelectorAll("a")) {
      if (link.dataset.place !== place) link.removeAttribute("aria-current");
      else {
        link.setAttribute("aria-current", "page");
        link.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
    }
  }

  /** @param {Summary} summary */
  summary({ instance }) {
    setText(byId("instance"), visible(instance));
    if (this.#heard) return;
    this.#heard = true;
    this.#drawLive();
  }

  /** @param {boolean} stale */
  stale(stale) {
    this.#stale = stale;
    this.#drawLive();
  }

  keysTable() {
    const keys = [
      ["/", "search"],
      ["↑ ↓", "rows"],
      ["Enter", "open"],
      ["g o", "overview"],
      ["g a", "agents"],
      [
        "g p",
        "apps",
      ],
      ["g e", "events"],
      ["g s", "silences"],
      ["g h", "health"],
      ["?", "help"],
      ["Esc", "leave"],
    ];
    return h(
      "table",
      { class: "keys" },
      h(
        "tbody",
        {},
        ...keys.map(([key = "", what]) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, ...key.split(" ").flatMap((each) => [h("kbd", {}, each), " "])),
            h("td", {}, t(`keys.${what}`)),
          )
        ),
      ),
    );
  }

  #drawLive() {
    const live = byId("live");
    const name = this.#stale ? "stale" : this.#heard ? "live" : "connecting";
    live.className = `live ${name}`;
    fill(live, icon(name === "live" ? "dot" : "triangle"), t(`live.${name}`));
  }

  #nextTheme() {
    const next = THEMES[(THEMES.indexOf(this.#theme) + 1) % THEMES.length] ?? "auto";
    if (next === "auto") {
      localStorage.removeItem(THEME);
      delete document.documentElement.dataset.theme;
    } else {
      localStorage.setItem(THEME, next);
      document.documentElement.dataset.theme = next;
    }
    this.#drawTheme();
    dispatchEvent(new Event("elves-heartbeat-theme"));
  }

  get #theme() {
    return document.documentElement.dataset.theme ?? "auto";
  }

  #drawTheme() {
    const button = byId("theme");
    const label = t("theme.label", { theme: t(`theme.${this.#theme}`) });
    fill(button, icon("theme"));
    button.title = label;
    button.setAttribute("aria-label", label);
  }
}
