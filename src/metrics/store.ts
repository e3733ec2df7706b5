import type { Summary } from "../status.ts";
import type { Store } from "../store/store.ts";
import { by, type Series } from "./series.ts";

/** What the series of the store are read from. */
export interface StoreSources {
  readonly summary: () => Summary;
  readonly store: Pick<Store, "stats">;
}

/** What is written to disk. */
export function storeSeries(series: Series, { summary, store }: StoreSources): void {
  series.gauge("elves_heartbeat_store_up", {
    help: "1 while the disk takes what is to be stored.",
    read: () => Number(summary().store.state === "ok"),
  });
  series.gauge("elves_heartbeat_store_lag_seconds", {
    help: "For how long the oldest row that is not on disk has been waiting.",
    read: () => summary().store.lag_seconds,
  });
  series.gauge("elves_heartbeat_store_queued_rows", {
    help: "Rows that are not on disk yet.",
    read: () => summary().store.queued,
  });
  series.counter("elves_heartbeat_store_transactions_total", {
    help: "Transactions that were committed.",
    read: () => store.stats.transactions,
  });
  series.counter("elves_heartbeat_store_rows_total", {
    help: "Rows that were stored.",
    read: () => store.stats.rows,
  });
  series.counter("elves_heartbeat_store_failures_total", {
    help: "Tries to store that failed and are repeated.",
    read: () => store.stats.failures,
  });
  series.counter("elves_heartbeat_store_dropped_total", {
    help: "Rows that were given up, because too many waited for the disk.",
    labels: ["rows"],
    read: () => by("rows", { agents: store.stats.droppedAgents, events: store.stats.droppedEvents }),
  });
  series.counter("elves_heartbeat_store_rebuilt_total", {
    help: "How often the database was made anew while running.",
    read: () => store.stats.rebuilt,
  });
}
