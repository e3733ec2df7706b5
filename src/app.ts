import { type CatalogUpdates, LocalCatalog, SupervisorCatalog } from "./apps/keeper.ts";
import { SupervisorSync } from "./apps/sync.ts";
import type { Clock } from "./clock.ts";
import { appSource, zookeeperEnabled } from "./config/config.ts";
import type { Settings } from "./config/schema.ts";
import { descriptorShortage } from "./descriptors.ts";
import { Expiry } from "./expiry.ts";
import { Fleet } from "./fleet/fleet.ts";
import { Lifecycle } from "./lifecycle.ts";
import { FaultLog, type Logger } from "./log.ts";
import { Broker, type BrokerSettings } from "./mq/broker.ts";
import { Supervisor } from "./mq/supervisor.ts";
import { Slices } from "./slices.ts";
import { HeartbeatService } from "./thrift/heartbeat_service.ts";
import { BeatServer } from "./thrift/server.ts";

/** How long beats that were read may take to be answered at the stop, ms. */
const DRAIN_MS = 1_500;

/** What the app takes from its surroundings. */
export interface AppSurroundings {
  readonly log: Logger;
  readonly clock: Clock;
}

/** A running service. */
export interface App {
  /** Where beats are received, with the real port. */
  readonly beatAddress: { hostname: string; port: number };
  readonly broker: Broker;
  /** Answers what was read, acknowledges what was handled, closes everything. Never rejects. */
  stop(): Promise<void>;
}

/**
 * The one place where the parts are put together; long on purpose, because its order is the order of start and, read
 * from below, of the stop.
 * @throws when a port cannot be opened; whatever was started by then is stopped again
 */
export async function startApp(settings: Settings, { log, clock }: AppSurroundings): Promise<App> {
  const lifecycle = new Lifecycle(log);
  try {
    const instance = crypto.randomUUID();
    const slices = new Slices();
    const fleet = new Fleet({
      timeoutMs: settings["agent.timeout"],
      retentionMs: settings["agent.retention"],
      max: settings["agent.max"],
    });

    const catalog = newCatalog(settings, { log: log.getChild("apps"), slices, ask: () => supervisor.ask() });
    const broker = new Broker(brokerSettings(settings, instance), {
      log: log.getChild("mq"),
      clock,
      fleet,
      catalog,
      slices,
      onCaughtUp: () => sync?.now(),
      onDown: () => sync?.pause(),
    });
    const supervisor = new Supervisor({
      broker,
      exchange: settings["mq.exchange"],
      instance,
      maxBodyBytes: settings["mq.maxBodyBytes"],
    });
    const sync = catalog.source === "local" ? undefined : new SupervisorSync({
      log: log.getChild("apps"),
      catalog,
      ask: () => supervisor.ask(),
      intervalMs: settings["auth.syncInterval"],
    });
    lifecycle.push("RabbitMQ connection", () => broker.close());
    lifecycle.push("supervisor sync", () => sync?.pause());

    const shortage = descriptorShortage(settings["thrift.maxConnections"]);
    if (shortage !== undefined) log.warn("beat port: {shortage}", { shortage });
    const service = new HeartbeatService({ fleet, catalog, clock });
    const beats = newBeatServer(settings, service, new FaultLog(log.getChild("beats"), () => clock.monotonic()));
    beats.listen();
    lifecycle.push("beat port", () => beats.stop(DRAIN_MS));
    lifecycle.push("calls", () => broker.stopConsuming());
    const expiry = new Expiry(fleet, { clock, log });
    expiry.start();
    lifecycle.push("expiry", () => expiry.stop());
    await broker.start();

    announce(settings, beats.address, log);
    return { beatAddress: beats.address, broker, stop: () => lifecycle.close() };
  } catch (cause) {
    await lifecycle.close();
    throw cause;
  }
}

type AnyCatalog = CatalogUpdates & Pick<SupervisorCatalog, "current">;

function newCatalog(
  settings: Settings,
  { log, slices, ask }: { log: Logger; slices: Slices; ask: () => Promise<unknown> },
): AnyCatalog {
  if (appSource(settings) === "local") return new LocalCatalog(settings["auth.localAppInfo"] ?? {});
  return new SupervisorCatalog({ log, slices, ask, emptyShare: settings["auth.emptyShare"] });
}

/** How RabbitMQ is reached, as the configuration says.
 * @throws when the file of the certificate authority cannot be read
 */
export function brokerSettings(settings: Settings, instance: string): BrokerSettings {
  const ca = settings["mq.tlsCa"];
  return {
    hosts: (settings["mq.ip"] ?? []).map(({ host, port }) => ({ host, port: port ?? settings["mq.port"] })),
    user: settings["mq.user"] ?? "",
    password: settings["mq.password"] ?? "",
    vhost: settings["mq.vhost"],
    exchange: settings["mq.exchange"],
    tls: settings["mq.tls"] ? (ca === undefined ? {} : { ca: Deno.readTextFileSync(ca) }) : undefined,
    maxBodyBytes: settings["mq.maxBodyBytes"],
    callIdResult: settings["mq.callIdResult"],
    instance,
  };
}

function newBeatServer(settings: Settings, service: HeartbeatService, faults: FaultLog): BeatServer {
  return new BeatServer(service, faults, {
    hostname: settings["thrift.heartbeat.host"],
    port: settings["thrift.heartbeat.port"],
    maxConnections: settings["thrift.maxConnections"],
    maxConnectionsPerIp: settings["thrift.maxConnectionsPerIp"],
    requestTimeoutMs: settings["thrift.requestTimeout"],
    idleTimeoutMs: settings["thrift.idleTimeout"],
    maxMessageBytes: settings["thrift.maxMessageBytes"],
    allow: settings["thrift.allow"],
    proxies: settings["thrift.proxies"],
  });
}

function announce(settings: Settings, { hostname, port }: { hostname: string; port: number }, log: Logger): void {
  log.info("apps that agents may run come from {source} (auth.mode = {mode})", {
    source: appSource(settings) === "local" ? "auth.localAppInfo" : "elves-supervisor",
    mode: settings["auth.mode"],
  });
  if (zookeeperEnabled(settings)) log.warn("zookeeper: this version does not register itself yet");
  log.info(`beats on ${hostname}:${port}`);
}
