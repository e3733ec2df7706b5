import { type DoorOptions, openPort } from "../door.ts";
import type { BeatWorkersOptions } from "./beat_workers.ts";
import type { WorkerServerOptions } from "./protocol.ts";

/**
 * What workers are to serve, with the real ports. That one is taken shows only here: where several threads listen with
 * SO_REUSEPORT, so could another program of the same user.
 * @throws Error naming address, cause and setting when a port cannot be opened
 */
export function withFreePorts(
  { hostname, port, tls, requestTimeoutMs, idleTimeoutMs, maxMessageBytes, allow, proxies }: BeatWorkersOptions,
): WorkerServerOptions {
  return {
    ...{ hostname, port: freePort({ hostname, port, setting: "thrift.heartbeat" }) },
    ...(tls === undefined ? {} : { tls: { ...tls, port: freePort({ ...tls, setting: "thrift.tls" }) } }),
    ...(requestTimeoutMs === undefined ? {} : { requestTimeoutMs }),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeoutMs }),
    ...(maxMessageBytes === undefined ? {} : { maxMessageBytes }),
    ...(allow === undefined ? {} : { allow: allow.text }),
    ...(proxies === undefined ? {} : { proxies: proxies.text }),
  };
}

function freePort(options: DoorOptions): number {
  const listener = openPort(options);
  const { port } = listener.addr;
  listener.close();
  return port;
}
