import { dirname, join } from "node:path";
import type { Surroundings } from "./cli/command.ts";
import { execute } from "./cli/execute.ts";
import { processTerminal } from "./cli/terminal.ts";

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

const surroundings: Surroundings = {
  terminal: processTerminal({ noColor: Deno.env.get("NO_COLOR"), term: Deno.env.get("TERM") }),
  journal: Deno.env.get("JOURNAL_STREAM") !== undefined,
  systemd: {
    notifySocket: Deno.env.get("NOTIFY_SOCKET"),
    watchdogUsec: Deno.env.get("WATCHDOG_USEC"),
    watchdogPid: Deno.env.get("WATCHDOG_PID"),
  },
  stopped: stopSignal,
  onReload: (listener) => Deno.addSignalListener("SIGHUP", listener),
};

Deno.exit(await execute(Deno.args, defaultConfig(), surroundings));
