import { buildInfo } from "../../../build_info.ts";
import { COOKIE } from "../../sessions.ts";
import { eventSchemas } from "./event_schemas.ts";
import { FLEET_OPERATIONS } from "./fleet_operations.ts";
import { FLEET_SCHEMAS } from "./fleet_schemas.ts";
import { type Operation, operationObject } from "./operation.ts";
import { ref } from "./schema.ts";
import { SERVICE_OPERATIONS } from "./service_operations.ts";
import { SERVICE_SCHEMAS } from "./service_schemas.ts";

const DESCRIPTION = `The liveness registry of an Elves fleet.

Names are snake_case; times are RFC 3339 texts in UTC, \`_ms\` is ms since the epoch, \`_seconds\` is seconds.
Errors are \`application/problem+json\`; an unknown, repeated or malformed parameter is one, an empty one is as if not
given. Where GET works, HEAD does. Without a configured token only this machine is served, and needs none.`;

/** The OpenAPI document of everything that programs may ask over HTTP. */
export function openApiDocument(): Record<string, unknown> {
  const operations = [...FLEET_OPERATIONS, ...SERVICE_OPERATIONS];
  return {
    openapi: "3.1.0",
    info: {
      title: "elves-heartbeat",
      version: buildInfo().version,
      description: DESCRIPTION,
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    servers: [{ url: "/" }],
    security: [{ token: [] }, { login: [] }, {}],
    tags: [...new Set(operations.map(({ tag }) => tag))].map((name) => ({ name })),
    paths: pathsOf(operations),
    components: {
      schemas: { ...FLEET_SCHEMAS, ...SERVICE_SCHEMAS, ...eventSchemas() },
      responses: {
        Problem: {
          description: "Any other error.",
          content: { "application/problem+json": { schema: ref("Problem") } },
        },
      },
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "One of http.token." },
        login: { type: "apiKey", in: "cookie", name: COOKIE, description: "The page's cookie." },
      },
    },
  };
}

function pathsOf(operations: readonly Operation[]): Record<string, Record<string, unknown>> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const item = paths[operation.path] ??= {};
    item[operation.method.toLowerCase()] = operationObject(operation);
  }
  return paths;
}
