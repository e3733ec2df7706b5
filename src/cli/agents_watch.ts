import { type AgentRow, AGENTS, SUMMARY, type Summary } from "./answers.ts";
import { AGENT_COLUMNS, agentFilters, agentPages, AGENTS_PATH, FILTER_NAMES } from "./agents_list.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { counted, countText, timeText } from "./format.ts";
import { pause } from "./pause.ts";
import { type Query, Service, ServiceError } from "./service.ts";
import { Table } from "./table.ts";
import { styled, type Terminal } from "./terminal.ts";
import { cut, visible } from "./text_width.ts";

/** How long a list stands before it is asked for again, ms. */
const REFRESH_MS = 1_000;
/** Where all agents are compared, the pause is so many times as long as the asking took: at most a fifth of the time. */
const PAUSE_FACTOR = 4;

// Control functions of ECMA-48, and DEC's for the cursor.
const CLEAR_SCREEN = "\x1b[H\x1b[2J";
const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_BELOW = "\x1b[J";
const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

/** Lines of the screen that are not agents: the summary, the titles, what is left. */
const OTHER_LINES = 3;

/** `agents watch`. */
export async function watchAgents(invocation: Invocation, { terminal, stopped }: Surroundings): Promise<number> {
  const stop = new AbortController();
  stopped().then(() => stop.abort());
  const service = Service.of(invocation);
  const query = agentFilters(invocation);
  if (terminal.size() === undefined) await tellChanges(terminal, { service, query, signal: stop.signal });
  else await redraw(terminal, { service, query, signal: stop.signal });
  return 0;
}

/** What is watched, until when. */
interface Watched {
  readonly service: Service;
  readonly query: Query;
  readonly signal: AbortSignal;
}

async function redraw(terminal: Terminal, { service, query, signal }: Watched): Promise<void> {
  let drawn = "";
  let lines: string[] | undefined;
  terminal.write(HIDE_CURSOR);
  try {
    while (!signal.aborted) {
      const window = terminal.size() ?? { columns: 80, rows: 24 };
      try {
        lines = await screen(terminal, { service, query, signal });
      } catch (cause) {
        if (signal.aborted) break;
        if (lines === undefined || !mayMend(cause)) throw cause;
        const reason = cut(visible(cause.message.split("\n")[0] ?? ""), window.columns - 1);
        lines = [styled(terminal, reason, "bad"), ...lines.slice(1)];
      }
      const size = `${window.columns}x${window.rows}`;
      const begin = size === drawn ? HOME : CLEAR_SCREEN;
      drawn = size;
      terminal.write(begin + lines.map((line) => `${line}${CLEAR_LINE}`).join("\n") + CLEAR_BELOW);
      await pause(REFRESH_MS, signal);
    }
  } finally {
    terminal.write(`${drawn === "" ? "" : "\n"}${SHOW_CURSOR}`);
  }
}

/** The lines of the screen, as many as fit. */
async function screen(terminal: Terminal, { service, query, signal }: Watched): Promise<string[]> {
  const { columns, rows } = terminal.size() ?? { columns: 80, rows: 24 };
  const size = Math.min(1_000, Math.max(1, rows - OTHER_LINES));
  const [summary, { total, agents }] = await Promise.all([
    service.askFor(SUMMARY, "/api/v1/summary", { signal }),
    service.askFor(AGENTS, AGENTS_PATH, { query: { ...query, size }, names: FILTER_NAMES, signal }),
  ]);
  // Not up to the last column, from where clearing the rest of the line would take the last character with it.
  const narrower = { size: () => ({ columns: columns - 1, rows }), colors: terminal.colors };
  const table = new Table(AGENT_COLUMNS, narrower).lines(agents).trimEnd().split("\n");
  const more = total - agents.length;
  return [
    styled(terminal, cut(headline(summary, total), columns - 1), "heading"),
    ...table,
    ...(more > 0 ? [`... ${countText(more)} more`] : []),
  ];
}

function headline({ agents, guard, now_ms }: Summary, total: number): string {
  const { online, suspect, offline } = agents;
  const states = `${countText(online)} online, ${countText(suspect)} suspect, ${countText(offline)} offline`;
  const time = timeText(new Date(now_ms).toISOString()).slice(-8);
  return `${time}  ${states}${guard.on ? "; GUARD ON" : ""}; ${countText(total)} listed`;
}

function mayMend(cause: unknown): cause is ServiceError {
  return cause instanceof ServiceError && (cause.status === undefined || cause.status >= 500);
}

/** Where the output is no terminal: a line for each agent whose state is another, who comes and who goes. */
async function tellChanges(terminal: Terminal, { service, query, signal }: Watched): Promise<void> {
  let before: Map<string, AgentRow["state"]> | undefined;
  while (!signal.aborted) {
    const began = performance.now();
    try {
      const now = new Map<string, AgentRow["state"]>();
      for await (const { agents } of agentPages(service, { ...query, sort: undefined }, Infinity)) {
        for (const { ip, state } of agents) now.set(ip, state);
        if (signal.aborted) return;
      }
      if (before === undefined) terminal.note(`watching ${counted(now.size, "agent")}\n`);
      else terminal.write(changes(before, now));
      before = now;
    } catch (cause) {
      if (before === undefined || !mayMend(cause)) throw cause;
      terminal.note(`${cause.message}\n`);
    }
    await pause(Math.max(REFRESH_MS, PAUSE_FACTOR * (performance.now() - began)), signal);
  }
}

function changes(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string {
  const time = timeText(new Date().toISOString());
  const lines: string[] = [];
  for (const [ip, state] of now) {
    const former = before.get(ip);
    if (former !== state) lines.push(`${time}  ${ip}  ${former ?? "-"} -> ${state}\n`);
  }
  for (const [ip, former] of before) {
    if (!now.has(ip)) lines.push(`${time}  ${ip}  ${former} -> -\n`);
  }
  return lines.join("");
}
