import type { Metrics } from "../metrics/metrics.ts";
import type { Route } from "./route.ts";

/** Where Prometheus asks. */
export function metricsRoutes(metrics: Pick<Metrics, "exposition">): Route[] {
  return [{
    method: "GET",
    path: "/metrics",
    async handle() {
      const exposition = await metrics.exposition();
      return new Response(await exposition.text(), { headers: { "content-type": exposition.contentType } });
    },
  }];
}
