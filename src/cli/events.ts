import { z } from "zod";
import { retryDelayMs } from "../backoff.ts";
import { EVENT, type Event } from "./answers.ts";
import { type Invocation, type Surroundings, UsageError } from "./command.ts";
import { spanText, timeText } from "./format.ts";
import { type Query, Service, ServiceError } from "./service.ts";
import { type ServerSentEvent, serverSentEvents } from "./sse.ts";
import { type Column, Table } from "./table.ts";
import { pause } from "./pause.ts";
import type { Style, Terminal } from "./terminal.ts";

const PATH = "/api/v1/events";
const STREAM_PATH = "/api/v1/stream";
const DEFAULT_EVENTS = 20;
const MOST_EVENTS = 1_000;

const PAGE = z.object({ events: z.array(EVENT), next: z.unknown() });

const STYLES: Readonly<Record<string, Style>> = {
  agentOnline: "good",
  agentOffline: "bad",
  agentFlapping: "warning",
  duplicateIdentity: "warning",
  guardOn: "bad",
  guardOff: "good",
  catalogHeld: "warning",
};

/** The columns of a list of events. */
export const EVENT_COLUMNS: readonly Column<Event>[] = [
  { title: "TIME", text: ({ at }) => timeText(at) },
  { title: "EVENT", text: ({ kind }) => kind, style: ({ kind }) => STYLES[kind] },
  { title: "AGENT", text: ({ ip, asset }) => ip === undefined ? "-" : `${ip} ${asset ?? ""}`.trimEnd(), least: 15 },
  { title: "WHAT", text: detailsText, least: 15 },
];

/** Fields that have a column of their own, or say the same in another form. */
const SHOWN: ReadonlySet<string> = new Set(
  ["kind", "id", "ip", "asset", "at", "at_ms", "since", "last_hb_time", "last_hb_ms", "away_seconds"],
);

/** What only this kind of event has to tell. */
function detailsText(event: Event): string {
  const { kind, who, action, what, result } = event;
  if (kind === "audit") return [who, action, what, result].filter((part) => typeof part === "string").join(": ");
  const parts: string[] = [];
  const away = event.away_seconds;
  if (typeof away === "number" && away > 0) parts.push(`away ${spanText(away)}`);
  for (const [name, value] of Object.entries(event)) {
    if (SHOWN.has(name) || value === null || value === "") continue;
    if (value === true) parts.push(name);
    else parts.push(`${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
  }
  return parts.join(", ");
}

/** Events of the past that match, oldest first. */
export async function pastEvents(service: Service, query: Query): Promise<Event[]> {
  return (await service.askFor(PAGE, PATH, { query })).events.reverse();
}

/** `events`. */
export async function events(invocation: Invocation, surroundings: Surroundings): Promise<number> {
  const { options } = invocation;
  const limit = options.count("limit", DEFAULT_EVENTS);
  if (limit < 1 || limit > MOST_EVENTS) {
    throw new UsageError(`--limit must be a whole number from 1 to ${MOST_EVENTS}, "${limit}" came`, "events");
  }
  const service = Service.of(invocation);
  const query = { ip: options.text("ip"), kind: options.text("kind"), limit };
  if (options.has("follow")) return await follow(invocation, surroundings, { service, query });
  const { terminal } = surroundings;
  if (options.has("json")) {
    terminal.write(`${JSON.stringify(await service.ask(PATH, { query }))}\n`);
    return 0;
  }
  const past = await pastEvents(service, query);
  if (past.length === 0) terminal.note("no events\n");
  else terminal.write(new Table(EVENT_COLUMNS, terminal).lines(past));
  return 0;
}

/** Shows the past and goes on with what happens; comes back after every loss of the service. */
async function follow(
  { options }: Invocation,
  { terminal, stopped }: Surroundings,
  { service, query }: { service: Service; query: { ip: string | undefined; kind: string | undefined; limit: number } },
): Promise<number> {
  const stop = new AbortController();
  stopped().then(() => stop.abort());
  const write = eventWriter(terminal, options.has("json"));
  const kinds = query.kind?.split(",");
  const isWanted = ({ kind, ip }: Event) =>
    (kinds === undefined || kinds.includes(kind)) && (query.ip === undefined || ip === query.ip);
  let shown: ReadonlySet<string> | undefined;
  for await (const { event: type, data } of liveMessages(service, terminal, stop.signal)) {
    if (shown === undefined) {
      // The stream is open by now, so that nothing falls between the past and the present.
      const past = await pastEvents(service, query);
      shown = new Set(past.map(({ id }) => id));
      write(past);
    }
    if (type === "reset") terminal.note("some events were missed; elves-heartbeat events shows the last ones\n");
    if (type !== "event") continue;
    const event = EVENT.parse(JSON.parse(data));
    if (isWanted(event) && !shown.has(event.id)) write([event]);
  }
  return 0;
}

function eventWriter(terminal: Terminal, isJson: boolean): (events: readonly Event[]) => void {
  if (isJson) return (events) => terminal.write(events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  const table = new Table(EVENT_COLUMNS, terminal);
  return (events) => {
    if (events.length > 0) terminal.write(table.lines(events));
  };
}

/**
 * The messages of the live stream, until the signal. A loss is told and mended; what was missed comes then.
 * @throws {ServiceError} when the first connection fails, or a later one for a reason that waiting does not mend
 */
async function* liveMessages(
  service: Service,
  terminal: Terminal,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent, void, void> {
  let lastId: string | undefined;
  let isFirst = true;
  for (let failures = 1;; failures++) {
    try {
      const headers: Record<string, string> = lastId === undefined ? {} : { "last-event-id": lastId };
      for await (const message of serverSentEvents(service.stream(STREAM_PATH, { headers, signal }))) {
        isFirst = false;
        failures = 0;
        lastId = message.id ?? lastId;
        yield message;
      }
      if (!signal.aborted) terminal.note("the service has ended the stream; trying again\n");
    } catch (cause) {
      if (signal.aborted) return;
      const mayMend = cause instanceof ServiceError && (cause.status === undefined || cause.status >= 500);
      if (isFirst || !mayMend) throw cause;
      if (failures === 1) terminal.note(`${cause.message}\ntrying again\n`);
    }
    if (signal.aborted) return;
    await pause(retryDelayMs(failures), signal);
  }
}
