import { Registry } from "prom-client";
import type { Clock } from "../clock.ts";
import type { Durations } from "../durations.ts";
import { beatSeries } from "./beats.ts";
import type { EventCounts } from "./event_counts.ts";
import type { EventLoopWatch } from "./event_loop.ts";
import { deliverySeries } from "./events.ts";
import { fleetSeries } from "./fleet.ts";
import type { HttpRequests } from "./http.ts";
import type { MetricsParts } from "./metrics.ts";
import { mqSeries } from "./mq.ts";
import { processSeries } from "./process.ts";
import { Series } from "./series.ts";
import { serviceSeries } from "./service.ts";
import { storeSeries } from "./store.ts";

/** What is counted for the metrics alone. */
export interface OwnFigures {
  readonly clock: Clock;
  readonly expiryError: Durations;
  readonly happened: EventCounts;
  readonly http: HttpRequests;
  readonly loop: EventLoopWatch;
}

/** All series of a service; each scrape reads them anew. */
export class Exposition {
  readonly #registry = new Registry();

  constructor(parts: MetricsParts, { clock, expiryError, happened, http, loop }: OwnFigures) {
    const series = new Series(this.#registry);
    const summary = () => parts.status.summary();
    serviceSeries(series, { ...parts, summary, readiness: () => parts.status.readiness() });
    fleetSeries(series, { ...parts, summary, events: happened, expiryError });
    beatSeries(series, parts);
    mqSeries(series, { ...parts, summary });
    deliverySeries(series, { ...parts, clock });
    storeSeries(series, { ...parts, summary });
    http.export(series);
    processSeries(series, loop);
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
