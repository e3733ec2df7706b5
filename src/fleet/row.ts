import type { Agent, Instant } from "./agent.ts";

/** How many minutes' texts are kept; agents that are online have beaten within the last few. */
const MAX_MINUTES = 64;
const minuteTexts = new Map<number, string>();

/** A moment as `yyyy-MM-dd HH:mm:ss` in the server's own time zone, which is what peers parse (PROTOCOL.md section 2). */
export function localTime(wallMs: number): string {
  const minute = Math.floor(wallMs / 60_000);
  let text = minuteTexts.get(minute);
  if (text === undefined) {
    text = minuteText(new Date(minute * 60_000));
    if (minuteTexts.size >= MAX_MINUTES) minuteTexts.clear();
    minuteTexts.set(minute, text);
  }
  return text + twoDigits(Math.floor(wallMs / 1000) - minute * 60);
}

function minuteText(date: Date): string {
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:`;
}

function twoDigits(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/**
 * The JSON text of an agent's row: the four fields of the seed, then ours. It is put together by hand because lists
 * have up to a million of them and the app map already is JSON text.
 *
 * Ours: `state`; `since`, when that state began (RFC 3339, UTC); `version` of the agent; `silent_seconds` since its
 * last beat; `last_hb_ms`, the last beat in ms since the epoch; with a faulty app map `apps_fault` and `apps_raw`; with
 * an odd identity `peer`, the address it beats from where it claims another, and
 * `duplicate`, what two machines seem to share and when that was last seen.
 *
 * @param more JSON text of further members, each with a comma before it
 */
export function agentRow(agent: Agent, now: Instant, more = ""): string {
  const silentSeconds = Math.max(0, Math.floor((now.monotonic - agent.lastBeatMs) / 1000));
  // The clock of another instance of a cluster, at which the beat came, may be ahead of this one.
  const lastSeenMs = Math.min(Math.floor(agent.lastSeenMs), now.wall);
  return `{"ip":"${agent.ip}","asset":${JSON.stringify(agent.asset)}` +
    `,"last_hb_time":"${localTime(lastSeenMs)}","apps":${agent.appsJson},"state":"${agent.state}"` +
    `,"since":"${new Date(Math.min(agent.sinceMs, now.wall)).toISOString()}","version":${
      JSON.stringify(agent.version)
    }` +
    `,"silent_seconds":${silentSeconds},"last_hb_ms":${Math.floor(lastSeenMs)}${oddParts(agent)}${more}}`;
}

function oddParts({ appsFault, appsText, oddities }: Agent): string {
  let parts = "";
  if (appsFault !== undefined) {
    parts += `,"apps_fault":${JSON.stringify(appsFault)},"apps_raw":${JSON.stringify(appsText)}`;
  }
  if (oddities === undefined) return parts;
  if (oddities.peer !== undefined && oddities.peer !== "") parts += `,"peer":${JSON.stringify(oddities.peer)}`;
  if (oddities.conflict !== undefined && oddities.conflictAt !== undefined) {
    const at = new Date(oddities.conflictAt.wall).toISOString();
    parts += `,"duplicate":{"reason":"${oddities.conflict}","at":"${at}"}`;
  }
  return parts;
}
