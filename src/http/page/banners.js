// @ts-check
import { acceptCatalog, releaseGuard } from "./actions.js";
import { byId, fill, h, icon, syncChildren } from "./dom.js";
import { localTime } from "./format.js";
import { parts } from "./health_parts.js";
import { t } from "./i18n.js";
import { linkTo } from "./router.js";
import { cut, visible } from "./text.js";
/** @typedef {import("./types.ts").Summary} Summary */
/** @typedef {{ key: string, level: "bad" | "warn" | "info", icon: string, title: string, text: Node | string, tools?: HTMLElement[] }} Banner */

/** Clocks that differ by more are warned about, s. */
export const SKEW_SECONDS = 2;

/** What stands above every view: that what is shown is old, that the guard is on, that something waits for a decision. */
export class Banners {
  #done;
  /** @type {Summary | undefined} */
  #summary;
  /** @type {number | undefined} */
  #staleSince;

  /** @param {{ done: () => void }} options done: something was decided here */
  constructor({ done }) {
    this.#done = done;
  }

  /** @param {Summary} summary */
  summary(summary) {
    this.#summary = summary;
    this.#sync();
  }

  /** @param {number | undefined} since when what is shown was true, ms; undefined: it is now */
  stale(since) {
    this.#staleSince = since;
    this.#sync();
  }

  /** Makes all anew, as in another language. */
  draw() {
    byId("banners").replaceChildren();
    this.#sync();
  }

