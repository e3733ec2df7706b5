import { continuations, operandText } from "./arguments.ts";
import { type Command, type Invocation, type Option, type Surroundings, UsageError } from "./command.ts";
import { COMMANDS } from "./commands.ts";
import { COMMON_OPTIONS } from "./common_options.ts";
import { wrap } from "./text_width.ts";

/** Columns of a line of help. */
const WIDTH = 80;

/** `help`: the overview, a group such as `agents`, or one command. */
export function help({ operands }: Invocation, { terminal }: Surroundings): number {
  terminal.write(helpText(operands.join(" ")));
  return 0;
}

/**
 * What is there to say about a command.
 * @param name of a command or the first word of several; empty: all of them
 * @throws {UsageError} when there is none
 */
export function helpText(name: string): string {
  if (name === "") return overview();
  const command = COMMANDS.find((each) => each.name === name);
  const group = continuations(name);
  if (command !== undefined) return commandHelp(command, group);
  if (group.length === 0) throw new UsageError(`unknown command "${name}"`);
  return `Usage: elves-heartbeat ${name} ${group.join("|")}\n\n${list(members(name))}\n${more(`${name} ${group[0]}`)}`;
}

function overview(): string {
  return `elves-heartbeat: the liveness registry of an Elves fleet

Usage: elves-heartbeat [COMMAND] [OPTION...]

${list(COMMANDS)}
Options of every command:
${optionLines(COMMON_OPTIONS)}
All but run, check, version, help and completion ask the running service, at
http.host and http.port of the configuration and with its http.token.
${more("agents list")}
Exit codes: 0 fine, 1 a fault was found, something is not there or the service
failed, 2 wrong usage or configuration.
`;
}

function more(example: string): string {
  return `More about a command: elves-heartbeat help ${example}\n`;
}

function members(group: string): Command[] {
  return COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
}

function list(commands: readonly Command[]): string {
  return columns(commands.map(({ name, summary }) => [name, summary]));
}

function commandHelp(command: Command, group: readonly string[]): string {
  const { name, summary, about, operands = [], options = [], examples = [] } = command;
  const usage = [name, ...operands.map(operandText), "[OPTION...]"].join(" ");
  const parts = [
    `Usage: elves-heartbeat ${usage}\n`,
    paragraph(`${summary}.${about === undefined ? "" : ` ${about}`}`),
  ];
  parts.push(`Options:\n${optionLines([...options, ...COMMON_OPTIONS])}`);
  if (examples.length > 0) parts.push(`Examples:\n${examples.map(exampleLines).join("")}`);
  if (group.length > 0) parts.push(`See also:\n${list(members(name))}`);
  return parts.join("\n");
}

function exampleLines([line, effect]: readonly [string, string]): string {
  return `  elves-heartbeat ${line}\n${effect === "" ? "" : `      ${effect}\n`}`;
}

function optionLines(options: readonly Option[]): string {
  return columns(options.map(({ name, value, doc }) => [`--${name}${value === undefined ? "" : ` ${value}`}`, doc]));
}

/** The width of the left column at most; what is wider has a line of its own. */
const LEFT = 22;

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(LEFT, Math.max(...rows.map(([left]) => left.length)));
  const indent = " ".repeat(width + 4);
  return rows.map(([left, right]) => {
    const lines = wrap(right, WIDTH - indent.length).join(`\n${indent}`);
    return left.length > width ? `  ${left}\n${indent}${lines}\n` : `  ${left.padEnd(width)}  ${lines}\n`;
  }).join("");
}

function paragraph(text: string): string {
  return `${wrap(text.charAt(0).toUpperCase() + text.slice(1), WIDTH).join("\n")}\n`;
}
