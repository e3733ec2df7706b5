import { type CatalogListener, SupervisorCatalog } from "./apps/keeper.ts";
import { LocalCatalog } from "./apps/local_catalog.ts";
import { SupervisorSync } from "./apps/sync.ts";
import { buildInfo } from "./build_info.ts";
import { Cluster } from "./cluster/cluster.ts";
import { type Clock, instant } from "./clock.ts";
import { appSource, zookeeperEnabled } from "./config/config.ts";
import { differences, withLive } from "./config/reload.ts";
import type { Settings } from "./config/schema.ts";
import { DescriptorCheck } from "./descriptors.ts";
import { EventDispatcher } from "./events/dispatcher.ts";
import type { EventSink } from "./events/sink.ts";
import { Webhook } from "./events/webhook.ts";
import type { FleetEvent } from "./fleet/events.ts";
import { Fleet } from "./fleet/fleet.ts";
import { History } from "./history.ts";
import { Access } from "./http/access.ts";
import { apiRoutes } from "./http/api/routes.ts";
import { loginPage, pageRoutes } from "./http/assets.ts";
import { healthRoutes } from "./http/health.ts";
import { historyRoutes } from "./http/history_route.ts";
import { loginRoutes } from "./http/login.ts";
import { metricsRoutes } from "./http/metrics_route.ts";
import type { Route } from "./http/route.ts";
import { HttpServer } from "./http/server.ts";
import { Stream, streamRoutes } from "./http/stream.ts";
import { hostOf } from "./instance.ts";
import { Lifecycle } from "./lifecycle.ts";
import { FaultLog, type Logger } from "./log.ts";
import { Metrics } from "./metrics/metrics.ts";
import { Broker } from "./mq/broker.ts";
import { EventPublisher } from "./mq/event_publisher.ts";
import { Supervisor } from "./mq/supervisor.ts";
import { Opening } from "./opening.ts";
import { Operations } from "./operations.ts";
import {
  accessSettings,
  beatCertificate,
  beatServerOptions,
  brokerSettings,
  fleetOptions,
  sourceText,
} from "./options.ts";
import { Recorder } from "./recorder.ts";
import { Slices } from "./slices.ts";
import { Status } from "./status.ts";
import type { CatalogRow, Store } from "./store/store.ts";
import type { Pulse } from "./systemd/watchdog.ts";
import { HeartbeatService } from "./thrift/heartbeat_service.ts";
import { type BeatPort, BeatServer } from "./thrift/server.ts";
import { BeatWorkers } from "./thrift/workers/beat_workers.ts";
import type { Registrar } from "./zookeeper/registrar.ts";

/** How long beats that were read may take to be answered at the stop, ms. */
const DRAIN_MS = 1_500;

/** How far in the future a stored time may be, ms. */
const CLOCK_ERROR_MS = 60_000;

/** What the app takes from its surroundings. */
export interface AppSurroundings {
  readonly log: Logger;
  readonly clock: Clock;
  /** The store, where it is being opened already; by default the app begins that itself. */
  readonly opening?: Opening;
}

/** A running service, and what can be done with it by hand. */
export interface App {
  /** Where beats are received, with the real port. */
  readonly beatAddress: { hostname: string; port: number };
  readonly beats: BeatPort;
  /** Everything that is answered over HTTP. */
  readonly routes: readonly Route[];
  /** Where page, API and metrics are, with the real port; undefined while that port cannot be opened. */
  readonly httpAddress: { hostname: string; port: number } | undefined;
  readonly fleet: Fleet;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly broker: Broker;
  /** Undefined where this is the only instance. */
  readonly cluster: Cluster | undefined;
  readonly store: Store;
  readonly events: EventDispatcher;
  readonly operations: Operations;
  readonly metrics: Metrics;
  readonly status: Status;
  /** Shows whether the service really works. */
  readonly pulse: Pulse;
  /** Undefined where the service does not register itself. */
  readonly registrar: Registrar | undefined;
  /** Applies what can be applied of another configuration, and says in the log what was and what was not. */
  reload(next: Settings): void;
  /** Answers what was read, acknowledges what was handled, stores and tells what happened. Never rejects. */
  stop(): Promise<void>;
}

/**
 * The one place where the parts are put together; long on purpose, because its order is the order of start and, read
 * from below, of the stop.
 * @throws when a port cannot be opened or the data folder is in use; what was started by then is stopped again
 */
