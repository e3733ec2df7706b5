import { type Finding, findingText, readConfig } from "./config.ts";
import type { Settings } from "./schema.ts";

/** A configuration that cannot be used; exit code 2. The message holds every fault, one a line. */
export class ConfigError extends Error {
  override name = "ConfigError";
  /** Odd things in it besides, one line each. */
  readonly warnings: readonly string[];

  constructor(message: string, { cause, warnings = [] }: { cause?: unknown; warnings?: readonly string[] } = {}) {
    super(message, { cause });
    this.warnings = warnings;
  }
}

/** A configuration file that can be used. */
export interface LoadedConfig {
  readonly settings: Settings;
  /** Odd things in it, one line each, ready to be shown. */
  readonly warnings: readonly string[];
}

/**
 * Loads a configuration file.
 * @throws {ConfigError} with every fault at once
 */
export function loadConfig(path: string): LoadedConfig {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(Deno.readFileSync(path));
  } catch (cause) {
    const reason = cause instanceof TypeError
      ? "it is not UTF-8"
      : cause instanceof Error
      ? cause.message.replace(/: \w+ '.*'$/, "")
      : String(cause);
    throw new ConfigError(`${path}: cannot be read: ${reason}`, { cause });
  }
  const result = readConfig(text, { readFile: Deno.readTextFileSync });
  const lines = (findings: readonly Finding[]) => findings.map((finding) => findingText(path, finding));
  const warnings = lines(result.warnings);
  if ("faults" in result) throw new ConfigError(lines(result.faults).join("\n"), { warnings });
  return { settings: result.settings, warnings };
}
