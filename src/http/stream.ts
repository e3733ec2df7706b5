import { z } from "zod";
import type { FleetEvent } from "../fleet/events.ts";
import type { Logger } from "../log.ts";
import type { Summary } from "../status.ts";
import { type Store, StoreFault } from "../store/store.ts";
import { readQuery, text } from "./api/parameters.ts";
import { EventRing, message, RING_EVENTS } from "./event_ring.ts";
import { Problem } from "./problem.ts";
import type { Call, Route } from "./route.ts";
import { StreamClient } from "./stream_client.ts";

/** How often clients get a summary, ms. */
const SUMMARY_MS = 1_000;
/** After how many summaries a comment follows, for proxies that end what looks idle. */
const KEEP_ALIVE_TICKS = 15;
/** How many clients there may be. */
const MAX_CLIENTS = 100;
/** For how many seconds a client may leave what waits for it; then it is dropped. */
const MAX_UNREAD_TICKS = 30;
/** How long a client shall wait before it comes back, ms. */
const RETRY_MS = 2_000;

const HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-store, no-transform",
  // nginx would collect the messages otherwise.
  "x-accel-buffering": "no",
};

/**
 * The live stream (server-sent events): a summary a second, made once for all clients and only while there are any, and
 * every event. No client has a queue of its own: each has its place among the last events, and reads at its pace.
 */
export class Stream {
  readonly #ring = new EventRing();
  readonly #summary: () => Summary;
  readonly #clients = new Set<StreamClient>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #ticks = 0;
  #isClosed = false;

  /** @param summary what clients are told every second */
  constructor(summary: () => Summary) {
    this.#summary = summary;
  }

  /** Takes in what the store remembers, so that clients of a former run can resume; what it cannot read is reset. */
  async restore(store: Pick<Store, "events">, log: Logger): Promise<void> {
    try {
      const newestFirst = await store.events({ limit: RING_EVENTS });
      this.#ring.restore(newestFirst.reverse(), newestFirst.length < RING_EVENTS);
    } catch (cause) {
      if (!(cause instanceof StoreFault)) throw cause;
      log.warn("stream: pages that come back have to load everything anew, because the store cannot be read: {cause}", {
        cause,
      });
    }
  }

  /** How many clients there are. */
  get clients(): number {
    return this.#clients.size;
  }

  /** Tells what happened, in order. */
  publish(events: readonly FleetEvent[]): void {
    if (events.length === 0) return;
    this.#ring.push(events);
    for (const client of this.#clients) client.wake();
  }

  /**
   * Begins a stream.
   * @param lastId the id of the last event that the client knows; undefined for one that knows nothing
   * @throws {Problem} 503 when there are too many clients
   */
  open(lastId: string | undefined): ReadableStream<Uint8Array> {
    if (this.#isClosed || this.#clients.size >= MAX_CLIENTS) {
      const why = this.#isClosed ? "the service stops" : `there are ${MAX_CLIENTS} clients already`;
      throw new Problem(503, why, { headers: { "retry-after": "5" } });
    }
    const place = lastId === undefined ? this.#ring.end : this.#ring.placeBehind(lastId);
    const client = new StreamClient(this.#ring, place ?? this.#ring.end, (gone) => this.#remove(gone));
    client.say(`retry: ${RETRY_MS}\n\n`);
    if (place === undefined) client.say(message("reset", {}, this.#ring.newestId));
    // With the id of what it need not be told, a client can come back that never saw an event.
    const id = lastId === undefined ? this.#ring.newestId : undefined;
    client.say(message("summary", this.#summary(), id));
    this.#clients.add(client);
    this.#timer ??= setInterval(() => this.tick(), SUMMARY_MS);
    return client.readable;
  }

  /** Ends the streams of all clients; they may come back, and have to show who they are then. */
  disconnect(): void {
    for (const client of this.#clients) client.end();
  }

  /** Ends everything; nobody can come back. */
  close(): void {
    this.#isClosed = true;
    this.disconnect();
  }

  /** Tells everybody a summary; called once a second while there are clients. */
  tick(): void {
    const summary = message("summary", this.#summary());
    const isPause = ++this.#ticks % KEEP_ALIVE_TICKS === 0;
    for (const client of this.#clients) {
      client.tell(isPause ? `${summary}: keep-alive\n\n` : summary);
      if (client.unreadTicks > MAX_UNREAD_TICKS) client.end();
    }
  }

  #remove(client: StreamClient): void {
    this.#clients.delete(client);
    if (this.#clients.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}

/** The route of the live stream. */
export function streamRoutes(stream: Stream): Route[] {
  return [{ method: "GET", path: "/api/v1/stream", handle: (call) => answer(call, stream) }];
}

const QUESTION = z.object({ last_event_id: text.optional() });

function answer(call: Call, stream: Stream): Response {
  const { request } = call;
  // The header is what a browser sends that comes back by itself.
  const lastId = request.headers.get("last-event-id") ?? readQuery(call, QUESTION).last_event_id;
  return new Response(request.method === "HEAD" ? null : stream.open(lastId), { headers: HEADERS });
}
