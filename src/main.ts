import { dirname, join } from "node:path";
import { buildInfo } from "./build_info.ts";
import { check } from "./cli/check.ts";
import { type Arguments, HELP, parseArguments, UsageError } from "./cli/arguments.ts";
import { run } from "./cli/run.ts";
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

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function printError(text: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
}

function versionText(): string {
  const { version, commit, runtime } = buildInfo();
  return `elves-heartbeat ${version} (${commit})\nDeno ${Deno.version.deno}, ${runtime}\n`;
}

async function execute({ command, config }: Arguments): Promise<number> {
  switch (command) {
    case "run":
      return await run({
        config,
        journal: Deno.env.get("JOURNAL_STREAM") !== undefined,
        systemd: {
          notifySocket: Deno.env.get("NOTIFY_SOCKET"),
          watchdogUsec: Deno.env.get("WATCHDOG_USEC"),
          watchdogPid: Deno.env.get("WATCHDOG_PID"),
        },
        stopped: stopSignal(),
        onReload: (listener) => Deno.addSignalListener("SIGHUP", listener),
      });
    case "check":
      return await check(config, print);
    case "version":
      print(versionText());
      return 0;
    case "help":
      print(HELP);
      return 0;
  }
}

async function main(): Promise<number> {
  try {
    return await execute(parseArguments(Deno.args, defaultConfig()));
  } catch (cause) {
    if (cause instanceof UsageError) printError(`${cause.message}\n\n${HELP}`);
    else if (cause instanceof ConfigError) printError(cause.message);
    else throw cause;
    return 2;
  }
}

Deno.exit(await main());
