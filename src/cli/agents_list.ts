import type { z } from "zod";
import { type AgentRow, AGENTS } from "./answers.ts";
import { type GivenOptions, type Invocation, type Surroundings, UsageError } from "./command.ts";
import { DEFAULT_LIMIT } from "./common_options.ts";
import { countText, spanText } from "./format.ts";
import { type Query, Service } from "./service.ts";
import { type Column, Table } from "./table.ts";
import type { Style, Terminal } from "./terminal.ts";

export const AGENTS_PATH = "/api/v1/agents";

/** What the command line calls parameters of the API. */
export const FILTER_NAMES = { silentFor: "--silent-for" };

/** The longest page that the API gives, rows. */
const PAGE = 1_000;

/** How a state looks. */
export const STATE_STYLES: Readonly<Record<string, Style>> = { online: "good", suspect: "warning", offline: "bad" };

/** The columns of a list of agents. */
export const AGENT_COLUMNS: readonly Column<AgentRow>[] = [
  { title: "STATE", text: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: "IP", text: ({ ip }) => ip, least: 15, isWhole: true },
  { title: "ASSET", text: ({ asset }) => asset, least: 10 },
  { title: "SILENT", text: ({ silent_seconds }) => spanText(silent_seconds), align: "right" },
  { title: "VERSION", text: ({ version }) => version, least: 7 },
  {
    title: "APPS",
    text: (row) => [...marksOf(row), appsText(row.apps)].filter((part) => part !== "").join(" "),
    least: 10,
  },
];

/** What is odd about an agent. */
function marksOf({ silenced, flapping, duplicate, peer, apps_fault }: AgentRow): string[] {
  const marks = [
    silenced === true && "silenced",
    flapping === true && "flapping",
    duplicate !== undefined && "duplicate",
    peer !== undefined && `beats from ${peer}`,
    apps_fault !== undefined && "apps unreadable",
  ];
  return marks.filter((mark) => mark !== false).map((mark) => `[${mark}]`);
}

function appsText(apps: Readonly<Record<string, unknown>>): string {
  return Object.entries(apps).map(([app, version]) => `${app} ${version}`).join(", ");
}

/**
 * The parameters of the API for the filters of a command line.
 * @throws {UsageError}
 */
export function agentFilters({ command, operands, options }: Invocation): Query {
  if (operands[0] !== undefined && options.has("q")) {
    throw new UsageError(`TEXT came twice: "${operands[0]}" and --q`, command.name);
  }
  const named = ["state", "cidr", "asset", "app", "version", "silenced", "sort"];
  return {
    ...Object.fromEntries(named.map((name) => [name, options.text(name)])),
    q: operands[0] ?? options.text("q"),
    silentFor: options.text("silent-for"),
  };
}

/** `agents list`. */
export async function listAgents(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const isJson = invocation.options.has("json");
  const limit = rowLimit(invocation.options, isJson ? 0 : DEFAULT_LIMIT);
  const pages = agentPages(Service.of(invocation), agentFilters(invocation), limit);
  if (isJson) await writeJson(terminal, pages);
  else await writeTable(terminal, pages);
  return 0;
}

/** How many rows are wanted; Infinity for all. */
export function rowLimit(options: GivenOptions, fallback: number): number {
  const limit = options.count("limit", fallback);
  return limit === 0 ? Infinity : limit;
}

/** Some rows of the list, with everything that the service told of them. */
interface AgentPage {
  /** How many agents there are in all. */
  readonly total: number;
  readonly agents: readonly AgentRow[];
}

/** The list in pages, at most `limit` rows. Without an order, address by address: nobody is missed or comes twice. */
export async function* agentPages(
  service: Service,
  query: Query,
  limit: number,
): AsyncGenerator<AgentPage, void, void> {
  let left = limit;
  let after: string | undefined;
  for (let page = 1;; page++) {
    const isOrdered = query.sort !== undefined && query.sort !== "ip";
    const place: Query = isOrdered ? { page } : { sort: undefined, after };
    // Pages count in the size of the first one.
    const size = Math.min(PAGE, isOrdered ? limit : left);
    const question = { query: { ...query, ...place, size }, names: FILTER_NAMES };
    const answer = await service.ask(AGENTS_PATH, question);
    const { total, next } = service.understood(AGENTS, answer, AGENTS_PATH);
    // As they came, with what this build may not know of.
    const { agents } = answer as z.input<typeof AGENTS>;
    const shown = left < agents.length ? agents.slice(0, left) : agents;
    yield { total, agents: shown };
    left -= shown.length;
    after = next ?? undefined;
    const isLast = isOrdered ? page * size >= total || agents.length === 0 : after === undefined;
    if (left <= 0 || isLast) return;
  }
}

async function writeJson(terminal: Terminal, pages: AsyncIterable<AgentPage>): Promise<void> {
  let isFirst = true;
  for await (const { total, agents } of pages) {
    const rows = agents.map((row) => JSON.stringify(row)).join(",\n");
    const before = isFirst ? `{"total":${total},"agents":[\n` : rows === "" ? "" : ",\n";
    terminal.write(before + rows);
    isFirst = false;
  }
  terminal.write("\n]}\n");
}

async function writeTable(terminal: Terminal, pages: AsyncIterable<AgentPage>): Promise<void> {
  const table = new Table(AGENT_COLUMNS, terminal);
  let total = 0;
  let shown = 0;
  for await (const page of pages) {
    total = page.total;
    shown += page.agents.length;
    if (total > 0) terminal.write(table.lines(page.agents));
  }
  if (total === 0) terminal.note("no agents\n");
  else noteMore(terminal, total - shown);
}

/** Tells, beside the output, that there is more than was shown. */
export function noteMore(terminal: Terminal, more: number): void {
  if (more > 0) terminal.note(`... ${countText(more)} more, --limit 0 for all\n`);
}
