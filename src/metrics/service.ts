import type { ClusterSummary } from "../cluster/summary.ts";
import type { Readiness, Summary } from "../status.ts";
import type { Registrar } from "../zookeeper/registrar.ts";
import type { Series } from "./series.ts";

/** What the series of the service as a whole are read from. */
export interface ServiceSources {
  readonly summary: () => Summary;
  readonly readiness: () => Readiness;
  /** Undefined where the service does not register itself. */
  readonly registrar: Pick<Registrar, "stats"> | undefined;
}

/** The build, readiness, the catalog, and the neighbours that have few figures. */
export function serviceSeries(series: Series, { summary, readiness, registrar }: ServiceSources): void {
  series.gauge("elves_heartbeat_build_info", {
    help: "1, with what this build is made of.",
    labels: ["version", "commit", "deno", "runtime"],
    read() {
      const { version, commit, deno, runtime } = summary();
      return [[{ version, commit, deno, runtime }, 1]];
    },
  });
  series.gauge("elves_heartbeat_ready", {
    help: "1 while beats are taken and RabbitMQ is up, as /readyz says.",
    read: () => Number(readiness().ready),
  });
  series.gauge("elves_heartbeat_stream_clients", {
    help: "Clients of /api/v1/stream.",
    read: () => summary().stream_clients,
  });
  catalogSeries(series, summary);
  zookeeperSeries(series, summary, registrar);
  series.gauge("elves_heartbeat_cluster_enabled", {
    help: "1 where several instances share one view of the fleet.",
    read: () => Number(summary().cluster.enabled),
  });
  clusterSeries(series, summary);
}

/** Missing where this is the only instance. */
function clusterSeries(series: Series, summary: () => Summary): void {
  const gauge = (name: string, help: string, read: (cluster: ClusterSummary) => number) =>
    series.gauge(`elves_heartbeat_cluster_${name}`, {
      help,
      read() {
        const { cluster } = summary();
        return cluster.enabled ? read(cluster) : undefined;
      },
    });
  gauge(
    "settled",
    "1 while all beats are known here, so that agents are called offline when due.",
    (cluster) => Number(cluster.settled),
  );
  gauge("leading", "1 on the instance that tells events.", (cluster) => Number(cluster.leading));
  gauge("lag_seconds", "How long a record takes through RabbitMQ.", (cluster) => cluster.lag_seconds);
  gauge("members", "Other instances that are there.", (cluster) => cluster.members.length);
  gauge(
    "skew_seconds",
    "The largest difference between this machine's clock and that of another instance.",
    (cluster) => Math.max(0, ...cluster.members.map(({ skew_seconds: skew }) => Math.abs(skew ?? 0))),
  );
  gauge(
    "catalog_mismatch",
    "1 while another instance has had another catalog for more than 5 s.",
    (cluster) => Number(cluster.catalog_mismatch),
  );
  gauge("pending_events", "Events that wait for the leader to tell them.", (cluster) => cluster.pending_events);
  gauge(
    "record_faults",
    "Records of the stream that could not be used since the start.",
    (cluster) => cluster.record_faults,
  );
}

function catalogSeries(series: Series, summary: () => Summary): void {
  series.gauge("elves_heartbeat_catalog_known", {
    help: "1 while it is known what agents may run; else they get exceptions, and keep what they have.",
    read: () => Number(summary().catalog.known),
  });
  series.gauge("elves_heartbeat_catalog_age_seconds", {
    help: "How long ago elves-supervisor last said the catalog in force; missing where it never did.",
    read: () => summary().catalog.age_seconds ?? undefined,
  });
  series.gauge("elves_heartbeat_catalog_apps", {
    help: "Apps in the catalog in force.",
    read: () => summary().catalog.apps,
  });
  series.gauge("elves_heartbeat_catalog_agents", {
    help: "Agents that the catalog in force names.",
    read: () => summary().catalog.agents,
  });
  series.gauge("elves_heartbeat_catalog_held", {
    help: "1 while a catalog is held back, because it would leave many agents without apps.",
    read: () => Number(summary().catalog.held !== null),
  });
}

function zookeeperSeries(
  series: Series,
  summary: () => Summary,
  registrar: ServiceSources["registrar"],
): void {
  series.gauge("elves_heartbeat_zookeeper_enabled", {
    help: "1 where the service registers itself in ZooKeeper.",
    read: () => Number(registrar !== undefined),
  });
  series.gauge("elves_heartbeat_zookeeper_registered", {
    help: "1 while the service is registered in ZooKeeper.",
    read: () => Number(summary().zookeeper.state === "registered"),
  });
  series.counter("elves_heartbeat_zookeeper_sessions_total", {
    help: "Sessions that were opened.",
    read: () => registrar?.stats.sessions ?? 0,
  });
  series.counter("elves_heartbeat_zookeeper_registrations_total", {
    help: "Nodes that were created.",
    read: () => registrar?.stats.registrations ?? 0,
  });
}
