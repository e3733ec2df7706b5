import { localTime } from "../fleet/row.ts";

const UNITS = [["d", 86_400], ["h", 3_600], ["m", 60], ["s", 1]] as const;

/** A span of time in its two greatest units: `12s`, `5m 12s`, `3h`, `2d 4h`. */
export function spanText(seconds: number): string {
  let rest = Math.max(0, Math.round(seconds));
  const parts: string[] = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(rest / length);
    rest -= count * length;
    if (count > 0) parts.push(`${count}${unit}`);
    // The second part stands directly beside the first: `2d`, not `2d 5s`.
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0s" : parts.join(" ");
}

/** A moment of the API (RFC 3339) in the local time zone of this machine, to the second. */
export function timeText(at: string): string {
  const ms = Date.parse(at);
  return Number.isNaN(ms) ? at : localTime(ms);
}

/** A number with a comma after each three digits. */
export function countText(count: number): string {
  return count.toLocaleString("en-US");
}

/** `1 agent`, `2 agents`. */
export function counted(count: number, what: string): string {
  return `${countText(count)} ${what}${count === 1 ? "" : "s"}`;
}
