import type { Clock } from "../clock.ts";
import { Durations } from "../durations.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Route } from "../http/route.ts";
import type { Status } from "../status.ts";
import type { BeatSources } from "./beats.ts";
import { EventCounts } from "./event_counts.ts";
import { EventLoopWatch } from "./event_loop.ts";
import type { DeliverySources } from "./events.ts";
import type { Exposition } from "./exposition.ts";
import { HttpRequests } from "./http.ts";
import type { MqSources } from "./mq.ts";
import type { ServiceSources } from "./service.ts";
import type { StoreSources } from "./store.ts";

/** The parts whose figures are exported. */
export interface MetricsParts
  extends
    BeatSources,
    Pick<DeliverySources, "events">,
    Pick<MqSources, "broker">,
    Pick<ServiceSources, "registrar">,
    Pick<StoreSources, "store"> {
  readonly fleet: Pick<Fleet, "stats">;
  readonly status: Pick<Status, "summary" | "readiness">;
  /** Everything that is answered over HTTP. */
  readonly routes: readonly Route[];
}

/**
 * The figures of one running service for Prometheus. What the rooms count they count themselves, here it is only read,
 * at each scrape, and at the same cost in a fleet of any size; only what belongs to no room is counted here.
 */
export class Metrics {
  /** How long after it was due an agent was called offline. */
  readonly expiryError = new Durations([50, 100, 250, 500, 750, 1_000, 2_500, 10_000]);
  /** What happened. */
  readonly events = new EventCounts();
  readonly http = new HttpRequests();
  readonly #clock: Clock;
  readonly #loop: EventLoopWatch;
  #parts: MetricsParts | undefined;
  #exposition: Promise<Exposition> | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#loop = new EventLoopWatch(clock);
  }

  /** Begins to export these parts, and to watch the event loop; to be called once. */
  start(parts: MetricsParts): void {
    this.#parts = parts;
    this.http.expect(parts.routes);
    this.#loop.start();
  }

  stop(): void {
    this.#loop.stop();
  }

  /** What is exported. Loaded when it is first asked for: a start has no use for it, and would take 25 ms longer. */
  exposition(): Promise<Exposition> {
    return this.#exposition ??= this.#load().catch((cause) => {
      this.#exposition = undefined;
      throw cause;
    });
  }

  async #load(): Promise<Exposition> {
    const parts = this.#parts;
    if (parts === undefined) throw new Error("no parts to export yet");
    const { Exposition } = await import("./exposition.ts");
    const own = { expiryError: this.expiryError, happened: this.events, http: this.http };
    return new Exposition(parts, { clock: this.#clock, loop: this.#loop, ...own });
  }
}
