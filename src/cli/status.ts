import { SUMMARY, type Summary } from "./answers.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { clusterParts, isClusterAtFault } from "./cluster.ts";
import { type Field, writeFields } from "./fields.ts";
import { counted, countText, spanText, timeText } from "./format.ts";
import { Service } from "./service.ts";
import { type Style, styled, type Terminal } from "./terminal.ts";

const PATH = "/api/v1/summary";

/** `status`: the service and its fleet in one screen. */
export async function status(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const answer = await service.ask(PATH);
  const summary = service.understood(SUMMARY, answer, PATH);
  if (invocation.options.has("json")) terminal.write(`${JSON.stringify(answer)}\n`);
  else writeScreen(terminal, summary, service.endpoint.base);
  return isAtFault(summary) ? 1 : 0;
}

function writeScreen(terminal: Terminal, summary: Summary, base: string): void {
  const { version, commit, instance, started_at, now_ms } = summary;
  const [head, style] = verdict(summary);
  terminal.write(`elves-heartbeat ${version} (${commit}) on ${instance}: ${styled(terminal, head, style)}\n`);
  const up = spanText((now_ms - Date.parse(started_at)) / 1000);
  writeFields(terminal, [
    { what: "up", text: `${up}, since ${timeText(started_at)}` },
    ...partsOf(summary),
    { what: "page", text: `${base}/` },
  ]);
}

/** What stands in the first line, the worst first. */
function verdict(summary: Summary): [text: string, style: Style] {
  if (isAtFault(summary)) return ["a part is at fault", "bad"];
  if (summary.guard.on) return ["running, the guard is on", "warning"];
  if (summary.catalog.held !== null) return ["running, a catalog is held", "warning"];
  return summary.warming ? ["warming up", "warning"] : ["running", "good"];
}

/** Whether something of the service does not work that shall; the state of the fleet is none of it. */
function isAtFault({ mq, zookeeper, store, catalog, cluster }: Summary): boolean {
  return mq.state !== "up" || store.state !== "ok" || !catalog.known || isClusterAtFault(cluster) ||
    (zookeeper.state !== "disabled" && zookeeper.state !== "registered");
}

function partsOf(summary: Summary): Field[] {
  const { beats, timeout_seconds, beat_interval_seconds: interval, events, silences, now_ms } = summary;
  const every = interval === null ? "" : `; each agent every ${spanText(interval)}`;
  return [
    agentsPart(summary),
    {
      what: "beats",
      text: `${beats.per_second.toFixed(1)} a second, ${countText(beats.total)} in all${every}; ` +
        `offline after ${spanText(timeout_seconds)}`,
    },
    ...gracePart(summary),
    guardPart(summary),
    ...catalogParts(summary),
    stateAndFault("rabbitmq", summary.mq, { isGood: summary.mq.state === "up", nowMs: now_ms }),
    stateAndFault("zookeeper", summary.zookeeper, {
      isGood: summary.zookeeper.state === "disabled" || summary.zookeeper.state === "registered",
      nowMs: now_ms,
      more: summary.zookeeper.path === null ? "" : ` at ${summary.zookeeper.path}`,
    }),
    storePart(summary),
    ...clusterParts(summary.cluster),
    ...events.sinks.map(sinkPart),
    ...(silences === 0 ? [] : [{ what: "silences", text: `${countText(silences)} in force` }]),
  ];
}

function storePart({ store, now_ms }: Summary): Field {
  const field = stateAndFault("store", store, { isGood: store.state === "ok", nowMs: now_ms });
  if (store.queued === 0) return field;
  const wait = `${counted(store.queued, "change")} to write, the oldest for ${spanText(store.lag_seconds)}`;
  return { ...field, text: `${field.text}; ${wait}` };
}

function sinkPart({ name, delivered, queued, dropped }: Summary["events"]["sinks"][number]): Field {
  const lost = Object.values(dropped).reduce((sum, count) => sum + count, 0);
  const text = `to ${name}: ${countText(delivered)} delivered, ${countText(queued)} waiting, ${
    countText(lost)
  } dropped`;
  return { what: "events", text, style: lost > 0 ? "warning" : undefined };
}

function agentsPart({ agents }: Summary): Field {
  const { total, online, suspect, offline, silenced, flapping } = agents;
  const more = [[silenced, "silenced"], [flapping, "flapping"]] as const;
  const marks = more.filter(([count]) => count > 0).map(([count, what]) => `, ${countText(count)} ${what}`).join("");
  const states = `${countText(online)} online, ${countText(suspect)} suspect, ${countText(offline)} offline`;
  return { what: "agents", text: `${countText(total)}: ${states}${marks}` };
}

function gracePart({ grace_until }: Summary): Field[] {
  if (grace_until === null) return [];
  return [{ what: "grace", text: `nobody is called offline before ${timeText(grace_until)}`, style: "warning" }];
}

function guardPart({ guard }: Summary): Field {
  if (!guard.on) return { what: "guard", text: "off" };
  const since = guard.since === null ? "" : ` since ${timeText(guard.since)}`;
  const end = guard.ends_by === null ? "" : `, ends by ${timeText(guard.ends_by)}`;
  const silent = `${countText(guard.silent)} of ${counted(guard.agents, "agent")} silent`;
  const text = `ON${since}: ${silent}, ${countText(guard.held)} held${end}`;
  return { what: "guard", text, style: "bad" };
}

function catalogParts({ catalog }: Summary): Field[] {
  const { source, known, apps, agents, age_seconds: age, held } = catalog;
  const confirmed = age === null ? "" : `, confirmed ${spanText(age)} ago`;
  const text = known
    ? `from ${source}: ${counted(apps, "app")} for ${
      source === "local" ? "every agent" : counted(agents, "agent")
    }${confirmed}`
    : `from ${source}: not known yet, so agents keep what they have`;
  const parts: Field[] = [{ what: "catalog", text, style: known ? undefined : "bad" }];
  if (held !== null) {
    const wait = `one from ${timeText(held.at)} is HELD, ${held.reason}: see apps diff, apps accept`;
    parts.push({ what: "", text: wait, style: "warning" });
  }
  return parts;
}

function stateAndFault(
  what: string,
  { state, since, fault }: { state: string; since: string | null; fault: string | null },
  { isGood, nowMs, more = "" }: { isGood: boolean; nowMs: number; more?: string },
): Field {
  const span = since === null ? "" : ` for ${spanText((nowMs - Date.parse(since)) / 1000)}`;
  const reason = isGood || fault === null ? "" : `: ${fault}`;
  return { what, text: `${state}${more}${span}${reason}`, style: isGood ? undefined : "bad" };
}
