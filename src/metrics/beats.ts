import type { DescriptorCheck } from "../descriptors.ts";
import type { BeatPort } from "../thrift/server.ts";
import { by, type Series } from "./series.ts";

/** What the series of the beat port are read from. */
export interface BeatSources {
  readonly beats: Pick<BeatPort, "stats" | "isListening" | "maxConnections">;
  readonly descriptors: Pick<DescriptorCheck, "isShort">;
}

/** The beat port. */
export function beatSeries(series: Series, { beats, descriptors }: BeatSources): void {
  const { stats } = beats;
  series.gauge("elves_heartbeat_beat_port_open", {
    help: "1 while beats are taken.",
    read: () => Number(beats.isListening),
  });
  series.counter("elves_heartbeat_beats_total", {
    help: "Beats that were read, whatever they were answered.",
    read: () => stats.beats,
  });
  series.counter("elves_heartbeat_beat_calls_total", {
    help: "Calls on the beat port by outcome.",
    labels: ["outcome"],
    read: () => by("outcome", stats.calls),
  });
  series.counter("elves_heartbeat_beat_refusals_total", {
    help: "Connections to the beat port that ended other than by the agent's orderly close, by reason.",
    labels: ["reason"],
    read: () => by("reason", stats.refusals),
  });
  series.durations("elves_heartbeat_beat_duration_seconds", {
    help: "From the first byte of a call on the beat port to its written reply.",
    read: () => ({ "": stats.latency }),
  });
  series.gauge("elves_heartbeat_beat_connections_open", {
    help: "Open connections to the beat port.",
    read: () => stats.connections.open,
  });
  series.gauge("elves_heartbeat_beat_connections_limit", {
    help: "The setting thrift.maxConnections.",
    read: () => beats.maxConnections,
  });
  series.counter("elves_heartbeat_beat_connections_total", {
    help: "Connections to the beat port that were served.",
    read: () => stats.connections.total,
  });
  series.counter("elves_heartbeat_beat_accept_failures_total", {
    help: "How often the beat port could not accept connections, as without free file descriptors.",
    read: () => stats.acceptFailures,
  });
  series.gauge("elves_heartbeat_descriptor_shortage", {
    help: "1 when the process may open fewer files than thrift.maxConnections needs.",
    read: () => Number(descriptors.isShort),
  });
}
