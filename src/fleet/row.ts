import type { Agent, Instant } from "./agent.ts";

/** How many minutes' texts are kept: a day's. Agents that are online have beaten within the last few. */
const MAX_MINUTES = 1_440;

/**
 * Texts of moments, each minute's written once: what a Date makes of a moment takes two thirds of the time of a whole
 * row (measured).
 */
class MinuteTexts {
  readonly #texts = new Map<number, string>();
  readonly #write: (minute: Date) => string;

  /** @param write what stands before the seconds */
  constructor(write: (minute: Date) => string) {
    this.#write = write;
  }

  /** Everything before the seconds of a moment. @param minute minutes since the epoch */
  before(minute: number): string {
    let text = this.#texts.get(minute);
    if (text === undefined) {
      text = this.#write(new Date(minute * 60_000));
      if (this.#texts.size >= MAX_MINUTES) this.#texts.clear();
      this.#texts.set(minute, text);
    }
    return text;
  }
}

const localMinutes = new MinuteTexts((date) => {
  const day = `${date.getFullYear()}-${twoDigits(date.getMonth() + 1)}-${twoDigits(date.getDate())}`;
  return `${day} ${twoDigits(date.getHours())}:${twoDigits(date.getMinutes())}:`;
});
const utcMinutes = new MinuteTexts((date) => date.toISOString().slice(0, -"00.000Z".length));

/** A moment as `yyyy-MM-dd HH:mm:ss` in the server's own time zone, which is what peers parse (PROTOCOL.md section 2). */
export function localTime(wallMs: number): string {
  const minute = Math.floor(wallMs / 60_000);
  return localMinutes.before(minute) + twoDigits(Math.floor(wallMs / 1000) - minute * 60);
}

/** A moment as RFC 3339 in UTC with milliseconds, as `Date.toISOString` has it. */
export function utcTime(wallMs: number): string {
  const ms = Math.floor(wallMs);
  const minute = Math.floor(ms / 60_000);
  const rest = ms - minute * 60_000;
  const seconds = Math.floor(rest / 1000);
  return `${utcMinutes.before(minute)}${twoDigits(seconds)}.${String(rest - seconds * 1000).padStart(3, "0")}Z`;
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
    `,"since":"${utcTime(Math.min(agent.sinceMs, now.wall))}","version":${JSON.stringify(agent.version)}` +
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
