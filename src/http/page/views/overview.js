// @ts-check
import { get, Loader } from "../api.js";
import { h, setText, syncChildren } from "../dom.js";
import { eventLine } from "../event_line.js";
import { duration } from "../format.js";
import { HistoryPanel } from "../history.js";
import { number, rate, t } from "../i18n.js";
import { parts } from "../health_parts.js";
import { FaultLine, levelMark, panel, stateMark } from "../parts.js";
import { linkTo } from "../router.js";
import { firstAgent } from "./first_agent.js";
import { SilenceList } from "../silence_list.js";
/** @typedef {import("../types.ts").Summary} Summary @typedef {import("../types.ts").EventRow} EventRow */

/** How many events the overview shows. */
const EVENTS = 12;

/** @type {{ name: string, label: () => HTMLElement | string, value: (s: Summary) => string, link: string }[]} */
const TILES = [
  state("online"),
  state("suspect"),
  state("offline"),
  {
    name: "silenced",
    label: () => t("tile.silenced"),
    value: ({ agents }) => number(agents.silenced),
    link: linkTo(["agents"], { silenced: "true" }),
  },
  {
    name: "flapping",
    label: () => t("tile.flapping"),
    value: ({ agents }) => number(agents.flapping),
    link: linkTo(["events"], { kind: "agentFlapping" }),
  },
  {
    name: "beats",
    label: () => t("tile.beats"),
    value: ({ beats }) => rate(beats.per_second),
    link: linkTo(["health"]),
  },
];

/** @param {"online" | "suspect" | "offline"} name */
function state(name) {
  return {
    name,
    label: () => stateMark(name),
    value: (/** @type {Summary} */ { agents }) => number(agents[name]),
    link: linkTo(["agents"], { state: name }),
  };
}

/** The fleet at a glance. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function overviewView({ summary: known }) {
  const history = new HistoryPanel();
  const silences = new SilenceList({ short: true });
  const fault = new FaultLine();
  /** @type {EventRow[]} */
  let events = [];
  const list = h("ol", { class: "events" });
  const none = h("p", { class: "empty", hidden: true }, t("events.none"));
  const loader = new Loader(
    (signal) => get("events", { limit: EVENTS }, signal),
    (answer) => {
      fault.clear();
      show(answer.events);
    },
    (cause) => fault.show(cause),
  );
  const tiles = TILES.map((tile) => ({ ...tile, value: h("b", { class: "num tile-value" }, "–"), read: tile.value }));
  const total = h("p", { class: "lead num" });
  const health = h("ul", { class: "parts" });
  const first = h("div", { hidden: true });
  const fleet = h(
    "div",
    { class: "fleet" },
    h(
      "div",
      { class: "tiles" },
      ...tiles.map(({ name, label, value, link }) =>
        h("a", { class: `tile tile-${name}`, href: link }, h("span", { class: "tile-label" }, label()), value)
      ),
    ),
    history.node,
  );

  /** @param {EventRow[]} next newest first */
  function show(next) {
    events = next.slice(0, EVENTS);
    none.hidden = events.length > 0;
    syncChildren(list, events, { key: ({ id }) => id, create: eventLine, update: () => {} });
  }

  /** @param {Summary} summary */
  function update(summary) {
    for (const { value, read } of tiles) setText(value, read(summary));
    setText(total, totalText(summary));
    syncChildren(health, parts(summary), {
      key: ({ name }) => name,
      create: ({ name }) =>
        h(
          "li",
          {},
          h("span", { class: "part-name" }, t(`part.${name}`)),
          h("span", { class: "part-state" }),
          h("span", { class: "part-text" }),
        ),
      update: (item, { level, state: text, detail }) => {
        const key = `${level} ${text}`;
        if (item.dataset.state !== key) item.children[1].replaceChildren(levelMark(level, text));
        item.dataset.state = key;
        setText(item.children[2], detail);
      },
    });
    const isEmpty = summary.agents.total === 0;
    if (isEmpty && first.childElementCount === 0) first.append(firstAgent(summary));
    first.hidden = !isEmpty;
    fleet.hidden = isEmpty;
    history.summary(summary);
  }

  loader.run();
  history.reload();
  silences.refresh();
  if (known !== undefined) update(known);
  return {
    title: t("nav.overview"),
    node: h(
      "div",
      { class: "view" },
      h("div", { class: "view-head" }, h("h1", {}, t("nav.overview")), total),
      first,
      fleet,
      h(
        "div",
        { class: "columns" },
        panel(t("events.recent"), [fault.node, none, list], {
          tools: [h("a", { href: linkTo(["events"]) }, t("more"))],
          class: "wide",
        }),
        h(
          "div",
          { class: "stack" },
          panel(t("nav.health"), [health], { tools: [h("a", { href: linkTo(["health"]) }, t("more"))] }),
          silences.node,
        ),
      ),
    ),
    summary: update,
    event: (event) => {
      if (!events.some(({ id }) => id === event.id)) show([event, ...events]);
    },
    refresh: () => {
      loader.quietly();
      silences.refresh();
      history.recolour();
    },
    close: () => {
      loader.close();
      silences.close();
      history.close();
    },
  };
}

/** @param {Summary} summary @returns {string} */
function totalText({ agents, timeout_seconds, beat_interval_seconds }) {
  const interval = beat_interval_seconds === null
    ? ""
    : ` · ${t("overview.interval", { time: duration(Math.round(beat_interval_seconds)) })}`;
  return `${t("overview.total", { n: agents.total })}${interval} · ${
    t("overview.timeout", { time: duration(timeout_seconds) })
  }`;
}
