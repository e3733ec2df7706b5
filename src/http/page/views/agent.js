// @ts-check
import { addSilence, forgetAgent, removeSilence, silenceTarget } from "../actions.js";
import { ApiError, get, Loader } from "../api.js";
import { fill, h, setText, syncChildren } from "../dom.js";
import { eventLine } from "../event_line.js";
import { duration, timeOf } from "../format.js";
import { t, tNodes } from "../i18n.js";
import { facts, FaultLine, levelMark, marks, panel, stateMark } from "../parts.js";
import { linkTo, navigate } from "../router.js";
import { foreign, foreignWhole, visible } from "../text.js";
/** @typedef {import("../types.ts").AgentDetail} AgentDetail */
/** @typedef {import("../types.ts").EventRow} EventRow */

/** How many of its events are shown. */
const EVENTS = 50;

/** One agent. @param {import("../main.js").Context} context @returns {import("../types.ts").View} */
export function agentView({ place, refresh }) {
  const ip = place.path[1] ?? "";
  const fault = new FaultLine();
  const title = h("h1", { class: "ip" }, visible(ip));
  const tools = h("div", { class: "tools" });
  const body = h("div", { class: "columns even" });
  const list = h("ol", { class: "events" });
  const none = h("p", { class: "empty", hidden: true }, t("events.none"));
  const silentFor = h("b", { class: "num" });
  let shown = "";

  const loader = new Loader((signal) => get(`agents/${encodeURIComponent(ip)}`, {}, signal), show, (cause) => {
    if (!(cause instanceof ApiError) || cause.status !== 404) return fault.show(cause);
    fault.clear();
    shown = "";
    fill(tools);
    fill(
      body,
      h(
        "section",
        { class: "panel" },
        h("p", { class: "empty" }, tNodes("agent.unknown", { ip: h("b", {}, visible(ip)) })),
      ),
    );
  });
  const history = new Loader((signal) => get("events", { ip, limit: EVENTS }, signal), ({ events }) => {
    none.hidden = events.length > 0;
    syncChildren(list, events, { key: (/** @type {EventRow} */ { id }) => id, create: eventLine, update: () => {} });
  }, (cause) => fault.show(cause));

  /** @param {AgentDetail} agent */
  function show(agent) {
    fault.clear();
    setText(silentFor, duration(agent.silent_seconds));
    // Everything else is drawn again only when it has changed, so that what was unfolded or selected stays so.
    const { silent_seconds: _, last_hb_ms: __, last_hb_time: ___, silence, ...rest } = agent;
    const next = JSON.stringify([rest, silence?.id]);
    if (next === shown) return void update(agent);
    shown = next;
    fill(tools, toolButtons(agent));
    fill(body, factsPanel(agent), appsPanel(agent), ...(agent.apps_fault === undefined ? [] : [rawPanel(agent)]));
  }

  /** @param {AgentDetail} agent */
  function update(agent) {
    const beat = body.querySelector("time.last-beat");
    if (beat instanceof HTMLTimeElement) beat.replaceWith(lastBeat(agent));
  }

  /** @param {AgentDetail} agent */
  function toolButtons(agent) {
    const { silence } = agent;
    return [
      silence === null
        ? button(t("agent.silence"), () => addSilence({ cidr: agent.ip }, refresh))
        : button(t("silence.remove"), () => removeSilence(silence, refresh)),
      button(t("agent.forget"), () => forgetAgent(agent, () => navigate(linkTo(["agents"])))),
    ];
  }

  /** @param {AgentDetail} agent */
  function factsPanel(agent) {
    const marked = marks(agent);
    return panel(t("agent.facts"), [facts([
      [t("column.state"), [stateMark(agent.state), " ", h("span", { class: "marks" }, ...marked)]],
      [t("column.asset"), agent.asset === "" ? "–" : foreignWhole(agent.asset, t("agent.whole"))],
      [t("column.version"), agent.version === "" ? "–" : foreignWhole(agent.version, t("agent.whole"))],
      [t("column.silent"), [silentFor, " · ", lastBeat(agent)]],
      [t("column.since"), timeOf(agent.since)],
      ...oddFacts(agent),
    ])]);
  }

  loader.run();
  history.run();
  return {
    title: visible(ip),
    node: h(
      "div",
      { class: "view" },
      h("p", { class: "crumbs" }, h("a", { href: linkTo(["agents"]) }, t("nav.agents")), " ›"),
      h("div", { class: "view-head" }, title, tools),
      fault.node,
      body,
      panel(t("agent.history"), [none, list]),
    ),
    events: (news) => {
      if (news.some((event) => event.ip === ip)) history.run();
    },
    refresh: () => {
      loader.quietly();
      history.quietly();
    },
    close: () => {
      loader.close();
      history.close();
    },
  };
}

