import { z } from "zod";
import { AGENT_DETAIL, AGENTS, type Event } from "./answers.ts";
import { AGENTS_PATH, STATE_STYLES } from "./agents_list.ts";
import { type Invocation, type Surroundings, UsageError } from "./command.ts";
import { confirmed } from "./confirm.ts";
import { EVENT_COLUMNS, pastEvents } from "./events.ts";
import { type Field, writeFields } from "./fields.ts";
import { counted, spanText, timeText } from "./format.ts";
import { Service, ServiceError } from "./service.ts";
import { Table } from "./table.ts";
import { styled, type Terminal } from "./terminal.ts";

/** How many of an agent's last events are shown. */
const EVENTS = 10;

type Detail = z.infer<typeof AGENT_DETAIL>;

function pathOf(ip: string): string {
  return `${AGENTS_PATH}/${encodeURIComponent(ip)}`;
}

/** `agents show`. */
export async function showAgent(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const ip = invocation.operands[0] ?? "";
  const answer = await service.ask(pathOf(ip));
  const agent = service.understood(AGENT_DETAIL, answer, pathOf(ip));
  const events = await pastEvents(service, { ip: agent.ip, limit: EVENTS });
  if (invocation.options.has("json")) {
    terminal.write(`${JSON.stringify({ ...answer as object, events: events.toReversed() })}\n`);
    return 0;
  }
  writeAgent(terminal, agent);
  writeApps(terminal, agent);
  writeLast(terminal, events);
  return 0;
}

function writeAgent(terminal: Terminal, agent: Detail): void {
  const { ip, asset, state, since, silent_seconds, last_hb_time, version, silence, flapping, peer, duplicate } = agent;
  const fields: Field[] = [
    { what: "agent", text: `${ip}  ${asset}` },
    { what: "state", text: `${state} since ${timeText(since)}`, style: STATE_STYLES[state] },
    { what: "last beat", text: `${spanText(silent_seconds)} ago, ${last_hb_time}` },
    { what: "version", text: version },
  ];
  if (silence !== null) {
    const why = silence.reason === "" ? "" : `, "${silence.reason}"`;
    const text = `until ${timeText(silence.until)} by ${silence.by}${why} (${silence.id})`;
    fields.push({ what: "silenced", text, style: "warning" });
  }
  if (flapping === true) {
    fields.push({ what: "flapping", text: "comes and goes; nothing is told until it is stable", style: "warning" });
  }
  if (peer !== undefined) {
    fields.push({ what: "beats from", text: `${peer}, another address than it claims`, style: "warning" });
  }
  if (duplicate !== undefined) {
    const text = `two agents share its ${duplicate.reason}, seen last ${timeText(duplicate.at)}`;
    fields.push({ what: "duplicate", text, style: "warning" });
  }
  if (agent.apps_fault !== undefined) {
    fields.push({ what: "apps", text: `cannot be read: ${agent.apps_fault}`, style: "bad" });
  }
  writeFields(terminal, fields);
}

/** What it shall have against what it has. */
function writeApps(terminal: Terminal, { apps, wanted }: Detail): void {
  const names = [...new Set([...Object.keys(wanted ?? {}), ...Object.keys(apps)])].sort();
  if (names.length === 0) return;
  const installed = (app: string) => Object.hasOwn(apps, app) ? String(apps[app]) : "-";
  const shall = (app: string) => wanted !== null && Object.hasOwn(wanted, app) ? wanted[app] ?? "-" : "-";
  const verdict = (app: string) => wanted === null || shall(app) === installed(app) ? "" : "differs";
  const table = new Table<string>([
    { title: "APP", text: (app) => app, least: 10 },
    { title: "WANTED", text: wanted === null ? () => "?" : shall, least: 10 },
    { title: "INSTALLED", text: installed, least: 10 },
    { title: "", text: verdict, style: () => "warning" },
  ], terminal);
  terminal.write(`\n${table.lines(names)}`);
}

function writeLast(terminal: Terminal, events: readonly Event[]): void {
  if (events.length === 0) return;
  const columns = EVENT_COLUMNS.filter(({ title }) => title !== "AGENT");
  terminal.write(`\n${styled(terminal, "Last events", "heading")}\n${new Table(columns, terminal).lines(events)}`);
}

/** `agents forget`: all that are there, and then tells which were not. */
export async function forgetAgents(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const { operands } = invocation;
  const service = Service.of(invocation);
  const named = operands.length === 1 ? `agent ${operands[0]}` : counted(operands.length, "agent");
  if (!await confirmed(invocation, terminal, `Forget ${named}?`)) return 1;
  let missing = 0;
  for (const ip of operands) {
    try {
      await service.ask(pathOf(ip), { method: "DELETE" });
      terminal.write(`${ip} is forgotten\n`);
    } catch (cause) {
      if (!(cause instanceof ServiceError) || cause.status !== 404) throw cause;
      missing++;
      terminal.note(`${ip}: ${cause.message}\n`);
    }
  }
  return missing === 0 ? 0 : 1;
}

/** `agents prune`. */
export async function pruneAgents(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const span = invocation.options.text("older-than");
  if (span === undefined) throw new UsageError("agents prune needs --older-than DURATION", invocation.command.name);
  const service = Service.of(invocation);
  const query = { state: "offline", silentFor: span, size: 1 };
  const names = { silentFor: "--older-than", offline_for: "--older-than" };
  const { total } = await service.askFor(AGENTS, AGENTS_PATH, { query, names });
  const question = `Forget the agents that have been offline for ${span} (${counted(total, "agent")} at most)?`;
  if (total > 0 && !await confirmed(invocation, terminal, question)) return 1;
  const { forgotten } = await service.askFor(z.object({ forgotten: z.number() }), `${AGENTS_PATH}/prune`, {
    method: "POST",
    body: { offline_for: span },
    names,
  });
  terminal.write(`${counted(forgotten, "agent")} forgotten\n`);
  return 0;
}