export async function startApp(settings: Settings, surroundings: AppSurroundings): Promise<App> {
  const { log, clock, opening = new Opening(settings, surroundings) } = surroundings;
  const { instance, run } = opening;
  const lifecycle = new Lifecycle(log);
  const now = () => instant(clock);
  let current = settings;
  try {
    const startedAt = new Date(clock.wall()).toISOString();
    const slices = new Slices();
    const metrics = new Metrics(clock);
    const access = new Access(accessSettings(settings), { clock, faults: new FaultLog(log, () => clock.monotonic()) });
    const http = new HttpServer({
      hostname: settings["http.host"],
      port: settings["http.port"],
      access,
      log,
      clock,
      observe: (request) => metrics.http.observe(request),
    });
    lifecycle.push("HTTP port", () => http.stop());
    const stream = new Stream(() => status.summary());
    // Before the port, which would wait for the streams.
    lifecycle.push("stream", () => stream.close());

    const fleet = new Fleet(fleetOptions(settings));
    const listener: CatalogListener = {
      inForce({ body, origin, atMs }) {
        recorder.catalog({ body, origin, takenAtMs: atMs, source: catalog.source });
        cluster?.catalogInForce({ body, origin, atMs });
      },
      event: (kind, details) => recorder.event(kind, details),
    };
    const catalog: LocalCatalog | SupervisorCatalog = appSource(settings) === "local"
      ? new LocalCatalog(settings["auth.localAppInfo"] ?? {})
      : new SupervisorCatalog({
        log,
        clock,
        slices,
        listener,
        emptyShare: settings["auth.emptyShare"],
        ask: () => supervisor.ask(),
        replicate: (next) => workers?.replicate(next),
      });
    const sync = catalog instanceof LocalCatalog ? undefined : new SupervisorSync({
      log,
      catalog,
      ask: () => supervisor.ask(),
      intervalMs: () => current["auth.syncInterval"],
    });
    const broker: Broker = new Broker(brokerSettings(settings, run), {
      log,
      clock,
      fleet,
      catalog: sync ?? catalog,
      slices,
      cluster: settings["cluster.enabled"] ? { isNewcomer: () => cluster?.isNewcomer ?? false } : undefined,
      onCaughtUp: () => sync?.now(),
      onDown: () => sync?.pause(),
    });
    const supervisor = new Supervisor({
      broker,
      exchange: settings["mq.exchange"],
      instance: run,
      maxBodyBytes: settings["mq.maxBodyBytes"],
    });
    lifecycle.push("RabbitMQ connection", () => broker.close());
    lifecycle.push("supervisor sync", () => sync?.pause());
    // While the store is read; calls are taken when there is a fleet to answer from.
    await broker.connect();

    opening.whenRebuilt(() => {
      fleet.touchAll();
      if (catalog instanceof SupervisorCatalog) catalog.restate();
    });
    const { store, memory } = await opening.done;
    lifecycle.push("store", () => store.close());
    fleet.restore(memory, now());
    if (catalog instanceof SupervisorCatalog) await recall(catalog, memory.catalogs, { settings, log, clock });

    const cluster = !settings["cluster.enabled"] ? undefined : new Cluster({
      ...{ instance, run, version: buildInfo().version, broker, fleet, catalog, slices, clock, log },
      timeoutMs: () => current["agent.timeout"],
      tell: (happened) => events.enqueue(happened),
      drop: (ids) => void store.markSent(ids),
      silences: {
        add: (silences) => fleet.adoptSilences(silences, now()),
        remove: (ids) => ids.forEach((id) => fleet.removeSilence(id, now())),
        list: () => fleet.silences.list.map(({ stored }) => stored),
      },
    });
    if (cluster !== undefined) lifecycle.push("cluster", () => cluster.stop());
    const tell = (happened: readonly FleetEvent[]) =>
      cluster === undefined ? events.enqueue(happened) : cluster.happened(happened);

    const sinks: EventSink[] = [];
    if (settings["events.enabled"]) sinks.push(new EventPublisher({ broker, exchange: settings["mq.exchange"] }));
    const url = settings["events.webhook"];
    if (url !== undefined) sinks.push(new Webhook({ url: url.href, secret: settings["events.webhookSecret"], clock }));
    const events: EventDispatcher = new EventDispatcher({
      ...{ sinks, log, clock },
      onSent(sent) {
        void store.markSent(sent.map(({ id }) => id));
        cluster?.told(sent);
      },
    });
    // Those of a former run; in a cluster others may have told them since.
    tell(memory.unsent.map((event) => ({ ...event, learnt: true })));
    events.start();
    lifecycle.push("events", () => events.stop());
    const recorder = new Recorder({
      fleet,
      clock,
      log,
      store,
      tell,
      show: (happened) => {
        metrics.events.add(happened);
        stream.publish(happened);
      },
      timeoutMs: () => current["agent.timeout"],
      expired: (seconds) => metrics.expiryError.observe(seconds * 1000),
    });
    // Before there are new events, which would be read as old ones.
    await stream.restore(store, log);
    if (cluster !== undefined && catalog instanceof SupervisorCatalog) catalog.restate();
    recorder.start();
    lifecycle.push("recorder", () => recorder.stop());
    const operations = new Operations({ fleet, catalog, store, recorder, clock, log, cluster });

    const beatOptions = { ...beatServerOptions(settings), onStarved: () => http.shed() };
    const countWorkers = settings["thrift.workers"];
    const workers = countWorkers === 0
      ? undefined
      : new BeatWorkers({ ...beatOptions, workers: countWorkers }, { fleet, catalog, slices, clock, log });
    const service = new HeartbeatService({ fleet, catalog, clock });
    const beats: BeatPort = workers ??
      new BeatServer(service, new FaultLog(log, () => clock.monotonic()), beatOptions);
    const descriptors = new DescriptorCheck(settings["thrift.maxConnections"], () => beats.stats.connections.open);
    const tellShortage = (shortage: string) => log.warn("beat port: {shortage}", { shortage });
    if (workers !== undefined) descriptors.now(tellShortage);
    await beats.listen();
    lifecycle.push("beat port", () => beats.stop(DRAIN_MS));
    lifecycle.push("calls", () => broker.stopConsuming());
    cluster?.start();
    await broker.start();
    const beatAddress = beats.address;
    const registrar = await newRegistrar(settings, {
      log,
      clock,
      data: () => ({
        instance,
        startedAt,
        host: hostOf(instance),
        beatPort: beatAddress.port,
        version: buildInfo().version,
      }),
    });
    registrar?.start();
    if (registrar !== undefined) lifecycle.push("ZooKeeper registration", () => registrar.stop());

    const history = new History({ counts: () => fleet.counts(now()), beats: () => beats.stats.beats }, clock);
    history.start();
    lifecycle.push("history", () => history.stop());
    const status: Status = new Status({
      ...{ instance, build: buildInfo(), startedAt, clock, fleet, beats, catalog, broker, registrar, store, events },
      beatsPerSecond: () => history.beatsPerSecond,
      timeoutMs: () => current["agent.timeout"],
      streamClients: () => stream.clients,
      cluster,
    });
    const routes: readonly Route[] = [
      ...healthRoutes(status),
      ...loginRoutes(access, loginPage),
      ...apiRoutes({ fleet, catalog, store, operations, slices, clock, dataDir: settings["data.dir"] }),
      ...historyRoutes(history),
      ...streamRoutes(stream),
      ...metricsRoutes(metrics),
      ...pageRoutes(),
    ];
    metrics.start({ ...{ status, fleet, beats, broker, events, store, registrar, routes, descriptors } });
    lifecycle.push("metrics", () => metrics.stop());
    http.start({ routes, loginPage });
    lifecycle.push("changes over HTTP", () => http.refuseChanges());

    const pulse: Pulse = {
      judgedUntilMs: () => recorder.judgedUntilMs,
      acceptsBeats: (timeoutMs) => beats.accepts(timeoutMs),
    };

    log.info("agents: {count} remembered", { count: memory.agents.table.size });
    log.info("apps that agents may run come from {source} (auth.mode = {mode})", {
      source: sourceText(settings),
      mode: settings["auth.mode"],
    });
    if (beats.tlsAddress !== undefined) {
      log.info(`beats over TLS on ${beats.tlsAddress.hostname}:${beats.tlsAddress.port}`);
    }
    if (workers !== undefined) log.info("beats are taken by {workers} workers", { workers: countWorkers });
    log.info(`beats on ${beatAddress.hostname}:${beatAddress.port}`);
    if (workers === undefined) descriptors.start(tellShortage);
    lifecycle.push("search for descriptors", () => descriptors.stop());
    return {
      ...{
        beatAddress,
        routes,
        beats,
        fleet,
        catalog,
        broker,
        cluster,
        store,
        events,
        operations,
        metrics,
        status,
        pulse,
        registrar,
      },
      get httpAddress() {
        return http.address;
      },
      reload(next: Settings) {
        current = reload({ before: current, next }, { log, fleet, catalog, operations });
        workers?.reloaded();
        if (access.reconfigure(accessSettings(current))) stream.disconnect();
        void renewCertificate(current, { beats, log });
      },
      stop: () => lifecycle.close(),
    };
  } catch (cause) {
    await lifecycle.close();
    throw cause;
  }
}

