import { Problem } from "../problem.ts";
import type { Route } from "../route.ts";
import { NOTHING, readQuery } from "./parameters.ts";
import type { ApiParts } from "./parts.ts";

/** What can be done with the guard against mass loss; how it is stands in the summary. */
export function guardRoutes({ operations }: ApiParts): Route[] {
  return [{
    method: "POST",
    path: "/api/v1/guard/release",
    handle: (call) => {
      readQuery(call, NOTHING);
      if (!operations.releaseGuard(call.who)) {
        throw new Problem(409, "the guard is not on, so there is nothing to release");
      }
      return Response.json({ released: true });
    },
  }];
}
