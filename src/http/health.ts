import type { Status } from "../status.ts";
import type { Route } from "./route.ts";

/** Health checks for supervisors and balancers, and the state of the whole service. */
export function healthRoutes(status: Pick<Status, "readiness" | "summary">): Route[] {
  return [
    { method: "GET", path: "/healthz", open: true, handle: () => Response.json({ status: "ok" }) },
    {
      method: "GET",
      path: "/readyz",
      open: true,
      handle() {
        const readiness = status.readiness();
        return Response.json(readiness, { status: readiness.ready ? 200 : 503 });
      },
    },
    {
      method: "GET",
      path: "/readyz/beats",
      open: true,
      handle() {
        const { beats } = status.readiness();
        return Response.json({ ready: beats.ok, beats }, { status: beats.ok ? 200 : 503 });
      },
    },
    { method: "GET", path: "/api/v1/summary", handle: () => Response.json(status.summary()) },
  ];
}
