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
    const { secret, live } = settingOf(key);
    const shown = (value: unknown) => value === undefined ? "nothing" : secret ? "(hidden)" : textOf(value);
    return { key, from: shown(before[key]), to: shown(after[key]), live: live ?? false };
  });
}

/** The first configuration with those settings of the second that can be applied without a restart. */
export function withLive(before: Settings, after: Settings): Settings {
  const live = KEYS.filter((key) => settingOf(key).live).map((key) => [key, after[key]]);
  return Object.freeze({ ...before, ...Object.fromEntries(live) });
}

function textOf(value: unknown): string {
  return value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value);
}
