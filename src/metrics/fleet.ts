import type { Durations } from "../durations.ts";
import type { Fleet } from "../fleet/fleet.ts";
import type { Summary } from "../status.ts";
import type { EventCounts } from "./event_counts.ts";
import { by, type Series } from "./series.ts";

/** What the series of the fleet are read from. */
export interface FleetSources {
  readonly summary: () => Summary;
  readonly fleet: Pick<Fleet, "stats">;
  readonly events: EventCounts;
  /** How long after they were due agents were called offline. */
  readonly expiryError: Durations;
}

/** Agents, the guard, and what happened to them. */
export function fleetSeries(series: Series, { summary, fleet, events, expiryError }: FleetSources): void {
  series.gauge("elves_heartbeat_agents", {
    help: "Agents by state.",
    labels: ["state"],
    read() {
      const { online, suspect, offline } = summary().agents;
      return by("state", { online, suspect, offline });
    },
  });
  series.gauge("elves_heartbeat_agents_silenced", {
    help: "Agents in a maintenance window.",
    read: () => summary().agents.silenced,
  });
  series.gauge("elves_heartbeat_agents_flapping", {
    help: "Agents that come and go so often that nothing is told about them.",
    read: () => summary().agents.flapping,
  });
  series.gauge("elves_heartbeat_silences", {
    help: "Maintenance windows that are in force.",
    read: () => summary().silences,
  });
  series.counter("elves_heartbeat_events_total", {
    help: "What happened, by kind; guardOn counts the starts of the guard.",
    labels: ["kind"],
    read: () => by("kind", events.counts),
  });
  series.counter("elves_heartbeat_agents_evicted_total", {
    help: "Offline agents that were forgotten for new ones, because there were agent.max of them.",
    read: () => fleet.stats.evicted,
  });
  series.counter("elves_heartbeat_foreign_beats_total", {
    help: "Beats that claimed another address than the one they came from.",
    read: () => fleet.stats.foreign,
  });
  series.counter("elves_heartbeat_identity_conflicts_total", {
    help: "How often two machines were seen to claim one address.",
    read: () => fleet.stats.conflicts,
  });
  series.durations("elves_heartbeat_expiry_error_seconds", {
    help: "How long after it was due an agent was called offline.",
    read: () => ({ "": expiryError }),
  });
  livenessSeries(series, summary);
}

function livenessSeries(series: Series, summary: () => Summary): void {
  series.gauge("elves_heartbeat_agent_timeout_seconds", {
    help: "The setting agent.timeout.",
    read: () => summary().timeout_seconds,
  });
  series.gauge("elves_heartbeat_beat_interval_seconds", {
    help: "Mean time between two beats of an agent; missing before any agent has beaten twice.",
    read: () => summary().beat_interval_seconds ?? undefined,
  });
  series.gauge("elves_heartbeat_warming", {
    help: "1 while the fleet began empty so short a time ago that agents may not have beaten yet.",
    read: () => Number(summary().warming),
  });
  series.gauge("elves_heartbeat_grace", {
    help: "1 while nobody is called offline, because the service has started or stood still.",
    read: () => Number(summary().grace_until !== null),
  });
  series.gauge("elves_heartbeat_guard_on", {
    help: "1 while the guard holds overdue agents as suspect.",
    read: () => Number(summary().guard.on),
  });
  series.gauge("elves_heartbeat_guard_silent_agents", {
    help: "Agents that have not beaten for half of agent.timeout or longer, as the guard counts them.",
    read: () => summary().guard.silent,
  });
  series.gauge("elves_heartbeat_guard_held_agents", {
    help: "Overdue agents that the guard holds as suspect.",
    read: () => summary().guard.held,
  });
}
