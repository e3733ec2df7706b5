import { z } from "zod";
import { CATALOGS, DIFF } from "./answers.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { confirmed } from "./confirm.ts";
import { counted, countText, timeText } from "./format.ts";
import { LONG_DEADLINE_MS, Service } from "./service.ts";
import { type Column, Table } from "./table.ts";

const PATH = "/api/v1/catalogs";

const RESULT = z.object({ result: z.string() });

type CatalogRow = z.infer<typeof CATALOGS>["catalogs"][number];
type Change = z.infer<typeof DIFF>["changes"][number];

const CATALOG_COLUMNS: readonly Column<CatalogRow>[] = [
  { title: "ID", text: ({ id }) => String(id), align: "right" },
  { title: "TAKEN", text: ({ taken_at }) => timeText(taken_at) },
  { title: "SOURCE", text: ({ source }) => source },
  { title: "BY", text: ({ origin }) => origin ?? "-", least: 10 },
  { title: "APPS", text: ({ apps }) => countText(apps), align: "right" },
  { title: "AGENTS", text: ({ agents }) => countText(agents), align: "right" },
  { title: "", text: ({ current }) => current ? "in force" : "", style: () => "good" },
];

/** `apps history`. */
export async function history(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const answer = await service.ask(PATH);
  if (invocation.options.has("json")) {
    terminal.write(`${JSON.stringify(answer)}\n`);
    return 0;
  }
  const { catalogs, held } = service.understood(CATALOGS, answer, PATH);
  if (held !== null) {
    const what = `${counted(held.apps, "app")} for ${counted(held.agents, "agent")}`;
    terminal.write(`HELD since ${timeText(held.at)}: ${what}, ${held.reason}; see apps diff, apps accept\n\n`);
  }
  if (catalogs.length === 0) terminal.note("no catalogs are kept\n");
  else terminal.write(new Table(CATALOG_COLUMNS, terminal).lines(catalogs));
  return 0;
}

const CHANGE_COLUMNS: readonly Column<Change>[] = [
  { title: "APP", text: ({ app }) => app, least: 10 },
  { title: "VERSION", text: ({ version }) => version, least: 7 },
  { title: "ADDED", text: ({ added_count }) => `+${countText(added_count)}`, align: "right", style: () => "good" },
  { title: "REMOVED", text: ({ removed_count }) => `-${countText(removed_count)}`, align: "right", style: () => "bad" },
  {
    title: "AGENTS",
    text: ({ added, removed }) => [...added.map((ip) => `+${ip}`), ...removed.map((ip) => `-${ip}`)].join(" "),
    least: 10,
  },
];

/** `apps diff`: without FROM, between the one in force and the held one. */
export async function diff(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const [from, to = "current"] = invocation.operands;
  const query = from === undefined ? { from: "current", to: "held" } : { from, to };
  const path = `${PATH}/diff`;
  const answer = await service.ask(path, { query, deadlineMs: LONG_DEADLINE_MS });
  if (invocation.options.has("json")) {
    terminal.write(`${JSON.stringify(answer)}\n`);
    return 0;
  }
  const { changes } = service.understood(DIFF, answer, path);
  if (changes.length === 0) terminal.note("no differences\n");
  else terminal.write(new Table(CHANGE_COLUMNS, terminal).lines(changes));
  return 0;
}

/** `apps accept`: the catalog that is held at the moment of asking, and no later one. */
export async function accept(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const { held } = await service.askFor(CATALOGS, PATH);
  if (held === null) {
    terminal.note("no catalog is held\n");
    return 1;
  }
  const what = `${counted(held.apps, "app")} for ${counted(held.agents, "agent")}, from ${timeText(held.at)}`;
  if (!await confirmed(invocation, terminal, `Held because ${held.reason}. Put it in force (${what})?`)) return 1;
  const question = { method: "POST", body: { at_ms: held.at_ms }, deadlineMs: LONG_DEADLINE_MS } as const;
  const { result } = await service.askFor(RESULT, `${PATH}/accept`, question);
  terminal.write(`${resultText(result)}\n`);
  return 0;
}

/** `apps rollback`. */
export async function rollback(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const id = invocation.operands[0] ?? "";
  if (!await confirmed(invocation, terminal, `Put catalog ${id} in force again?`)) return 1;
  const path = `${PATH}/${encodeURIComponent(id)}/rollback`;
  const { result } = await service.askFor(RESULT, path, { method: "POST", deadlineMs: LONG_DEADLINE_MS });
  terminal.write(`${resultText(result)}\n`);
  return 0;
}

function resultText(result: string): string {
  return result === "unchanged" ? "it was in force already" : "it is in force now";
}