  #sync() {
    syncChildren(byId("banners"), this.#all(), {
      key: ({ key }) => key,
      create: ({ level, icon: name, title }) =>
        h(
          "section",
          { class: `banner ${level}`, "aria-label": title },
          icon(name),
          // Its appearance is said at once; the figures in its text change too often for that.
          h("div", { class: "banner-text" }, h("div", { role: "alert" }, h("h2", {}, title)), h("p", {})),
          h("div", { class: "buttons" }),
        ),
      update: (node, banner) => update(node, banner),
    });
  }

  /** @returns {Banner[]} */
  #all() {
    const summary = this.#summary;
    const since = this.#staleSince;
    return [
      since === undefined ? undefined : staleBanner(since),
      ...(summary === undefined ? [] : [
        summary.guard.on ? this.#guard(summary) : undefined,
        downBanner(summary),
        summary.catalog.held === null ? undefined : this.#held(summary),
        summary.catalog.known ? undefined : unknownCatalog(),
        ...clusterBanners(summary.cluster),
        graceBanner(summary),
      ]),
    ].filter((banner) => banner !== undefined);
  }

  /** @param {Summary} summary @returns {Banner} */
  #guard(summary) {
    const { guard } = summary;
    const since = guard.since ?? summary.now;
    return {
      key: "guard",
      level: "bad",
      icon: "shield",
      title: t("guard.title", { time: localTime(Date.parse(since)) }),
      text: t("guard.text", {
        silent: guard.silent,
        agents: guard.agents,
        n: guard.held,
        until: guard.ends_by === null ? "" : localTime(Date.parse(guard.ends_by)),
      }),
      tools: [
        h("a", { class: "button", href: linkTo(["agents"], { state: "suspect" }) }, t("guard.show")),
        button(t("guard.release"), () => releaseGuard(this.#summary ?? summary, this.#done)),
      ],
    };
  }

  /** @param {Summary} summary @returns {Banner} */
  #held({ catalog }) {
    const { held } = catalog;
    if (held === null) throw new Error("called only with a held catalog");
    return {
      key: `held-${held.at_ms}`,
      level: "warn",
      icon: "box",
      title: t("held.title", { time: localTime(Date.parse(held.at)) }),
      text: t("held.text", {
        reason: visible(cut(held.reason, 300)),
        apps: held.apps,
        agents: held.agents,
        nowApps: catalog.apps,
        nowAgents: catalog.agents,
      }),
      tools: [
        h("a", { class: "button", href: linkTo(["apps"], { from: "current", to: "held" }) }, t("held.show")),
        button(t("held.accept"), () => acceptCatalog(held, catalog, this.#done)),
      ],
    };
  }
}

/** @param {HTMLElement} node @param {Banner} banner */
function update(node, { title, text, tools = [] }) {
  const heading = node.querySelector("h2");
  const paragraph = node.querySelector("p");
  const buttons = node.querySelector(".buttons");
  const wanted = typeof text === "string" ? text : text.textContent ?? "";
  if (heading !== null && heading.textContent !== title) fill(heading, title);
  if (paragraph !== null && paragraph.textContent !== wanted) fill(paragraph, text);
  if (buttons !== null && buttons.childElementCount !== tools.length) fill(buttons, tools);
}

/** @param {string} text @param {() => void} click */
function button(text, click) {
  return h("button", { class: "button", type: "button", on: { click } }, text);
}

/** @param {number} since @returns {Banner} */
function staleBanner(since) {
  return {
    key: "stale",
    level: "bad",
    icon: "clock",
    title: t("stale.title", { time: localTime(since) }),
    text: t("stale.text"),
  };
}

/** What this service needs of others; counts of the past, as of dropped events, are none of it. */
const NEEDED = ["mq", "zookeeper", "store"];

/** @param {Summary} summary @returns {Banner | undefined} */
function downBanner(summary) {
  const down = parts(summary).filter(({ name, level }) => NEEDED.includes(name) && level === "bad");
  if (down.length === 0) return undefined;
  const faults = down.map(({ fault }) => fault).filter((fault) => fault !== null);
  return {
    key: "down",
    level: "bad",
    icon: "square",
    title: t("down.title", { names: down.map(({ name, state }) => `${t(`part.${name}`)} (${state})`).join(", ") }),
    text: t("down.text", { faults: visible(cut(faults.join("; "), 400)) }),
    tools: [h("a", { class: "button", href: linkTo(["health"]) }, t("down.show"))],
  };
}

/** @returns {Banner} */
function unknownCatalog() {
  return { key: "unknown", level: "warn", icon: "box", title: t("unknown.title"), text: t("unknown.text") };
}

/** @param {Summary["cluster"]} cluster @returns {Banner[]} */
function clusterBanners(cluster) {
  if (!cluster.enabled) return [];
  const skewed = cluster.members.filter(({ skew_seconds }) => Math.abs(skew_seconds ?? 0) > SKEW_SECONDS);
  const others = cluster.members.filter(({ catalog }) => catalog !== null && catalog !== cluster.catalog);
  /** @type {[boolean, "bad" | "warn", string, Record<string, string>][]} */
  const all = [
    [!cluster.settled, "warn", "behind", {}],
    [cluster.catalog_mismatch, "bad", "mismatch", { instances: namesOf(others) }],
    [skewed.length > 0, "warn", "skew", { instances: namesOf(skewed) }],
  ];
  return all.filter(([holds]) => holds).map(([, level, name, values]) => ({
    key: `cluster-${name}`,
    level,
    icon: name === "skew" ? "clock" : "shield",
    title: t(`cluster.${name}.title`),
    text: t(`cluster.${name}.text`, values),
    tools: [h("a", { class: "button", href: linkTo(["health"]) }, t("cluster.show"))],
  }));
}

/** @param {import("./types.ts").ClusterMember[]} members */
function namesOf(members) {
  return members.map(({ instance }) => visible(cut(instance, 100))).join(", ");
}

/** @param {Summary} summary @returns {Banner | undefined} */
function graceBanner({ warming, grace_until, guard, agents, now }) {
  // A fleet of nobody needs no grace, and the guard says more.
  if (grace_until === null || guard.on || agents.total === 0 || Date.parse(grace_until) <= Date.parse(now)) {
    return undefined;
  }
  const time = localTime(Date.parse(grace_until));
  return {
    key: warming ? "warming" : "grace",
    level: "info",
    icon: "clock",
    title: t(warming ? "warming.title" : "grace.title", { time }),
    text: t(warming ? "warming.text" : "grace.text"),
  };
}
