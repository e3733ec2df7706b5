import { z } from "zod";
import { integer } from "../config/values.ts";
import type { History } from "../history.ts";
import { readQuery, span } from "./api/parameters.ts";
import type { Route } from "./route.ts";

const MAX_POINTS = 2_000;

const QUESTION = z.object({
  points: integer(1, MAX_POINTS).default(360),
  span: span("10s", "24h").default(86_400_000),
});

/** The route of what was: agents by state and beats over the last 24 hours. */
export function historyRoutes(history: Pick<History, "points">): Route[] {
  return [{
    method: "GET",
    path: "/api/v1/history",
    handle(call) {
      const { points, span } = readQuery(call, QUESTION);
      return Response.json(history.points(span, points));
    },
  }];
}
