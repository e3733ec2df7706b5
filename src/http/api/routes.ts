import type { Route } from "../route.ts";
import { agentRoutes } from "./agents.ts";
import { appRoutes } from "./apps.ts";
import { backupRoutes } from "./backup.ts";
import { catalogRoutes } from "./catalogs.ts";
import { eventRoutes } from "./events.ts";
import { guardRoutes } from "./guard.ts";
import { openApiRoutes } from "./openapi.ts";
import type { ApiParts } from "./parts.ts";
import { silenceRoutes } from "./silences.ts";

export type { ApiParts } from "./parts.ts";

/** Everything under /api/v1 except what shows the service itself: summary, stream, history. */
export function apiRoutes(parts: ApiParts): Route[] {
  return [
    ...agentRoutes(parts),
    ...appRoutes(parts),
    ...catalogRoutes(parts),
    ...eventRoutes(parts),
    ...guardRoutes(parts),
    ...silenceRoutes(parts),
    ...backupRoutes(parts),
    ...openApiRoutes(),
  ];
}
