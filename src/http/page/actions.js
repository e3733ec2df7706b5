// @ts-check
import { post, remove } from "./api.js";
import { ask, notify } from "./dialog.js";
import { h } from "./dom.js";
import { localTime } from "./format.js";
import { t, tNodes } from "./i18n.js";
import { foreign } from "./text.js";
/** @typedef {import("./types.ts").Held} Held @typedef {import("./types.ts").Summary} Summary */

/** What people do by hand; each asks first and says what will happen. `done` is called after it was done. */

/** @param {{ ip: string, asset: string }} agent @param {() => void} done */
export function forgetAgent({ ip, asset }, done) {
  ask({
    title: t("forget.title"),
    body: [h("p", {}, tNodes("forget.text", { agent: agentName(ip, asset) }))],
    action: t("forget.action"),
    danger: true,
    run: () => remove(`agents/${encodeURIComponent(ip)}`),
    done: () => {
      notify(t("forget.done", { ip }));
      done();
    },
  });
}

/** @param {() => void} done */
export function pruneAgents(done) {
  const since = h(
    "select",
    { id: "prune-for" },
    ...["1h", "6h", "24h", "72h", "7d"].map((each) =>
      h("option", { value: each, selected: each === "24h" }, span(each))
    ),
  );
  let forgotten = 0;
  ask({
    title: t("prune.title"),
    body: [
      h("p", {}, t("prune.text")),
      field(t("prune.for"), since),
    ],
    action: t("prune.action"),
    danger: true,
    run: async () => {
      ({ forgotten } = await post("agents/prune", { offline_for: since.value }));
    },
    done: () => {
      notify(t("prune.done", { n: forgotten }));
      done();
    },
  });
}

/** @param {Summary} summary @param {() => void} done */
export function releaseGuard({ guard, agents }, done) {
  const perSecond = Math.max(20, Math.floor(0.02 * (agents.online + agents.suspect)));
  ask({
    title: t("release.title"),
    body: [
      h("p", {}, t("release.text", { n: guard.held, perSecond })),
      h("p", {}, t("release.advice")),
    ],
    action: t("release.action"),
    danger: true,
    run: () => post("guard/release"),
    done: () => {
      notify(t("release.done"));
      done();
    },
  });
}

/** @param {Held} held @param {{ apps: number, agents: number }} current @param {() => void} done */
export function acceptCatalog(held, current, done) {
  ask({
    title: t("accept.title"),
    body: [
      h("p", {}, tNodes("accept.reason", { reason: foreign(held.reason, 400) })),
      h("p", {}, t("accept.text", { apps: held.apps, agents: held.agents, now: current.agents })),
      h("p", {}, t("accept.advice")),
    ],
    action: t("accept.action"),
    danger: true,
    run: () => post("catalogs/accept", { at_ms: held.at_ms }),
    done: () => {
      notify(t("accept.done"));
      done();
    },
  });
}

/** @param {import("./types.ts").CatalogEntry} entry @param {() => void} done */
export function rollbackCatalog(entry, done) {
  ask({
    title: t("rollback.title"),
    body: [
      h("p", {}, t("rollback.text", { time: localTime(entry.taken_at_ms), apps: entry.apps, agents: entry.agents })),
      h("p", {}, t("rollback.advice")),
    ],
    action: t("rollback.action"),
    danger: true,
    run: () => post(`catalogs/${encodeURIComponent(String(entry.id))}/rollback`),
    done: () => {
      notify(t("rollback.done"));
      done();
    },
  });
}

/** How long a silence may be chosen to last. */
const DURATIONS = ["30m", "1h", "2h", "8h", "24h", "7d"];

/** @param {{ cidr?: string, asset?: string }} start what the form begins with @param {() => void} done */
export function addSilence(start, done) {
  const cidr = input("silence-cidr", start.cidr, "10.1.0.0/16");
  const asset = input("silence-asset", start.asset, "web-*");
  const reason = input("silence-reason", "", "");
  reason.maxLength = 200;
  const lasting = h(
    "select",
    { id: "silence-for" },
    ...DURATIONS.map((each) => h("option", { value: each, selected: each === "2h" }, span(each))),
  );
  const given = (/** @type {HTMLInputElement} */ { value }) => value.trim() === "" ? undefined : value.trim();
  ask({
    title: t("silence.title"),
    body: [
      h("p", {}, t("silence.text")),
      field(t("silence.cidr"), cidr, t("silence.cidr.hint")),
      field(t("silence.asset"), asset, t("silence.asset.hint")),
      field(t("silence.for"), lasting),
      field(t("silence.reason"), reason),
    ],
    action: t("silence.action"),
    run: () => post("silences", { cidr: given(cidr), asset: given(asset), for: lasting.value, reason: given(reason) }),
    done: () => {
      notify(t("silence.done"));
      done();
    },
  });
}

/** @param {import("./types.ts").Silence} silence @param {() => void} done */
export function removeSilence(silence, done) {
  ask({
    title: t("unsilence.title"),
    body: [h("p", {}, t("unsilence.text", { n: silence.agents })), h("p", {}, silenceTarget(silence))],
    action: t("unsilence.action"),
    run: () => remove(`silences/${encodeURIComponent(silence.id)}`),
    done: () => {
      notify(t("unsilence.done"));
      done();
    },
  });
}

/** @param {{ cidr: string | null, asset: string | null }} silence @returns {HTMLElement} whom it is about */
export function silenceTarget({ cidr, asset }) {
  const parts = [cidr, asset].filter((each) => each !== null).map((each) => h("code", {}, foreign(each)));
  const [first, second] = parts;
  return h("span", {}, first, second === undefined ? null : ` ${t("silence.and")} `, second);
}

/** @param {string} ip @param {string} asset @returns {HTMLElement} */
export function agentName(ip, asset) {
  return h("b", {}, asset === "" ? "" : foreign(asset), asset === "" ? "" : " ", h("span", { class: "ip" }, ip));
}

/** @param {string} text such as 2h @returns {string} */
function span(text) {
  return t(`unit.long.${text.slice(-1)}`, { n: Number(text.slice(0, -1)) });
}

/** @param {string} id @param {string | undefined} value @param {string} placeholder */
function input(id, value, placeholder) {
  return h("input", { id, value, placeholder, autocomplete: "off", spellcheck: "false" });
}

/** @param {string} label @param {HTMLElement} control @param {string} [hint] */
function field(label, control, hint) {
  if (hint !== undefined) control.setAttribute("aria-describedby", `${control.id}-hint`);
  return h(
    "p",
    { class: "field" },
    h("label", { for: control.id }, label),
    control,
    hint === undefined ? null : h("small", { id: `${control.id}-hint` }, hint),
  );
}
