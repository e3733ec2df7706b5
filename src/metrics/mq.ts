import type { Broker } from "../mq/broker.ts";
import type { Summary } from "../status.ts";
import { by, type Sample, type Series } from "./series.ts";

/** What the series of RabbitMQ are read from. */
export interface MqSources {
  readonly summary: () => Summary;
  readonly broker: Pick<Broker, "stats">;
}

/** RabbitMQ, and the calls of the modules. */
export function mqSeries(series: Series, { summary, broker: { stats } }: MqSources): void {
  series.gauge("elves_heartbeat_mq_up", {
    help: "1 while there is a connection to RabbitMQ and the queue of calls can be reached.",
    read: () => Number(summary().mq.state === "up"),
  });
  series.counter("elves_heartbeat_mq_connections_total", {
    help: "Connections to RabbitMQ that were opened.",
    read: () => stats.connections,
  });
  series.counter("elves_heartbeat_mq_disconnections_total", {
    help: "Connections to RabbitMQ that were lost.",
    read: () => stats.disconnections,
  });
  series.counter("elves_heartbeat_mq_calls_total", {
    help: "Calls of modules by action and outcome.",
    labels: ["action", "outcome"],
    read: () =>
      Object.entries(stats.calls).flatMap(([action, outcomes]) =>
        Object.entries(outcomes).map(([outcome, count]): Sample => [{ action, outcome }, count])
      ),
  });
  series.durations("elves_heartbeat_mq_call_duration_seconds", {
    help: "From the arrival of a module's call to its answer, or to where it was given up.",
    label: "action",
    read: () => stats.latency,
  });
  series.counter("elves_heartbeat_mq_casts_total", {
    help: "Casts that were taken.",
    read: () => stats.casts,
  });
  series.counter("elves_heartbeat_mq_replies_total", {
    help: "Answers that were handed to RabbitMQ.",
    read: () => stats.replies,
  });
  series.counter("elves_heartbeat_mq_replies_lost_total", {
    help: "Answers that were not sent, by reason.",
    labels: ["reason"],
    read: () => by("reason", stats.repliesLost),
  });
  series.counter("elves_heartbeat_mq_ignored_total", {
    help: "Messages without an answer or effect, by reason.",
    labels: ["reason"],
    read: () => by("reason", stats.ignored),
  });
  series.counter("elves_heartbeat_mq_foreign_replies_total", {
    help: "Answers from elves-supervisor that nobody waits for, or that cannot be read.",
    read: () => stats.foreignReplies,
  });
}
