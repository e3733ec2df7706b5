import type { Metrics } from "../metrics/metrics.ts";
import type { Route } from "./route.ts";

/** Where Prometheus asks. */
export function metricsRoutes(metrics: Pick<Metrics, "text" | "contentType">): Route[] {
  return [{
    method: "GET",
    path: "/metrics",
    handle: async () => new Response(await metrics.text(), { headers: { "content-type": metrics.contentType } }),
  }];
}
