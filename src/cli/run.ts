import type { App } from "../app.ts";
import { systemClock } from "../clock.ts";
import { ConfigError, loadConfig } from "../config/file.ts";
import type { Settings } from "../config/schema.ts";
import { closeLog, type Logger, openLog, writeToStderr } from "../log.ts";
import { buildInfo } from "../build_info.ts";
import { Opening } from "../opening.ts";
import type { Invocation, Surroundings } from "./command.ts";
import { ServiceManager } from "../systemd/service_manager.ts";

/**
 * Serves until told to stop.
 * @returns the exit code: 0 after a clean stop, 1 when the service cannot start
 * @throws {ConfigError} when the configuration cannot be used
 */
export async function run({ config }: Invocation, surroundings: Surroundings): Promise<number> {
  const { journal, systemd, onReload } = surroundings;
  const stopped = surroundings.stopped();
  const { settings, warnings } = loadConfig(config);
  const open = (level: Settings["log.level"]) =>
    openLog({ level, format: settings["log.format"], journal, write: writeToStderr });
  const log = open(settings["log.level"]);
  const { version, commit } = buildInfo();
  log.info("elves-heartbeat {version} ({commit}), configuration {config}", { version, commit, config });
  for (const warning of warnings) log.warn("configuration: {warning}", { warning });
  const manager = new ServiceManager(systemd, { log, clock: systemClock });
  manager.starting();
  let app: App | undefined;
  let isDue = false;
  const reload = () => {
    isDue = app === undefined;
    const next = app === undefined ? undefined : reread(config, log);
    if (next === undefined) return;
    open(next["log.level"]);
    app?.reload(next);
  };
  // From the first moment on: without a listener the signal would end the process.
  onReload(() => manager.reloading(reload));
  try {
    app = await start(settings, log);
    if (isDue) reload();
    const { pulse, status } = app;
    manager.ready({ pulse, summary: () => status.summary() });
    const reason = await stopped;
    log.info("stopping: {reason}", { reason });
    await manager.stopping(reason);
    await app.stop();
    log.info("stopped");
    return 0;
  } catch (cause) {
    log.error("cannot start: {cause}", { cause });
    return 1;
  } finally {
    await manager.close();
    closeLog();
  }
}

/** In a function of its own, so that what was remembered is not kept for as long as the service runs. */
async function start(settings: Settings, log: Logger): Promise<App> {
  const opening = new Opening(settings, { log, clock: systemClock });
  const { startApp } = await import("../app.ts");
  return await startApp(settings, { log, clock: systemClock, opening });
}

/** The configuration as it is now; undefined, and everything stays as it was, when it cannot be used. */
function reread(config: string, log: Logger): Settings | undefined {
  try {
    const { settings, warnings } = loadConfig(config);
    for (const warning of warnings) log.warn("configuration: {warning}", { warning });
    return settings;
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    for (const fault of cause.message.split("\n")) log.error("reload: {fault}", { fault });
    log.error("reload: the configuration has faults, nothing was changed");
    return undefined;
  }
}
