import type { Clock } from "../clock.ts";
import type { EventDispatcher, SinkStats } from "../events/dispatcher.ts";
import type { Sample, Series } from "./series.ts";

/** What the series of event delivery are read from. */
export interface DeliverySources {
  readonly events: Pick<EventDispatcher, "stats">;
  readonly clock: Clock;
}

/** How events get to RabbitMQ and the webhook, as far as they are used. */
export function deliverySeries(series: Series, { events, clock }: DeliverySources): void {
  const each = (value: (sink: SinkStats) => number) =>
    Object.entries(events.stats).map(([sink, stats]): Sample => [{ sink }, value(stats)]);
  const labels = ["sink"];
  series.gauge("elves_heartbeat_events_queued", {
    help: "Events that wait to be delivered.",
    labels,
    read: () => each(({ queued }) => queued),
  });
  series.gauge("elves_heartbeat_events_oldest_age_seconds", {
    help: "How long ago the oldest event happened that waits to be delivered; 0 when none does.",
    labels,
    read: () => each(({ oldestAtMs }) => oldestAtMs === undefined ? 0 : Math.max(0, clock.wall() - oldestAtMs) / 1000),
  });
  series.counter("elves_heartbeat_events_delivered_total", {
    help: "Events that were delivered.",
    labels,
    read: () => each(({ delivered }) => delivered),
  });
  series.counter("elves_heartbeat_event_messages_total", {
    help: "Messages with events that were delivered.",
    labels,
    read: () => each(({ messages }) => messages),
  });
  series.counter("elves_heartbeat_event_failures_total", {
    help: "Tries to deliver events that failed and are repeated.",
    labels,
    read: () => each(({ retries }) => retries),
  });
  series.counter("elves_heartbeat_events_dropped_total", {
    help: "Events that were never delivered: too many waited (overflow), or they were refused for good.",
    labels: ["sink", "reason"],
    read: () =>
      Object.entries(events.stats).flatMap(([sink, { dropped }]) =>
        Object.entries(dropped).map(([reason, count]): Sample => [{ sink, reason }, count])
      ),
  });
}