/** @param {AgentDetail} agent */
function lastBeat({ last_hb_ms }) {
  const time = timeOf(last_hb_ms);
  time.className = "last-beat";
  return time;
}

/** @param {AgentDetail} agent @returns {[string, Node | (Node | string)[]][]} */
function oddFacts({ silence, flapping, peer, duplicate }) {
  /** @type {[string, Node | (Node | string)[]][]} */
  const odd = [];
  if (silence !== null) {
    const until = tNodes("agent.silence.until", { time: timeOf(silence.until), who: foreign(silence.by) });
    odd.push([t("agent.silenceState"), [silenceTarget(silence), " ", until, " ", foreign(silence.reason, 200)]]);
  }
  if (flapping === true) odd.push([t("mark.flapping"), [t("mark.flapping.text")]]);
  if (peer !== undefined) odd.push([t("agent.peer"), [tNodes("agent.peer.text", { peer: h("b", {}, peer) })]]);
  if (duplicate !== undefined) {
    const reason = duplicate.reason === "asset" ? "agent.duplicate.asset" : "agent.duplicate.address";
    odd.push([t("agent.duplicate"), [t(reason), " ", timeOf(duplicate.at)]]);
  }
  return odd;
}

/** @typedef {"ok" | "missing" | "other" | "unwanted" | "installed"} AppStatus */
const LEVELS = /** @type {const} */ ({ ok: "ok", missing: "bad", other: "bad", unwanted: "warn", installed: "off" });

/** @param {AgentDetail} agent */
function appsPanel({ wanted, apps }) {
  const names = [...new Set([...Object.keys(wanted ?? {}), ...Object.keys(apps)])].sort();
  if (names.length === 0) return panel(t("agent.apps"), [h("p", { class: "empty" }, t("agent.apps.none"))]);
  const rows = names.map((name) => {
    const shall = wanted === null || !Object.hasOwn(wanted, name) ? undefined : wanted[name];
    const has = Object.hasOwn(apps, name) ? apps[name] : undefined;
    const status = appStatus(wanted === null, shall, has);
    return h(
      "tr",
      {},
      h("th", { scope: "row" }, h("a", { href: linkTo(["apps", name]) }, foreign(name))),
      h("td", {}, shall === undefined ? "–" : foreign(shall, 32)),
      h("td", {}, has === undefined ? "–" : foreign(has, 32)),
      h("td", {}, levelMark(LEVELS[status], t(`app.${status}`))),
    );
  });
  const heads = ["app", "wanted", "installed", "status"].map((name) => h("th", { scope: "col" }, t(`column.${name}`)));
  return panel(t("agent.apps"), [
    wanted === null ? h("p", { class: "hint" }, t("agent.apps.unknown")) : null,
    h(
      "div",
      { class: "table-box", tabindex: "0", role: "group", "aria-label": t("agent.apps") },
      h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows)),
    ),
  ]);
}

/** @param {boolean} isUnknown @param {string | undefined} shall @param {string | undefined} has @returns {AppStatus} */
function appStatus(isUnknown, shall, has) {
  if (isUnknown) return "installed";
  if (shall === undefined) return "unwanted";
  if (has === undefined) return "missing";
  return shall === has ? "ok" : "other";
}

/** @param {AgentDetail} agent */
function rawPanel({ apps_fault = "", apps_raw = "" }) {
  return panel(t("agent.raw"), [
    h("p", { class: "fault" }, foreign(apps_fault, 300)),
    h("pre", { tabindex: "0", "aria-label": t("agent.raw") }, h("bdi", {}, visible(apps_raw))),
  ]);
}

/** @param {string} text @param {() => void} click */
function button(text, click) {
  return h("button", { class: "button", type: "button", on: { click } }, text);
}
