import { errorText } from "../error_text.ts";
import { parseArgs } from "node:util";

/** The words that the program understands. */
export const COMMANDS = ["run", "check", "version", "help"] as const;

/** One of {@link COMMANDS}. */
export type Command = typeof COMMANDS[number];

/** What the command line asks for. */
export interface Arguments {
  readonly command: Command;
  /** Path of the configuration file. */
  readonly config: string;
}

/** A command line that cannot be understood; exit code 2. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** The text of `help`. */
export const HELP = `elves-heartbeat: the liveness registry of an Elves fleet

Usage: elves-heartbeat [COMMAND] [--config FILE]

  run       serve until SIGTERM (the default command)
  check     read the configuration and try RabbitMQ, ZooKeeper and the ports; starts nothing
  version   show version, build and runtime
  help      show this text

  --config FILE   the configuration (default: conf/conf.properties beside the executable)

Exit codes: 0 fine, 1 a fault was found or the service failed, 2 wrong usage or configuration.
`;

/**
 * Reads the command line.
 * @param defaultConfig where the configuration is when nothing else is said
 * @throws {UsageError}
 */
export function parseArguments(args: readonly string[], defaultConfig: string): Arguments {
  let parsed;
  try {
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        config: { type: "string" },
        help: { type: "boolean", short: "h" },
        version: { type: "boolean" },
      },
    });
  } catch (cause) {
    throw new UsageError(errorText(cause), { cause });
  }
  const { values, positionals } = parsed;
  const [word = values.help ? "help" : values.version ? "version" : "run", ...rest] = positionals;
  const command = COMMANDS.find((each) => each === word);
  if (command === undefined) throw new UsageError(`unknown command "${word}"`);
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`);
  return { command: values.help ? "help" : command, config: values.config ?? defaultConfig };
}
