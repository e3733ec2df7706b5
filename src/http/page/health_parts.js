// @ts-check
import { duration, secondsSince } from "./format.js";
import { number, t } from "./i18n.js";
import { visible } from "./text.js";
/** @typedef {import("./types.ts").Summary} Summary */
/** @typedef {"ok" | "warn" | "bad" | "off"} Level */
/**
 * How one part of the service is.
 * @typedef {object} PartHealth
 * @property {string} name
 * @property {Level} level
 * @property {string} state in one or two words
 * @property {string} detail what else there is to say, in a line
 * @property {string | null} since
 * @property {string | null} fault
 */

/** @type {Record<string, Level>} */
const MQ = { up: "ok", connecting: "warn", waiting: "bad", down: "bad" };
/** @type {Record<string, Level>} */
const ZOOKEEPER = { registered: "ok", down: "bad", off: "off", disabled: "off" };
/** @type {Record<string, Level>} */
const STORE = { ok: "ok", failing: "bad", off: "off" };

/** A store that is behind by more than this loses that much in a crash, s. */
const LAG_SECONDS = 5;

/** @param {Summary} summary @returns {PartHealth[]} */
export function parts(summary) {
  const { mq, zookeeper, store } = summary;
  return [
    { ...connection("mq", mq, MQ[mq.state] ?? "warn"), detail: sinceText(mq) },
    {
      ...connection("zookeeper", zookeeper, ZOOKEEPER[zookeeper.state] ?? "warn"),
      detail: zookeeper.path === null ? sinceText(zookeeper) : visible(zookeeper.path),
    },
    storePart(store),
    catalogPart(summary.catalog),
    ...summary.events.sinks.map(sinkPart),
    clusterPart(summary.cluster),
  ];
}

/** @param {string} name @param {import("./types.ts").Part} part @param {Level} level @returns {PartHealth} */
function connection(name, { state, since, fault }, level) {
  return { name, level, state: t(`health.${name}.${state}`), detail: "", since, fault };
}

/** @param {import("./types.ts").Part} part @returns {string} */
function sinceText({ since, fault }) {
  if (fault !== null) return visible(fault);
  return since === null ? "" : t("health.since", { time: duration(secondsSince(since)) });
}

/** @param {Summary["store"]} store @returns {PartHealth} */
function storePart(store) {
  const known = STORE[store.state] ?? "warn";
  const level = known === "ok" && store.lag_seconds > LAG_SECONDS ? "warn" : known;
  const detail = store.fault !== null
    ? visible(store.fault)
    : t("health.store.lag", { time: store.lag_seconds.toFixed(1), n: store.queued });
  return { ...connection("store", store, level), detail };
}

/** @param {Summary["catalog"]} catalog @returns {PartHealth} */
function catalogPart({ known, held, source, apps, agents, age_seconds, confirmed_at }) {
  const state = !known ? "unknown" : held === null ? "known" : "held";
  const age = source === "local" || age_seconds === null
    ? ""
    : t("health.catalog.age", { time: duration(age_seconds) });
  const size = source === "local"
    ? t("health.catalog.local", { n: apps })
    : t("health.catalog.size", { n: agents, apps });
  return {
    name: "catalog",
    level: state === "known" ? "ok" : "warn",
    state: t(`health.catalog.${state}`),
    detail: known ? [size, age].filter((text) => text !== "").join(" · ") : "",
    since: confirmed_at,
    fault: held === null ? null : held.reason,
  };
}

/** @param {import("./types.ts").SinkCounts} sink @returns {PartHealth} */
function sinkPart({ name, queued, delivered, dropped }) {
  const lost = typeof dropped === "number" ? dropped : Object.values(dropped).reduce((sum, each) => sum + each, 0);
  const state = lost > 0 ? "dropped" : queued > 0 ? "waiting" : "ok";
  const level = /** @type {const} */ ({ dropped: "bad", waiting: "warn", ok: "ok" })[state];
  return {
    name: `sink.${name}`,
    level,
    state: t(`health.sink.${state}`),
    detail: t("health.sink.counts", { queued, delivered: number(delivered), dropped: lost }),
    since: null,
    fault: null,
  };
}

/** @param {Summary["cluster"]} cluster @returns {PartHealth} */
function clusterPart(cluster) {
  const part = { name: "cluster", since: null, fault: null };
  if (!cluster.enabled) return { ...part, level: "off", state: t("health.cluster.off"), detail: "" };
  const { caught_up, settled, catalog_mismatch, leader, members } = cluster;
  const state = !caught_up ? "behind" : !settled ? "waiting" : catalog_mismatch ? "mismatch" : "settled";
  const leads = leader === null ? t("cluster.noLeader") : t("health.cluster.leader", { leader: visible(leader) });
  return {
    ...part,
    level: state === "settled" ? "ok" : state === "behind" ? "bad" : "warn",
    state: t(`health.cluster.${state}`),
    detail: `${t("health.cluster.size", { n: members.length + 1 })} · ${leads}`,
  };
}
