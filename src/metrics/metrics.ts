import { Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import { Durations } from "../durations.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Route } from "../http/route.ts";
import type { Status } from "../status.ts";
import { beatSeries, type BeatSources } from "./beats.ts";
import { EventLoopWatch } from "./event_loop.ts";
import { deliverySeries, type DeliverySources } from "./events.ts";
import { EventCounts, fleetSeries } from "./fleet.ts";
import { HttpRequests } from "./http.ts";
import { mqSeries, type MqSources } from "./mq.ts";
import { processSeries } from "./process.ts";
import { Series } from "./series.ts";
import { serviceSeries, type ServiceSources } from "./service.ts";
import { storeSeries, type StoreSources } from "./store.ts";

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
  readonly #registry = new Registry();
  readonly #loop: EventLoopWatch;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#loop = new EventLoopWatch(clock);
  }

  /** Begins to export these parts, and to watch the event loop; to be called once. */
  start(parts: MetricsParts): void {
    const series = new Series(this.#registry);
    const summary = () => parts.status.summary();
    serviceSeries(series, { ...parts, summary, readiness: () => parts.status.readiness() });
    fleetSeries(series, { ...parts, summary, events: this.events, expiryError: this.expiryError });
    beatSeries(series, parts);
    mqSeries(series, { ...parts, summary });
    deliverySeries(series, { ...parts, clock: this.#clock });
    storeSeries(series, { ...parts, summary });
    this.http.expect(parts.routes);
    this.http.export(series);
    processSeries(series, this.#loop);
    this.#loop.start();
  }

  stop(): void {
    this.#loop.stop();
  }

  /** What {@link text} is. */
  get contentType(): string {
    return this.#registry.contentType;
  }

  /** All figures in Prometheus' text format. */
  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
