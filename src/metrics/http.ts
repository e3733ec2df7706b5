import { Durations } from "../durations.ts";
import type { Route } from "../http/route.ts";
import type { Observation } from "../http/server.ts";
import type { Sample, Series } from "./series.ts";

/** Between a summary and a list of a large fleet, ms. */
const BOUNDS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 10_000];
/** Methods that are counted under their names; a peer may send any. */
const METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "DELETE"]);
/** Assets have their hashes in their paths, which would make new series with every build. */
const ASSETS = "/assets/";

/** What is counted of one method on one route. */
interface RouteCount {
  readonly labels: Readonly<Record<"route" | "method", string>>;
  /** By class of status. */
  readonly statuses: Record<string, number>;
}

/** Counts HTTP requests by the path patterns of their routes. */
export class HttpRequests {
  readonly #counts = new Map<string, RouteCount>();
  /** By route, of those that were asked for. */
  readonly #durations: Record<string, Durations> = {};

  /** Makes the series of routes known before there are requests. */
  expect(routes: readonly Route[]): void {
    for (const { method, path } of routes) this.#countOf(routeOf(path), method);
  }

  /** Counts one request. */
  observe({ method, route: path, status, seconds }: Observation): void {
    const route = routeOf(path);
    const { statuses } = this.#countOf(route, METHODS.has(method) ? method : "other");
    const statusClass = `${Math.floor(status / 100)}xx`;
    statuses[statusClass] = (statuses[statusClass] ?? 0) + 1;
    this.#durations[route] ??= new Durations(BOUNDS_MS);
    this.#durations[route].observe(seconds * 1000);
  }

  /** Adds the series of what is counted here. */
  export(series: Series): void {
    series.counter("elves_heartbeat_http_requests_total", {
      help: "HTTP requests by route, method and class of status.",
      labels: ["route", "method", "status"],
      read: () => this.#samples(),
    });
    series.durations("elves_heartbeat_http_request_duration_seconds", {
      help: "From the header of an HTTP request to that of its answer, by route.",
      label: "route",
      read: () => this.#durations,
    });
  }

  *#samples(): Generator<Sample> {
    for (const { labels, statuses } of this.#counts.values()) {
      for (const [status, count] of Object.entries(statuses)) yield [{ ...labels, status }, count];
    }
  }

  #countOf(route: string, method: string): RouteCount {
    const key = `${method} ${route}`;
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const count = { labels: { route, method }, statuses: { "2xx": 0, "4xx": 0, "5xx": 0 } };
    this.#counts.set(key, count);
    return count;
  }
}

function routeOf(path: string): string {
  return path.startsWith(ASSETS) ? `${ASSETS}*` : path;
}
