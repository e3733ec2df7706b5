/** Compares what was answered with what the simulated fleet is. Each function tells what is wrong, or undefined. */
import type { AppVersions, SimulatedAgent } from "../support/fleet_simulator.ts";
import type { Conversation, Dialect } from "./module_client.ts";

/** How far two readings of one machine's wall clock may lie apart, ms: they are cut to whole numbers. */
export const CLOCK_MS = 2;

/** One agent as the service shows it. */
export type Row = Readonly<Record<string, unknown>>;

/** What a reply says, whatever the dialect. */
export interface Answer {
  readonly rows: readonly Row[];
  readonly count: unknown;
}

/** Whether the reply is in the envelope that the dialect requires (PROTOCOL.md section 2). */
export function envelopeFault(dialect: Dialect, { request, reply }: Conversation): string | undefined {
  const key = String(request.body.mqkey);
  const [module = "", , , id] = key.split(".");
  const { exchange, routingKey, correlationId } = reply;
  const { mqkey, mqtype, mqflag } = reply.body;
  const cast = { mqkey: `heartbeat.${module}`, mqtype: "cast", mqflag: "cast" };
  switch (dialect) {
    case "seed": {
      const callId = String(request.body.mqtype).slice("call.".length);
      return different({ exchange, routingKey, mqkey, mqtype, mqflag }, {
        exchange: request.exchange,
        routingKey: callId,
        ...cast,
      });
    }
    case "v0.3.3":
      return different({ exchange, routingKey, correlationId, mqkey, mqtype, mqflag }, {
        exchange: "",
        routingKey: request.replyTo,
        correlationId: request.correlationId,
        ...cast,
      });
    case "keyed":
      return different({ exchange, routingKey, mqkey, mqflag }, {
        exchange: request.exchange,
        routingKey: id,
        mqkey: key,
        mqflag: 1,
      });
  }
}

/** The rows in a reply. */
export function answerOf(dialect: Dialect, { reply }: Conversation): Answer {
  if (dialect === "keyed") return { rows: rows(reply.body.info), count: reply.body.count };
  const { result, count } = reply.body.mqbody as Row;
  return { rows: rows(result), count };
}

/** Whether these are the rows of exactly these agents, in this order, each as it is. */
export function rowsFault(
  { rows }: Pick<Answer, "rows">,
  { agents, asked }: { agents: readonly SimulatedAgent[]; asked: Conversation },
): string | undefined {
  const fault = different(rows.map((row) => row.ip), agents.map((agent) => agent.ip));
  if (fault !== undefined) return `addresses: ${fault}`;
  for (const [i, agent] of agents.entries()) {
    const fault = rowFault(rows[i] ?? {}, agent, asked);
    if (fault !== undefined) return `${agent.asset}: ${fault}`;
  }
  return undefined;
}

/** Whether the row is true: it shows one of the agent's beats, and none that was out of date when we asked. */
function rowFault(row: Row, agent: SimulatedAgent, asked: Conversation): string | undefined {
  const shownMs = Number(row.last_hb_ms);
  const fault = different(
    { asset: row.asset, version: row.version, last_hb_time: row.last_hb_time },
    { asset: agent.asset, version: agent.version, last_hb_time: localTime(shownMs) },
  );
  if (fault !== undefined) return fault;
  const shown = agent.beats.find(({ sentMs, answeredMs }) =>
    sentMs - CLOCK_MS <= shownMs && shownMs <= answeredMs + CLOCK_MS
  );
  // A beat that is on its way while we ask may be in the row and not yet among the agent's answered ones.
  if (shown === undefined) {
    return shownMs >= asked.sentMs - CLOCK_MS ? undefined : `no beat at ${row.last_hb_time} (${shownMs})`;
  }
  const newer = agent.beats.find(({ sentMs, answeredMs }) => sentMs > shown.sentMs && answeredMs < asked.sentMs);
  if (newer !== undefined) return `shows the beat at ${shownMs}, there is one at ${newer.sentMs}`;
  return different(row.apps, shown.apps);
}

/** Whether the agent has exactly these apps. */
export function appsFault(agent: SimulatedAgent, apps: AppVersions): string | undefined {
  const fault = different(agent.apps, apps);
  return fault === undefined ? undefined : `${agent.asset}: ${fault}`;
}

/** The first fault of several checks that count as one. */
export function firstFault(...faults: readonly (string | undefined)[]): string | undefined {
  return faults.find((fault) => fault !== undefined);
}

/** Compares two JSON values. */
export function different(actual: unknown, expected: unknown): string | undefined {
  const [came, wanted] = [JSON.stringify(normal(actual)), JSON.stringify(normal(expected))];
  return came === wanted ? undefined : `${wanted} was right, ${came} came`;
}

/** `yyyy-MM-dd HH:mm:ss` in this machine's time zone. */
function localTime(wallMs: number): string {
  const date = new Date(wallMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function rows(result: unknown): Row[] {
  return Array.isArray(result) ? result : [result as Row];
}

/** The order of keys in an object means nothing. */
function normal(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== "object" || value === null) return value;
  const items = Object.entries(value).sort(([a], [b]) => a < b ? -1 : 1);
  return Object.fromEntries(items.map(([key, item]) => [key, normal(item)]));
}
