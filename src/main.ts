import { dirname, join } from "node:path";
import { parseArguments } from "./cli/arguments.ts";
import { CommandError, type Surroundings, UsageError } from "./cli/command.ts";
import { processTerminal, type Terminal } from "./cli/terminal.ts";
import { ConfigError } from "./config/file.ts";

/** How long a stop may take before the process ends all the same, ms. */
const HARD_STOP_MS = 5_000;

const SIGNALS = ["SIGTERM", "SIGINT"] as const;

/** conf/conf.properties beside the executable, or beside the sources. */
function defaultConfig(): string {
  const home = Deno.build.standalone ? dirname(Deno.execPath()) : join(import.meta.dirname ?? ".", "..");
  return join(home, "conf", "conf.properties");
}

/** Resolves at the first signal that asks for a stop; a second one, or a stop that hangs, ends the process. */
function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    let stopping = false;
    for (const signal of SIGNALS) {
      Deno.addSignalListener(signal, () => {
        if (stopping) Deno.exit(1);
        stopping = true;
        Deno.unrefTimer(setTimeout(() => Deno.exit(1), HARD_STOP_MS));
        resolve(signal);
      });
    }
  });
}

function surroundings(terminal: Terminal): Surroundings {
  return {
    terminal,
    journal: Deno.env.get("JOURNAL_STREAM") !== undefined,
    systemd: {
      notifySocket: Deno.env.get("NOTIFY_SOCKET"),
      watchdogUsec: Deno.env.get("WATCHDOG_USEC"),
      watchdogPid: Deno.env.get("WATCHDOG_PID"),
    },
    stopped: stopSignal,
    onReload: (listener) => Deno.addSignalListener("SIGHUP", listener),
  };
}

async function main(terminal: Terminal): Promise<number> {
  try {
    const invocation = parseArguments(Deno.args, defaultConfig());
    const handler = await invocation.command.load();
    return await handler(invocation, surroundings(terminal));
  } catch (cause) {
    // Whoever read the output has seen enough.
    if (cause instanceof Deno.errors.BrokenPipe) return 0;
    return explain(cause, terminal);
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

Deno.exit(await main(processTerminal({ noColor: Deno.env.get("NO_COLOR"), term: Deno.env.get("TERM") })));
