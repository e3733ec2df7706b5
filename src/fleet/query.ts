import { z } from "zod";
import { canonicalAddress, Cidrs } from "./address.ts";
import { quoted } from "../quoted.ts";
import type { Agent, AgentState } from "./agent.ts";
import type { Part, Sort } from "./order.ts";

/** What a caller asks of the fleet; every part that is given must match. */
export interface AgentQuery {
  /** Canonical address. */
  readonly ip?: string | undefined;
  readonly asset?: string | undefined;
  readonly states: ReadonlySet<AgentState>;
  /** Agents that have this app installed. */
  readonly app?: string | undefined;
  /** Only with `app`: and in this version. */
  readonly appVersion?: string | undefined;
  /** Version of the agent itself. */
  readonly version?: string | undefined;
  /** Agents without a beat since this monotonic time, ms. */
  readonly silentSinceMs?: number | undefined;
  readonly silenced?: boolean | undefined;
  readonly cidr?: Cidrs | undefined;
  /** Part of the address or of the asset name, in lower case. */
  readonly text?: string | undefined;
  readonly sort?: Sort | undefined;
}

/** The orders that modules may ask for. */
const SORT_KEYS = ["asset", "version", "last_hb_time", "since"] as const;

/** A page of a list: `size` undefined is the whole list; pages count from 1. */
export interface Page {
  readonly size: number | undefined;
  readonly number: number;
}

/** A parameter that cannot be used. The message names it, what is required and what came. */
export class QueryError extends Error {
  override name = "QueryError";
}

/** `""`, 0 and null are how peers say "not given" (PROTOCOL.md section 2). */
function notGiven(value: unknown): boolean {
  return value === undefined || value === null || value === "" || value === 0 || value === "0";
}

/** The longest text in a question, characters; every agent is compared with each of the ranges that it may hold. */
const MAX_TEXT_LENGTH = 1_000;

const text = z.preprocess(
  (value) => notGiven(value) ? undefined : typeof value === "number" ? String(value) : value,
  z.string("a text").max(MAX_TEXT_LENGTH, `a text of at most ${MAX_TEXT_LENGTH} characters`).optional(),
);

/** Numbers come as numbers from some modules and as text from others. */
const count = z.preprocess(
  (value) =>
    notGiven(value) ? undefined : typeof value === "string" && /^\s*\d+\s*$/.test(value) ? Number(value) : value,
  z.int("a whole number, 1 or more").min(1, "a whole number, 1 or more").optional(),
);

const STATES: ReadonlyMap<string, readonly AgentState[]> = new Map([
  ["online", ["online"]],
  ["suspect", ["suspect"]],
  ["offline", ["offline"]],
  ["all", ["online", "suspect", "offline"]],
]);
/** What is asked for when no state is named: a suspect agent counts as online until it is known not to be. */
const LIVE: readonly AgentState[] = ["online", "suspect"];

const QUERY = z.object({
  ip: text,
  asset: text,
  id: text,
  state: text.transform((value, context) => {
    const states = value === undefined ? LIVE : STATES.get(value);
    if (states !== undefined) return new Set(states);
    context.addIssue(`one of ${[...STATES.keys()].join(", ")}`);
    return z.NEVER;
  }),
  app: text,
  cidr: text.transform((value, context) => {
    try {
      return value === undefined ? undefined : new Cidrs(value);
    } catch {
      context.addIssue("an address range such as 10.0.0.0/8");
      return z.NEVER;
    }
  }),
  q: text,
  sort: text.transform((value, context) => {
    const sort = value === undefined ? undefined : parseSort(value);
    if (sort !== null) return sort;
    context.addIssue(`ip or one of ${SORT_KEYS.join(", ")}, with - before it for descending order`);
    return z.NEVER;
  }),
});

const PAGE = z.object({ pagesize: count, pagenumber: count });

/**
 * Reads the parameters of agentInfo and agentList; `id` is what v0.3.3 modules send for `asset`.
 * @throws {QueryError}
 */
export function parseAgentQuery(parameters: Readonly<Record<string, unknown>>): AgentQuery {
  const plain = plainQuery(parameters);
  if (plain !== undefined) return plain;
  const { ip, asset, id, state, app, cidr, q, sort } = parse(QUERY, parameters);
  return {
    // What is no address matches no agent; it is not an error, because peers pass on what a person typed.
    ip: ip === undefined ? undefined : canonicalAddress(ip) ?? ip,
    asset: asset ?? id,
    states: state,
    app,
    cidr,
    text: q?.toLowerCase(),
    sort,
  };
}

