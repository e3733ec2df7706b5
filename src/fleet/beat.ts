import { errorText } from "../error_text.ts";
import { canonicalAddress } from "./address.ts";

/** The longest asset name, characters (PROTOCOL.md section 1). */
export const MAX_ASSET_LENGTH = 255;
/** The longest agent version that is kept, characters; the rest is cut off. */
const MAX_VERSION_LENGTH = 255;

/** The longest app name or version that is read in an agent's app map, characters. */
const MAX_APP_TEXT_LENGTH = 1_000;
/**
 * A text in JSON that is longer. V8 looks every key up among all that it knows and takes the length of one of 16,384
 * characters or more for its hash: 2,000 beats with different ones of one length took 40 s to parse.
 */
const LONG_TEXT = new RegExp(`"(?:[^"\\\\]|\\\\.){${MAX_APP_TEXT_LENGTH + 1}}`, "s");

/** One heartbeat with an identity that can be one. */
export interface Beat {
  /** The agent's address in canonical form; one agent, one address. */
  readonly ip: string;
  /** The asset name; may be empty. */
  readonly asset: string;
  /** The version of the agent itself; may be empty. */
  readonly version: string;
  /** What the agent says it has installed, as it came: the text of a JSON object, app name to version. */
  readonly apps: string;
}

/** A beat whose sender cannot be told: it is refused and leaves no row. */
export class IdentityError extends Error {
  override name = "IdentityError";
}

/**
 * Reads a beat as it came from the wire.
 * @throws {IdentityError} naming the field, what it must be and what came
 */
export function parseBeat(info: Beat): Beat {
  const ip = canonicalAddress(info.ip);
  if (ip === undefined) {
    throw new IdentityError(`ip must be an IPv4 or IPv6 address, ${quote(info.ip)} came`);
  }
  if (info.asset.length > MAX_ASSET_LENGTH) {
    throw new IdentityError(`id (asset) must have at most ${MAX_ASSET_LENGTH} characters, ${info.asset.length} came`);
  }
  if (/\p{Cc}/u.test(info.asset)) {
    throw new IdentityError(`id (asset) must have no control characters, ${quote(info.asset)} came`);
  }
  return { ip, asset: info.asset, version: shortened(info.version), apps: info.apps };
}

/** V8 keeps a whole text alive for a part of it, so the part is copied. */
function shortened(version: string): string {
  if (version.length <= MAX_VERSION_LENGTH) return version;
  return JSON.parse(JSON.stringify(version.slice(0, MAX_VERSION_LENGTH)));
}

function quote(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}...` : text);
}

/** An agent's app map as it is shown, and what was wrong with the text it came in. */
export interface InstalledApps {
  /** The text of a JSON object whose values are strings; `{}` when none could be read. */
  readonly json: string;
  /** What was wrong, or undefined. */
  readonly fault: string | undefined;
}

/**
 * Reads the app map that an agent sends along. What cannot be read costs only itself: a text that is no JSON object
 * gives no apps, a value that is no version leaves its app out; both are told in `fault`.
 */
export function parseInstalledApps(text: string): InstalledApps {
  if (text.trim() === "") return { json: "{}", fault: undefined };
  if (text.length > MAX_APP_TEXT_LENGTH && LONG_TEXT.test(text)) {
    return { json: "{}", fault: `apps has a text of more than ${MAX_APP_TEXT_LENGTH} characters` };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { json: "{}", fault: `apps is not JSON: ${errorText(cause)}` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { json: "{}", fault: "apps is not a JSON object" };
  }
  return installedApps(value);
}

function installedApps(value: object): InstalledApps {
  if (Object.values(value).every((version) => typeof version === "string")) {
    return { json: JSON.stringify(value), fault: undefined };
  }
  const pairs: string[] = [];
  let fault: string | undefined;
  for (const [app, version] of Object.entries(value)) {
    if (typeof version === "string" || typeof version === "number") {
      pairs.push(`${JSON.stringify(app)}:${JSON.stringify(String(version))}`);
    } else fault = `the version of app ${quote(app)} is not a text`;
  }
  return { json: `{${pairs.join(",")}}`, fault };
}