/** Puts the remembered catalog in force if it is young enough; else agents get exceptions until supervisor answers. */
async function recall(
  catalog: SupervisorCatalog,
  rows: readonly CatalogRow[],
  { settings, log, clock }: AppSurroundings & { settings: Settings },
): Promise<void> {
  const row = rows.find(({ source }) => source === catalog.source);
  if (row === undefined) return;
  const ageMs = clock.wall() - row.takenAtMs;
  // The clock is wrong now or was then, as on a machine whose clock begins in 1970: nobody knows how old it is.
  if (ageMs < -CLOCK_ERROR_MS) {
    log.warn("catalog: the remembered one is from the future, so its age is not known; waiting for supervisor");
    return;
  }
  const age = `${Math.round(ageMs / 60_000)} minutes`;
  if (ageMs > settings["auth.catalogMaxAge"]) {
    log.warn("catalog: the remembered one is {age} old, more than auth.catalogMaxAge; waiting for supervisor", { age });
    return;
  }
  try {
    await catalog.recall({ body: row.body, origin: row.origin, atMs: row.takenAtMs });
  } catch (cause) {
    log.error("catalog: the remembered one cannot be read, waiting for supervisor: {cause}", { cause });
    return;
  }
  log.info("catalog: the remembered one, confirmed {age} ago, is in force until supervisor answers", { age });
}

