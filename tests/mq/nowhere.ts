import type { EndpointSettings } from "../../src/mq/endpoint.ts";
import { deadPort } from "./broker_bench.ts";

/** Where nothing listens. */
export function nowhere(): EndpointSettings {
  const hosts = [{ host: "127.0.0.1", port: deadPort().port }];
  return { hosts, user: "u", password: "p", vhost: "/", instance: "i" };
}
