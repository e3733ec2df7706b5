import type { z } from "zod";
import { APP, APPS } from "./answers.ts";
import { noteMore, rowLimit, STATE_STYLES } from "./agents_list.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { DEFAULT_LIMIT } from "./common_options.ts";
import { counted, countText } from "./format.ts";
import { LONG_DEADLINE_MS, type Query, Service } from "./service.ts";
import { type Column, Table } from "./table.ts";

const PATH = "/api/v1/apps";

/** The longest page that the API gives, rows. */
const PAGE = 1_000;

type AgentOfApp = z.infer<typeof APP>["agents"][number];
type VersionRow = z.infer<typeof APPS>["apps"][number]["versions"][number] & { readonly app: string };

/** Stands for the versions of an app that the catalog lists only for agents that are not there. */
const NO_VERSION = { version: "-", wanted: 0, matching: 0, missing: 0, installed: 0, unwanted: 0 };

/** Where it is said what shall run. */
const WISHES: Readonly<Record<string, string>> = { local: "auth.localAppInfo", supervisor: "elves-supervisor" };

const VERSION_COLUMNS: readonly Column<VersionRow>[] = [
  { title: "APP", text: ({ app }) => app, least: 10 },
  { title: "VERSION", text: ({ version }) => version, least: 7 },
  { title: "WANTED", text: ({ wanted }) => countText(wanted), align: "right" },
  {
    title: "RUNNING",
    text: ({ matching }) => countText(matching),
    align: "right",
    style: ({ wanted, matching }) => wanted > 0 && matching === wanted ? "good" : undefined,
  },
  { title: "DONE", text: doneText, align: "right" },
  {
    title: "MISSING",
    text: ({ missing }) => countText(missing),
    align: "right",
    style: ({ missing }) => missing > 0 ? "bad" : undefined,
  },
  {
    title: "UNWANTED",
    text: ({ unwanted }) => countText(unwanted),
    align: "right",
    style: ({ unwanted }) => unwanted > 0 ? "warning" : undefined,
  },
];

/** Never 100 % while somebody is missing. */
function doneText({ wanted, matching }: VersionRow): string {
  return wanted === 0 ? "-" : `${Math.floor((matching / wanted) * 100)}%`;
}

/** `apps`: how far each version is rolled out. */
export async function apps(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const query = { state: invocation.options.text("state") };
  const answer = await service.ask(PATH, { query, deadlineMs: LONG_DEADLINE_MS });
  if (invocation.options.has("json")) {
    terminal.write(`${JSON.stringify(answer)}\n`);
    return 0;
  }
  const { source, known, agents, apps } = service.understood(APPS, answer, PATH);
  const rows = apps.flatMap(({ app, versions }) =>
    (versions.length === 0 ? [NO_VERSION] : versions).map((version) => ({ app, ...version }))
  );
  if (!known) terminal.note(`what agents shall run is not known: no answer from ${source} yet\n`);
  if (rows.length === 0) terminal.note(`no apps on ${counted(agents, "agent")}\n`);
  else {
    terminal.write(new Table(VERSION_COLUMNS, terminal).lines(rows));
    terminal.write(`\nWANTED comes from ${WISHES[source] ?? source}, RUNNING from ${counted(agents, "agent")}\n`);
  }
  return 0;
}

const APP_COLUMNS: readonly Column<AgentOfApp>[] = [
  { title: "STATE", text: ({ state }) => state, style: ({ state }) => STATE_STYLES[state] },
  { title: "IP", text: ({ ip }) => ip, least: 15, isWhole: true },
  { title: "ASSET", text: ({ asset }) => asset, least: 10 },
  { title: "WANTED", text: ({ wanted }) => wanted ?? "-", least: 8 },
  {
    title: "INSTALLED",
    text: ({ installed }) => installed ?? "-",
    least: 9,
    style: ({ wanted, installed }) => wanted === installed ? "good" : wanted === null ? "warning" : "bad",
  },
  { title: "", text: ({ silenced }) => silenced === true ? "[silenced]" : "" },
];

/** `apps show`: who shall have an app and who has it. */
export async function showApp(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const { operands, options } = invocation;
  const service = Service.of(invocation);
  const path = `${PATH}/${encodeURIComponent(operands[0] ?? "")}`;
  const isJson = options.has("json");
  const limit = rowLimit(options, isJson ? 0 : DEFAULT_LIMIT);
  const query = { status: options.text("status"), version: options.text("version") };
  const { total, agents } = await agentsOfApp(service, path, { query, limit });
  if (isJson) terminal.write(`${JSON.stringify({ total, agents })}\n`);
  else if (total === 0) terminal.note("no agents\n");
  else {
    terminal.write(new Table(APP_COLUMNS, terminal).lines(agents));
    noteMore(terminal, total - agents.length);
  }
  return 0;
}

async function agentsOfApp(
  service: Service,
  path: string,
  { query, limit }: { query: Query; limit: number },
): Promise<z.infer<typeof APP>> {
  const agents: AgentOfApp[] = [];
  const size = Math.min(PAGE, limit);
  for (let page = 1;; page++) {
    const question = { query: { ...query, page, size }, deadlineMs: LONG_DEADLINE_MS };
    const answer = await service.askFor(APP, path, question);
    agents.push(...answer.agents.slice(0, limit - agents.length));
    if (agents.length >= Math.min(limit, answer.total) || answer.agents.length === 0) {
      return { total: answer.total, agents };
    }
  }
}