const LIVE_STATES: ReadonlySet<AgentState> = new Set(LIVE);

/**
 * The question that modules ask all the time, an address, an asset or both and nothing else: read without the schema,
 * which would be a tenth of the whole call.
 */
function plainQuery(parameters: Readonly<Record<string, unknown>>): AgentQuery | undefined {
  for (const key in parameters) {
    if ((key !== "ip" && key !== "asset") || typeof parameters[key] !== "string") return undefined;
  }
  const { ip, asset } = parameters as { ip?: string; asset?: string };
  return {
    ip: notGiven(ip) || ip === undefined ? undefined : canonicalAddress(ip) ?? ip,
    asset: notGiven(asset) ? undefined : asset,
    states: LIVE_STATES,
  };
}

/**
 * Reads `pagesize` and `pagenumber`.
 * @throws {QueryError}
 */
export function parsePage(parameters: Readonly<Record<string, unknown>>): Page {
  const { pagesize, pagenumber } = parse(PAGE, parameters);
  return { size: pagesize, number: pagenumber ?? 1 };
}

function parse<T>(schema: z.ZodType<T>, parameters: Readonly<Record<string, unknown>>): T {
  const result = schema.safeParse(parameters);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const name = String(issue?.path[0]);
  throw new QueryError(`${name} must be ${issue?.message}, ${quoted(parameters[name])} came`);
}

function parseSort(value: string): Sort | undefined | null {
  const descending = value.startsWith("-");
  const name = descending ? value.slice(1) : value;
  if (name === "ip" && !descending) return undefined;
  const key = SORT_KEYS.find((each) => each === name);
  return key === undefined ? null : { key, descending };
}

type Test = (agent: Agent) => boolean;

/** How many states there are; who asks for all need not be told them apart. */
const ALL_STATES = 3;

/**
 * What tells whether an agent is one that the query asks for. Only what is asked for is looked at, what costs most last:
 * a list looks at every agent of the fleet.
 */
export function matcher(query: AgentQuery): Test {
  const [first, ...others] = testsOf(query);
  return others.reduce((before: Test, test) => (agent) => before(agent) && test(agent), first ?? (() => true));
}

function testsOf(
  { states, ip, asset, version, silentSinceMs, silenced, text, app, appVersion, cidr }: AgentQuery,
): Test[] {
  const tests: Test[] = [];
  if (states.size < ALL_STATES) tests.push(stateTest(states));
  if (ip !== undefined) tests.push((agent) => agent.ip === ip);
  if (asset !== undefined) tests.push((agent) => agent.asset === asset);
  if (version !== undefined) tests.push((agent) => agent.version === version);
  if (silentSinceMs !== undefined) tests.push((agent) => agent.lastBeatMs <= silentSinceMs);
  if (silenced !== undefined) tests.push((agent) => agent.silenced === silenced);
  if (text !== undefined) tests.push((agent) => agent.ip.includes(text) || agent.asset.toLowerCase().includes(text));
  if (cidr !== undefined) tests.push((agent) => cidr.has(agent.key));
  if (app !== undefined) tests.push(appTest(app, appVersion));
  return tests;
}

function stateTest(states: ReadonlySet<AgentState>): Test {
  const [online, suspect, offline] = [states.has("online"), states.has("suspect"), states.has("offline")];
  return ({ state }) => state === "online" ? online : state === "suspect" ? suspect : offline;
}

function appTest(app: string, version: string | undefined): Test {
  const name = JSON.stringify(app);
  return ({ appsJson }) => {
    // Most rows are told apart without parsing: the name does not even occur in the text.
    if (!appsJson.includes(name)) return false;
    const apps: Record<string, string> = JSON.parse(appsJson);
    return Object.hasOwn(apps, app) && (version === undefined || apps[app] === version);
  };
}

/** What is looked for, and what was found of it in the parts before: undefined as long as all of them match. */
interface Selection {
  readonly test: Test;
  readonly found: Agent[] | undefined;
}

/**
 * Adds those of a part of the agents that match. Not in a generator, which V8 does not compile as well (measured).
 * @returns what is found so far; undefined as long as all match
 */
export function select(
  agents: readonly Agent[],
  { first, count }: Part,
  { test, found }: Selection,
): Agent[] | undefined {
  const end = Math.min(first + count, agents.length);
  let selected = found;
  for (let i = first; i < end; i++) {
    const agent = agents[i];
    if (agent === undefined) continue;
    if (!test(agent)) selected ??= agents.slice(0, i);
    else selected?.push(agent);
  }
  return selected;
}
