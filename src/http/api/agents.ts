import { z } from "zod";
import { wantedOf } from "../../apps/rollout.ts";
import { addressKey, canonicalAddress } from "../../fleet/address.ts";
import type { Agent, Instant } from "../../fleet/agent.ts";
import { countUpTo, type Part, type Sort, SORT_KEYS, sortedPart } from "../../fleet/order.ts";
import { agentRow } from "../../fleet/row.ts";
import { quoted } from "../../quoted.ts";
import { Problem } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { json, nothing } from "./answers.ts";
import {
  address,
  NOTHING,
  pageNumber,
  pageSize,
  ranges,
  read,
  readBody,
  readQuery,
  span,
  STATES,
  states,
  text,
  truth,
} from "./parameters.ts";
import { instant } from "../../clock.ts";
import type { ApiParts } from "./parts.ts";
import { silenceRow } from "./silences.ts";

/** How many rows are written between two places where a list may be interrupted, about 100 us. */
const ROWS_PER_STEP = 32;

/** The words of `sort`. */
export const SORTS: readonly string[] = ["ip", ...SORT_KEYS].flatMap((key) => [key, `-${key}`]);

/** By address, or by something else. */
type Order = "ip" | "-ip" | Sort;

const LIST = z.object({
  state: states("all"),
  q: text.optional(),
  cidr: ranges.optional(),
  asset: text.optional(),
  app: text.optional(),
  version: text.optional(),
  silentFor: span("0").optional(),
  silenced: truth.optional(),
  sort: read(`ip or one of ${SORT_KEYS.join(", ")}, with - before it for descending order`, parseOrder).optional(),
  page: pageNumber.optional(),
  size: pageSize,
  after: address.optional(),
});

type List = z.output<typeof LIST>;

const PRUNE = z.object({ offline_for: span("0") });

/** The agents: lists, one, and what can be done with them. */
export function agentRoutes(parts: ApiParts): Route[] {
  return [
    { method: "GET", path: "/api/v1/agents", handle: (call) => listAgents(parts, call) },
    { method: "POST", path: "/api/v1/agents/prune", handle: (call) => prune(parts, call) },
    { method: "GET", path: "/api/v1/agents/{ip}", handle: (call) => showAgent(parts, call) },
    { method: "DELETE", path: "/api/v1/agents/{ip}", handle: (call) => forget(parts, call) },
  ];
}

async function listAgents(parts: ApiParts, call: Call): Promise<Response> {
  const list = readQuery(call, LIST);
  const rival = list.after === undefined
    ? undefined
    : (["page", "sort"] as const).find((key) => list[key] !== undefined);
  if (rival !== undefined) {
    throw new Problem(400, `${rival} must not be given together with after, which goes by address`, { field: rival });
  }
  return json(await parts.slices.run(writeList(parts, list)));
}

function* writeList(parts: ApiParts, list: List): Generator<void, string, void> {
  const { page, size, after, sort = "ip" } = list;
  const now = instant(parts.clock);
  const found = yield* findAgents(parts, list, now);
  const first = after === undefined ? ((page ?? 1) - 1) * size : countUpTo(found, addressKey(after));
  const agents = yield* partOf(found, sort, { first, count: size });
  const isLast = sort !== "ip" || first + agents.length >= found.length;
  const next = isLast ? undefined : agents.at(-1)?.ip;
  const head = { total: found.length, page: after === undefined ? page ?? 1 : null, size, next: next ?? null };
  let rows = "";
  for (const [i, agent] of agents.entries()) {
    rows += `${i === 0 ? "" : ","}${agentRow(agent, now, marks(agent))}`;
    if (i % ROWS_PER_STEP === ROWS_PER_STEP - 1) yield;
  }
  return `${JSON.stringify(head).slice(0, -1)},"agents":[${rows}]}`;
}

function findAgents({ fleet }: ApiParts, list: List, now: Instant): Generator<void, readonly Agent[], void> {
  const { app, appVersion } = parseApp(list.app);
  return fleet.list({
    states: new Set(STATES[list.state]),
    text: list.q?.toLowerCase(),
    cidr: list.cidr,
    asset: list.asset,
    app,
    appVersion,
    version: list.version,
    silentSinceMs: list.silentFor === undefined ? undefined : now.monotonic - list.silentFor,
    silenced: list.silenced,
  }, now);
}

/** @param agents in the order of their addresses */
function* partOf(
  agents: readonly Agent[],
  order: Order,
  { first, count }: Part,
): Generator<void, readonly Agent[], void> {
  if (order === "ip") return agents.slice(first, first + count);
  if (typeof order === "object") return yield* sortedPart(agents, order, { first, count });
  const end = Math.max(0, agents.length - first);
  return agents.slice(Math.max(0, end - count), end).reverse();
}

function parseOrder(value: string): Order | undefined {
  if (value === "ip" || value === "-ip") return value;
  const descending = value.startsWith("-");
  const key = SORT_KEYS.find((each) => each === (descending ? value.slice(1) : value));
  return key === undefined ? undefined : { key, descending };
}

/** `name` or `name@version`. */
function parseApp(value: string | undefined): { app: string | undefined; appVersion: string | undefined } {
  const at = value?.lastIndexOf("@") ?? -1;
  if (at < 1) return { app: value, appVersion: undefined };
  return { app: value?.slice(0, at), appVersion: value?.slice(at + 1) };
}

function marks({ silenced, flapping }: Agent): string {
  return (silenced ? ',"silenced":true' : "") + (flapping ? ',"flapping":true' : "");
}

function showAgent(parts: ApiParts, call: Call): Response {
  readQuery(call, NOTHING);
  const { fleet, catalog, clock } = parts;
  const now = instant(clock);
  const agent = fleet.get(addressOf(call), now);
  if (agent === undefined) throw unknownAgent(call);
  const wanted = wantedOf(agent, catalog.current)?.json ?? null;
  const silence = agent.silence === undefined ? null : JSON.stringify(silenceRow(agent.silence));
  return json(agentRow(agent, now, `${marks(agent)},"wanted":${wanted},"silence":${silence}`));
}

function forget({ operations }: ApiParts, call: Call): Response {
  readQuery(call, NOTHING);
  if (!operations.forget(addressOf(call), call.who)) throw unknownAgent(call);
  return nothing();
}

function prune({ operations }: ApiParts, call: Call): Response {
  readQuery(call, NOTHING);
  const { offline_for } = readBody(call, PRUNE);
  return Response.json({ forgotten: operations.prune(offline_for, call.who) });
}

function addressOf({ params: { ip = "" } }: Call): string {
  const canonical = canonicalAddress(ip);
  if (canonical !== undefined) return canonical;
  throw new Problem(400, `ip must be an IPv4 or IPv6 address, ${quoted(ip)} came`, { field: "ip" });
}

function unknownAgent({ params: { ip } }: Call): Problem {
  return new Problem(404, `there is no agent ${quoted(ip)}; it may have been forgotten, or has never beaten`);
}
