import { isLoopback } from "../fleet/address.ts";
import { appSource } from "./config.ts";
import { type Key, KEYS, settingOf, type Settings } from "./schema.ts";

/** One setting that differs between two configurations. */
export interface Difference {
  readonly key: Key;
  /** Both values as they may be shown; a secret's are hidden. */
  readonly from: string;
  readonly to: string;
  /** Whether it can be applied without a restart. */
  readonly live: boolean;
}

/** What has changed between two configurations. */
export function differences(before: Settings, after: Settings): Difference[] {
  return KEYS.filter((key) => textOf(before[key]) !== textOf(after[key])).map((key) => {
    const { secret } = settingOf(key);
    const shown = (value: unknown) => value === undefined ? "nothing" : secret ? "(hidden)" : textOf(value);
    return { key, from: shown(before[key]), to: shown(after[key]), live: isLive(key, before, after) };
  });
}

/** The first configuration with those settings of the second that can be applied without a restart. */
export function withLive(before: Settings, after: Settings): Settings {
  const live = KEYS.filter((key) => isLive(key, before, after)).map((key) => [key, after[key]]);
  return Object.freeze({ ...before, ...Object.fromEntries(live) });
}

/**
 * Whether a change can be applied. The apps of a configuration that takes them from elsewhere cannot: it need not name
 * any, and every agent would remove all its apps. Nor can tokens go that only another http.host, which waits for a
 * restart, makes needless: everybody on the network could change everything until then.
 */
function isLive(key: Key, before: Settings, after: Settings): boolean {
  if (key === "auth.localAppInfo" && appSource(before) !== appSource(after)) return false;
  if (key === "http.token" && after[key] === undefined && !isLoopback(before["http.host"])) return false;
  // Without it the port over TLS goes, which it does not before a restart.
  if ((key === "thrift.tls.cert" || key === "thrift.tls.key") && after[key] === undefined) return false;
  return settingOf(key).live ?? false;
}

function textOf(value: unknown): string {
  if (value instanceof Set) return [...value].join(", ");
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
