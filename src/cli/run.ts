import { startApp } from "../app.ts";
import { systemClock } from "../clock.ts";
import { loadConfig } from "../config/file.ts";
import { closeLog, openLog, writeToStderr } from "../log.ts";
import { buildInfo } from "../build_info.ts";

/** What the process is told from outside. */
export interface RunOptions {
  /** Path of the configuration file. */
  readonly config: string;
  /** Whether standard error is journald. */
  readonly journal: boolean;
  /** Resolves when the process shall stop, with the reason. */
  readonly stopped: Promise<string>;
}

/**
 * Serves until told to stop.
 * @returns the exit code: 0 after a clean stop, 1 when the service cannot start
 * @throws {ConfigError} when the configuration cannot be used
 */
export async function run({ config, journal, stopped }: RunOptions): Promise<number> {
  const { settings, warnings } = loadConfig(config);
  const log = openLog({ level: settings["log.level"], format: settings["log.format"], journal, write: writeToStderr });
  const { version, commit } = buildInfo();
  log.info("elves-heartbeat {version} ({commit}), configuration {config}", { version, commit, config });
  for (const warning of warnings) log.warn("configuration: {warning}", { warning });
  try {
    const app = await startApp(settings, { log, clock: systemClock });
    log.info("stopping: {reason}", { reason: await stopped });
    await app.stop();
    log.info("stopped");
    return 0;
  } catch (cause) {
    log.error("cannot start: {cause}", { cause });
    return 1;
  } finally {
    closeLog();
  }
}
