// @ts-check
import { Loader, readiness } from "../api.js";
import { ClusterPanel } from "../cluster_panel.js";
import { fill, h, syncChildren } from "../dom.js";
import { duration, secondsSince, timeOf } from "../format.js";
import { parts } from "../health_parts.js";
import { number, rate, t, tNodes } from "../i18n.js";
import { facts, FaultLine, levelMark, panel } from "../parts.js";
import { foreign, visible } from "../text.js";
/** @typedef {import("../types.ts").Summary} Summary */

/** How the service itself is. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function healthView({ summary: known }) {
  const fault = new FaultLine();
  const list = h("ul", { class: "parts long" });
  const build = h("div");
  const cluster = new ClusterPanel();
  const ready = h("div");
  const loader = new Loader(readiness, (answer) => {
    fault.clear();
    fill(ready, readyRows(answer));
  }, (cause) => fault.show(cause));

  /** @param {Summary} summary */
  function update(summary) {
    syncChildren(list, parts(summary), {
      key: ({ name }) => name,
      create: () => h("li"),
      update: (item, { name, level, state, detail, since, fault: reason }) => {
        const next = JSON.stringify([level, state, detail, reason]);
        if (item.dataset.shown === next) return;
        item.dataset.shown = next;
        fill(
          item,
          h("span", { class: "part-name" }, t(`part.${name}`)),
          h("span", { class: "part-state" }, levelMark(level, state)),
          h(
            "span",
            { class: "part-text" },
            reason === null || detail.includes(visible(reason)) ? detail : `${detail} ${visible(reason)}`,
          ),
          since === null ? null : h("span", { class: "part-since" }, tNodes("health.sinceAt", { time: timeOf(since) })),
        );
      },
    });
    fill(build, buildFacts(summary));
    cluster.summary(summary);
  }

  loader.run();
  if (known !== undefined) update(known);
  return {
    title: t("nav.health"),
    node: h(
      "div",
      { class: "view" },
      h("div", { class: "view-head" }, h("h1", {}, t("nav.health"))),
      panel(t("health.parts"), [list]),
      cluster.node,
      h(
        "div",
        { class: "columns even" },
        panel(t("health.build"), [build]),
        panel(t("health.ready"), [fault.node, ready], { tools: [h("a", { href: "/readyz" }, "/readyz")] }),
      ),
      panel(t("health.links"), [
        h(
          "ul",
          { class: "links" },
          ...[["/metrics", "metrics"], ["/api/v1/openapi.json", "openapi"], ["/api/v1/summary", "summary"], [
            "/healthz",
            "healthz",
          ]]
            .map(([href = "", name]) => h("li", {}, h("a", { href }, href), " ", t(`link.${name}`))),
        ),
      ]),
    ),
    summary: update,
    refresh: () => loader.quietly(),
    close: () => loader.close(),
  };
}

/** @param {Summary} summary */
function buildFacts(
  {
    instance,
    version,
    commit,
    deno,
    runtime,
    started_at,
    beats,
    beat_interval_seconds,
    timeout_seconds,
    stream_clients,
  },
) {
  return facts([
    [t("health.instance"), foreign(instance)],
    [t("health.version"), `${version} (${commit})`],
    [t("health.runtime"), `Deno ${deno}, ${runtime}`],
    [t("health.uptime"), [`${duration(secondsSince(started_at))} · `, timeOf(started_at)]],
    [t("health.beats"), t("health.beats.text", { n: beats.total, rate: rate(beats.per_second) })],
    [t("health.interval"), beat_interval_seconds === null ? "–" : duration(Math.round(beat_interval_seconds))],
    [t("health.timeout"), duration(timeout_seconds)],
    [t("health.clients"), number(stream_clients)],
  ]);
}

/** @param {Record<string, any>} answer of /readyz */
function readyRows(answer) {
  const { ready, ...rest } = answer;
  const rows = Object.entries(rest).filter(([, value]) => typeof value === "object" && value !== null);
  return [
    h(
      "p",
      { class: "verdict" },
      levelMark(ready === true ? "ok" : "bad", t(ready === true ? "health.isReady" : "health.notReady")),
    ),
    facts(rows.map(([name, value]) => {
      const { ok, ...details } = value;
      const text = Object.entries(details).filter(([key, each]) => key !== "since" && each !== null)
        .map(([key, each]) => `${key} ${typeof each === "object" ? JSON.stringify(each) : each}`).join(" · ");
      return [visible(name), [
        levelMark(ok === true ? "ok" : "bad", ok === true ? "ok" : t("health.notOk")),
        " ",
        h("small", {}, foreign(text, 200)),
      ]];
    })),
  ];
}
