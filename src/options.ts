import { getHeapStatistics } from "node:v8";
import { appSource } from "./config/config.ts";
import type { Settings } from "./config/schema.ts";
import type { FleetOptions } from "./fleet/fleet.ts";
import type { AccessSettings } from "./http/access.ts";
import type { BrokerSettings } from "./mq/broker.ts";
import type { BrokerTls } from "./mq/endpoint.ts";
import type { Certificate } from "./thrift/door.ts";
import type { BeatWorkersOptions } from "./thrift/workers/beat_workers.ts";

/** How many characters of app maps agents may send for each byte of memory that V8 may use; one has up to two bytes. */
const APPS_SHARE = 1 / 16;

/** What the settings say about liveness. */
export function fleetOptions(settings: Settings): FleetOptions {
  return {
    timeoutMs: settings["agent.timeout"],
    graceMs: settings["agent.grace"],
    retentionMs: settings["agent.retention"],
    max: settings["agent.max"],
    addressCheck: settings["agent.addressCheck"],
    guardShare: settings["guard.share"],
    guardMinAgents: settings["guard.minAgents"],
    guardMaxHoldMs: settings["guard.maxHold"],
    maxAppsLength: Math.floor(getHeapStatistics().heap_size_limit * APPS_SHARE),
    flap: { count: settings["flap.count"], windowMs: settings["flap.window"] },
  };
}

/**
 * The certificate of the beat port over TLS; undefined where there is none.
 * @throws when a file cannot be read
 */
export function beatCertificate(settings: Settings): Certificate | undefined {
  const { "thrift.tls.cert": cert, "thrift.tls.key": key } = settings;
  if (settings["thrift.tls.port"] === undefined || cert === undefined || key === undefined) return undefined;
  return { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) };
}

function beatTls(settings: Settings): BeatWorkersOptions["tls"] {
  const certificate = beatCertificate(settings);
  const port = settings["thrift.tls.port"];
  if (certificate === undefined || port === undefined) return undefined;
  return { hostname: settings["thrift.tls.host"] ?? settings["thrift.heartbeat.host"], port, certificate };
}

/**
 * What the settings say about the beat port.
 * @throws when a file of its certificate cannot be read
 */
export function beatServerOptions(settings: Settings): Omit<BeatWorkersOptions, "workers"> {
  return {
    hostname: settings["thrift.heartbeat.host"],
    port: settings["thrift.heartbeat.port"],
    tls: beatTls(settings),
    maxConnections: settings["thrift.maxConnections"],
    maxConnectionsPerIp: settings["thrift.maxConnectionsPerIp"],
    requestTimeoutMs: settings["thrift.requestTimeout"],
    idleTimeoutMs: settings["thrift.idleTimeout"],
    maxMessageBytes: settings["thrift.maxMessageBytes"],
    allow: settings["thrift.allow"],
    proxies: settings["thrift.proxies"],
  };
}

/**
 * What the settings say about RabbitMQ.
 * @param instance the name that RabbitMQ shows for the connection
 * @throws when a file of a certificate cannot be read
 */
export function brokerSettings(settings: Settings, instance: string): BrokerSettings {
  return {
    hosts: (settings["mq.ip"] ?? []).map(({ host, port }) => ({ host, port: port ?? settings["mq.port"] })),
    user: settings["mq.user"] ?? "",
    password: settings["mq.password"] ?? "",
    vhost: settings["mq.vhost"],
    exchange: settings["mq.exchange"],
    tls: settings["mq.tls"] ? brokerTls(settings) : undefined,
    maxBodyBytes: settings["mq.maxBodyBytes"],
    callIdResult: settings["mq.callIdResult"],
    instance,
  };
}

/** What the settings say about who may use the HTTP side. */
export function accessSettings(settings: Settings): AccessSettings {
  return { tokens: settings["http.token"], allowedHosts: settings["http.allowedHosts"] };
}

function brokerTls(settings: Settings): BrokerTls {
  const { "mq.tlsCa": ca, "mq.tlsCert": cert, "mq.tlsKey": key } = settings;
  return {
    ...(ca === undefined ? {} : { ca: Deno.readTextFileSync(ca) }),
    ...(cert === undefined || key === undefined
      ? {}
      : { cert: Deno.readTextFileSync(cert), key: Deno.readTextFileSync(key) }),
  };
}

/** Where the apps come from, in words. */
export function sourceText(settings: Settings): string {
  return appSource(settings) === "local" ? "auth.localAppInfo" : "elves-supervisor";
}
