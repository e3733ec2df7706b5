import { ConfigError } from "../config/file.ts";
import { parseArguments } from "./arguments.ts";
import { CommandError, type Surroundings, UsageError } from "./command.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Does what a command line asks for.
 * @param defaultConfig where the configuration is when nothing else is said
 * @returns the exit code: 0 fine, 1 a fault was found, something is not there or the service failed, 2 wrong usage or
 * configuration
 */
export async function execute(
  args: readonly string[],
  defaultConfig: string,
  surroundings: Surroundings,
): Promise<number> {
  try {
    const invocation = parseArguments(args, defaultConfig);
    const handler = await invocation.command.load();
    return await handler(invocation, surroundings);
  } catch (cause) {
    // Whoever read the output has seen enough.
    if (cause instanceof Deno.errors.BrokenPipe) return 0;
    return explain(cause, surroundings.terminal);
  }
}

/** Says why the command could not be done. @returns the exit code */
function explain(cause: unknown, terminal: Terminal): number {
  if (cause instanceof UsageError) {
    const help = ["elves-heartbeat", "help", cause.command].filter((word) => word !== undefined).join(" ");
    terminal.note(`${cause.message}\nsee: ${help}\n`);
    return 2;
  }
  if (cause instanceof ConfigError) {
    terminal.note([cause.message, ...cause.warnings.map((warning) => `warning: ${warning}`), ""].join("\n"));
    return 2;
  }
  if (!(cause instanceof CommandError)) throw cause;
  terminal.note(`${cause.message}\n`);
  return cause.exitCode;
}
