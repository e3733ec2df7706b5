import { z } from "zod";
import { SILENCE, type Silence } from "./answers.ts";
import { type Invocation, type Surroundings, UsageError } from "./command.ts";
import { counted, countText, timeText } from "./format.ts";
import { Service, ServiceError } from "./service.ts";
import { type Column, Table } from "./table.ts";

const PATH = "/api/v1/silences";

const LIST = z.object({ silences: z.array(SILENCE) });

const COLUMNS: readonly Column<Silence>[] = [
  { title: "ID", text: ({ id }) => id },
  { title: "UNTIL", text: ({ until }) => timeText(until) },
  { title: "AGENTS", text: ({ agents }) => countText(agents), align: "right" },
  { title: "WHICH", text: whichText, least: 12 },
  { title: "BY", text: ({ by }) => by, least: 5 },
  { title: "REASON", text: ({ reason }) => reason, least: 8 },
];

function whichText({ cidr, asset }: Silence): string {
  return [cidr, asset].filter((part) => part !== null).join(" and ");
}

/** `silence list`. */
export async function list(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  const answer = await service.ask(PATH);
  if (invocation.options.has("json")) {
    terminal.write(`${JSON.stringify(answer)}\n`);
    return 0;
  }
  const { silences } = service.understood(LIST, answer, PATH);
  if (silences.length === 0) terminal.note("no silences\n");
  else terminal.write(new Table(COLUMNS, terminal).lines(silences));
  return 0;
}

/** `silence add`. */
export async function add(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const { options, command } = invocation;
  if (!options.has("cidr") && !options.has("asset")) {
    throw new UsageError("silence add needs --cidr or --asset: which agents", command.name);
  }
  if (options.has("for") === options.has("until")) {
    throw new UsageError("silence add needs either --for or --until: how long", command.name);
  }
  const names = ["cidr", "asset", "for", "until", "reason"].filter((name) => options.has(name));
  const body = Object.fromEntries(names.map((name) => [name, options.text(name)]));
  const service = Service.of(invocation);
  const answer = await service.ask(PATH, { method: "POST", body });
  const { id, until, agents } = service.understood(SILENCE, answer, PATH);
  if (options.has("json")) terminal.write(`${JSON.stringify(answer)}\n`);
  else terminal.write(`silence ${id} until ${timeText(until)}, ${counted(agents, "agent")} now\n`);
  return 0;
}

/** `silence remove`. */
export async function remove(invocation: Invocation, { terminal }: Surroundings): Promise<number> {
  const service = Service.of(invocation);
  let missing = 0;
  for (const id of invocation.operands) {
    try {
      await service.ask(`${PATH}/${encodeURIComponent(id)}`, { method: "DELETE" });
      terminal.write(`silence ${id} is ended\n`);
    } catch (cause) {
      if (!(cause instanceof ServiceError) || cause.status !== 404) throw cause;
      missing++;
      terminal.note(`${id}: ${cause.message}\n`);
    }
  }
  return missing === 0 ? 0 : 1;
}
