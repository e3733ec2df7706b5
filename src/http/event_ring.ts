import { eventRow } from "../events/row.ts";
import type { FleetEvent } from "../fleet/events.ts";

/** How many events are kept. */
export const RING_EVENTS = 1_000;
/** Stands for the place before the first event that there ever was. */
const BEGINNING = "0";

/** An event, and its text once somebody has asked for it. */
interface Kept {
  readonly event: FleetEvent;
  text?: string;
}

/** The last events, each with a place: the number of events before it. */
export class EventRing {
  #kept: Kept[] = [];
  /** The place of the oldest one. */
  #first = 0;
  /** Whether there were events before the oldest one. */
  #hasLost = true;

  /**
   * Takes in what a former run remembers, before what has happened since.
   * @param events the last ones, oldest first
   * @param all whether there are no others
   */
  restore(events: readonly FleetEvent[], all: boolean): void {
    const known = new Set(this.#kept.map(({ event }) => event.id));
    const older = events.filter(({ id }) => !known.has(id)).map((event) => ({ event }));
    this.#kept = [...older, ...this.#kept];
    this.#hasLost = !all;
    this.#trim();
  }

  push(events: readonly FleetEvent[]): void {
    if (events.length > RING_EVENTS) this.#skip(events.length - RING_EVENTS);
    this.#kept.push(...events.slice(-RING_EVENTS).map((event) => ({ event })));
    this.#trim();
  }

  /** The place behind the newest event. */
  get end(): number {
    return this.#first + this.#kept.length;
  }

  /** The id by which a reader who knows everything so far comes back. */
  get newestId(): string {
    return this.#kept.at(-1)?.event.id ?? BEGINNING;
  }

  /** The place behind the event of an id; undefined when that is not known any more. */
  placeBehind(id: string): number | undefined {
    if (id === BEGINNING) return this.#hasLost ? undefined : this.#first;
    const index = this.#kept.findLastIndex(({ event }) => event.id === id);
    return index === -1 ? undefined : this.#first + index + 1;
  }

  /** The text of the event at a place, as a stream has it; undefined where there is none, or none any more. */
  textAt(place: number): string | undefined {
    const kept = this.#kept[place - this.#first];
    if (kept === undefined) return undefined;
    kept.text ??= message("event", { kind: kept.event.kind, ...eventRow(kept.event) }, kept.event.id);
    return kept.text;
  }

  /** These were never here: too many came at once. */
  #skip(count: number): void {
    this.#first += this.#kept.length + count;
    this.#kept = [];
    this.#hasLost = true;
  }

  #trim(): void {
    const excess = this.#kept.length - RING_EVENTS;
    if (excess <= 0) return;
    this.#kept.splice(0, excess);
    this.#first += excess;
    this.#hasLost = true;
  }
}

/** One message of an event stream (HTML standard, section 9.2.6). JSON text has no line ends in it. */
export function message(event: string, data: unknown, id?: string): string {
  return `${id === undefined ? "" : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