/** Its client is loaded only where there is a ZooKeeper: that takes 15 ms. */
async function newRegistrar(
  settings: Settings,
  parts: Pick<ConstructorParameters<typeof Registrar>[0], "log" | "clock" | "data">,
): Promise<Registrar | undefined> {
  const connectString = settings["zookeeper.host"];
  if (!zookeeperEnabled(settings) || connectString === undefined) return undefined;
  const { Registrar } = await import("./zookeeper/registrar.ts");
  return new Registrar({
    connectString,
    sessionTimeoutMs: settings["zookeeper.outTime"],
    root: settings["zookeeper.root"],
    auth: settings["zookeeper.auth"],
    ...parts,
  });
}

function reload(
  { before, next }: { before: Settings; next: Settings },
  { log, fleet, catalog, operations }: Pick<App, "fleet" | "catalog" | "operations"> & { log: Logger },
): Settings {
  const after = withLive(before, next);
  const changes = differences(before, next);
  fleet.reconfigure(fleetOptions(after));
  if (catalog instanceof SupervisorCatalog) catalog.reconfigure(after["auth.emptyShare"]);
  else catalog.reconfigure(after["auth.localAppInfo"] ?? {});
  for (const { key, from, to, live } of changes) {
    if (live) log.info("reload: {key} is {to}, was {from}", { key, from, to });
    else log.warn("reload: {key} would be {to}, is {from}: that needs a restart", { key, from, to });
  }
  if (changes.length === 0) log.info("reload: nothing has changed");
  operations.reloaded(changes, "local");
  return after;
}

/** The files may have others in them under the same names. */
async function renewCertificate(
  settings: Settings,
  { beats, log }: Pick<App, "beats"> & { log: Logger },
): Promise<void> {
  try {
    const certificate = beatCertificate(settings);
    if (certificate === undefined || !await beats.renew(certificate)) return;
    log.info("reload: the beat port over TLS has another certificate");
  } catch (cause) {
    log.error("reload: the certificate in {file} cannot be used, the former one stays: {cause}", {
      file: settings["thrift.tls.cert"],
      cause,
    });
  }
}
