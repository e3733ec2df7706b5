import { authority, localHost } from "../fleet/address.ts";
import { ConfigError } from "../config/file.ts";
import { readProperties, withoutComment } from "../config/properties.ts";
import { settingOf, type Settings } from "../config/schema.ts";
import { errorText } from "../error_text.ts";

/** Where the running service answers, and how it knows us. */
export interface Endpoint {
  /** Such as `http://127.0.0.1:11103`. */
  readonly base: string;
  readonly token: string | undefined;
  /** Path of the configuration that says so. */
  readonly config: string;
}

/**
 * Reads from a configuration where the service answers. Faults of other keys do not matter: the service that runs has
 * read the file before they came in.
 * @throws {ConfigError}
 */
export function readEndpoint(config: string): Endpoint {
  const given = new Map(
    readProperties(readFile(config, config)).properties.map((property) => [property.key, property]),
  );
  const value = <K extends keyof Settings>(key: K): Settings[K] | undefined => {
    const { type, default: fallback, freeText = false } = settingOf(key);
    const property = given.get(key);
    const text = freeText ? property?.value : withoutComment(property?.value ?? "");
    const chosen = text === undefined || text === "" ? fallback : text;
    if (chosen === undefined) return undefined;
    const result = type.safeParse(chosen);
    if (result.success) return result.data as Settings[K];
    throw new ConfigError(`${config}:${property?.line}: ${key} must be ${result.error.issues[0]?.message}`);
  };
  const port = value("http.port");
  if (port === undefined || port === 0) {
    throw new ConfigError(
      `${config}: http.port = 0 takes a free port that only the log of the service tells; name one`,
    );
  }
  const base = `http://${authority(localHost(value("http.host") ?? ""), port)}`;
  const file = value("http.tokenFile");
  const tokens = file === undefined ? value("http.token") : tokensIn(file, config);
  return { base, token: tokens?.[0]?.secret, config };
}

function tokensIn(file: string, config: string): Settings["http.token"] {
  const result = settingOf("http.token").type.safeParse(readFile(file, config).replace(/\r?\n$/, ""));
  if (result.success) return result.data as Settings["http.token"];
  throw new ConfigError(`${file} (http.tokenFile in ${config}) must hold ${result.error.issues[0]?.message}`);
}

function readFile(path: string, config: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (cause) {
    const what = path === config ? path : `${path} (http.tokenFile in ${config})`;
    if (cause instanceof Deno.errors.PermissionDenied) {
      const advice = "run this as root, or as a member of the group elves-heartbeat";
      throw new ConfigError(`${what}: this user may not read it; ${advice}`, { cause });
    }
    if (cause instanceof Deno.errors.NotFound) {
      throw new ConfigError(`${what}: there is no such file; name the configuration with --config FILE`, { cause });
    }
    throw new ConfigError(`${what}: cannot be read: ${errorText(cause)}`, { cause });
  }
}
