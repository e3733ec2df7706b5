import type { SupervisorCatalog } from "./apps/keeper.ts";
import type { LocalCatalog } from "./apps/local_catalog.ts";
import type { BuildInfo } from "./build_info.ts";
import { type Clock, instant } from "./clock.ts";
import { type ClusterStatus, type ClusterSummary, clusterSummary } from "./cluster/summary.ts";
import type { EventDispatcher, SinkStats } from "./events/dispatcher.ts";
import type { SinkName } from "./events/sink.ts";
import type { Fleet } from "./fleet/fleet.ts";
import type { Broker, BrokerState } from "./mq/broker.ts";
import type { Store, StoreState } from "./store/store.ts";
import type { BeatPort } from "./thrift/server.ts";
import type { Registrar, RegistrarStatus } from "./zookeeper/registrar.ts";

/** The parts whose state is told. */
export interface StatusParts {
  readonly instance: string;
  readonly build: BuildInfo;
  /** RFC 3339. */
  readonly startedAt: string;
  readonly clock: Clock;
  readonly fleet: Fleet;
  readonly beats: Pick<BeatPort, "isListening" | "stats">;
  readonly beatsPerSecond: () => number;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly broker: Pick<Broker, "state">;
  /** Undefined where the service does not register itself. */
  readonly registrar: Pick<Registrar, "status"> | undefined;
  readonly store: Pick<Store, "state">;
  readonly events: Pick<EventDispatcher, "stats">;
  /** agent.timeout, ms. */
  readonly timeoutMs: () => number;
  /** How many clients read the stream. */
  readonly streamClients: () => number;
  /** Undefined where this is the only instance. */
  readonly cluster: { readonly status: ClusterStatus } | undefined;
}

/** A moment as text, RFC 3339 in UTC. */
type Time = string;

/** A catalog that waits for somebody to decide. */
export interface HeldSummary {
  readonly at: Time;
  readonly at_ms: number;
  readonly reason: string;
  readonly apps: number;
  readonly agents: number;
}

/** How the telling of events stands. */
export interface SinkSummary extends Omit<SinkStats, "oldestAtMs"> {
  readonly name: SinkName;
  /** When the oldest event that waits happened; null when none waits. */
  readonly oldest_at_ms: number | null;
}

/** The whole service at a glance, as `/api/v1/summary` tells it. */
export interface Summary {
  readonly instance: string;
  readonly version: string;
  readonly commit: string;
  /** Version of the runtime. */
  readonly deno: string;
  /** Where the runtime comes from. */
  readonly runtime: string;
  readonly started_at: Time;
  readonly now: Time;
  readonly now_ms: number;
  readonly agents: {
    readonly online: number;
    readonly suspect: number;
    readonly offline: number;
    readonly total: number;
    readonly silenced: number;
    readonly flapping: number;
  };
  /** Since the start, and over the last ten seconds. */
  readonly beats: { readonly total: number; readonly per_second: number };
  readonly timeout_seconds: number;
  /** The mean time between two beats of an agent; null before any agent has beaten twice. */
  readonly beat_interval_seconds: number | null;
  /** Whether the fleet began empty so short a time ago that agents may not have had the chance to beat. */
  readonly warming: boolean;
  /** Until when nobody is called offline, because the service has started or stood still. */
  readonly grace_until: Time | null;
  readonly guard: {
    readonly on: boolean;
    readonly since: Time | null;
    readonly silent: number;
    /** Of how many, as the guard counts. */
    readonly agents: number;
    readonly held: number;
    /** When it ends at the latest. */
    readonly ends_by: Time | null;
  };
  readonly catalog: {
    readonly source: "local" | "supervisor";
    /** Without a known one agents get exceptions, and keep what they have. */
    readonly known: boolean;
    readonly apps: number;
    readonly agents: number;
    /** When supervisor said the one in force last. */
    readonly confirmed_at: Time | null;
    readonly age_seconds: number | null;
    readonly held: HeldSummary | null;
  };
  readonly mq: { readonly state: BrokerState["name"]; readonly since: Time; readonly fault: string | null };
  readonly zookeeper: {
    readonly state: "disabled" | RegistrarStatus["state"];
    readonly since: Time | null;
    readonly path: string | null;
    /** What went wrong last, also when it works again. */
    readonly fault: string | null;
  };
  readonly store: {
    readonly state: StoreState["status"];
    readonly since: Time;
    readonly fault: string | null;
    readonly lag_seconds: number;
    readonly queued: number;
  };
  readonly events: { readonly sinks: readonly SinkSummary[] };
  /** Only `enabled` where it is not. */
  readonly cluster: { readonly enabled: false } | ClusterSummary;
  readonly silences: number;
  readonly stream_clients: number;
}

/** What `/readyz` tells: each part with whether it works. */
export interface Readiness {
  /** Whether beats are served, RabbitMQ is up, and in a cluster whether what the others know is known here. */
  readonly ready: boolean;
  readonly warming: boolean;
  readonly beats: { readonly ok: boolean };
  readonly mq: Summary["mq"] & { readonly ok: boolean };
  readonly zookeeper: Summary["zookeeper"] & { readonly ok: boolean };
  readonly store: Summary["store"] & { readonly ok: boolean };
  readonly catalog: Pick<Summary["catalog"], "source" | "known" | "age_seconds"> & { readonly ok: boolean };
  readonly cluster: Pick<Summary["cluster"], "enabled"> & { readonly ok: boolean };
}

/** Reads the state of every part, for people, balancers and the page. Costs the same in a fleet of any size. */
export class Status {
  readonly #parts: StatusParts;

  constructor(parts: StatusParts) {
    this.#parts = parts;
  }

  /** The whole service at this moment. */
  summary(): Summary {
    const { instance, build, startedAt, clock, fleet, beats, beatsPerSecond, timeoutMs, streamClients } = this.#parts;
    const nowMs = clock.wall();
    const { version, commit, runtime } = build;
    return {
      ...{
        instance,
        version,
        commit,
        deno: Deno.version.deno,
        runtime,
        started_at: startedAt,
        now: time(nowMs),
        now_ms: Math.floor(nowMs),
      },
      ...this.#fleet(),
      beats: { total: beats.stats.beats, per_second: rounded(beatsPerSecond(), 2) },
      timeout_seconds: timeoutMs() / 1000,
      beat_interval_seconds: fleet.beatIntervalMs === undefined ? null : rounded(fleet.beatIntervalMs / 1000, 2),
      catalog: this.#catalog(),
      mq: this.#mq(),
      zookeeper: this.#zookeeper(),
      store: this.#store(),
      events: { sinks: this.#sinks() },
      cluster: clusterSummary(this.#parts.cluster?.status),
      stream_clients: streamClients(),
    };
  }

  /** What works and what does not. */
  readiness(): Readiness {
    const beats = { ok: this.#parts.beats.isListening };
    const mq = this.#mq();
    const zookeeper = this.#zookeeper();
    const store = this.#store();
    const { source, known, age_seconds } = this.#catalog();
    const { cluster: peers } = this.#parts;
    const cluster = { ok: peers?.status.caughtUp ?? true, enabled: peers !== undefined };
    return {
      ready: beats.ok && mq.state === "up" && cluster.ok,
      warming: this.#parts.fleet.isWarming(this.#now()),
      beats,
      mq: { ok: mq.state === "up", ...mq },
      zookeeper: { ok: zookeeper.state === "registered" || zookeeper.state === "disabled", ...zookeeper },
      store: { ok: store.state === "ok", ...store },
      catalog: { ok: known, source, known, age_seconds },
      cluster,
    };
  }

  #now() {
    return instant(this.#parts.clock);
  }

  #fleet(): Pick<Summary, "agents" | "warming" | "grace_until" | "guard" | "silences"> {
    const { fleet } = this.#parts;
    const now = this.#now();
    const { online, suspect, offline } = fleet.counts(now);
    const { guardSinceMs, guardEndsByMs, graceUntilMs, silent, agents, held } = fleet.status(now);
    const wall = (monotonic: number) => time(now.wall + monotonic - now.monotonic);
    return {
      agents: {
        ...{ online, suspect, offline, total: online + suspect + offline },
        silenced: fleet.countSilenced,
        flapping: fleet.countFlapping,
      },
      warming: fleet.isWarming(now),
      grace_until: graceUntilMs > now.monotonic ? wall(graceUntilMs) : null,
      guard: {
        on: guardSinceMs !== undefined,
        since: guardSinceMs === undefined ? null : wall(guardSinceMs),
        silent,
        agents,
        held,
        ends_by: guardEndsByMs === undefined ? null : wall(guardEndsByMs),
      },
      silences: fleet.silences.size,
    };
  }

  #catalog(): Summary["catalog"] {
    const { catalog, clock } = this.#parts;
    const { current } = catalog;
    const known = { known: current !== undefined, apps: current?.apps.size ?? 0, agents: current?.agents ?? 0 };
    if (catalog.source === "local") {
      return { source: catalog.source, ...known, confirmed_at: null, age_seconds: null, held: null };
    }
    const { source, held, confirmedAtMs } = catalog;
    return {
      source,
      ...known,
      confirmed_at: confirmedAtMs === undefined ? null : time(confirmedAtMs),
      age_seconds: confirmedAtMs === undefined ? null : Math.max(0, Math.round((clock.wall() - confirmedAtMs) / 1000)),
      held: held === undefined ? null : {
        at: time(held.atMs),
        at_ms: held.atMs,
        reason: held.reason,
        apps: held.catalog.apps.size,
        agents: held.catalog.agents,
      },
    };
  }

  #mq(): Summary["mq"] {
    const { name, sinceMs, fault } = this.#parts.broker.state;
    return { state: name, since: time(sinceMs), fault: fault ?? null };
  }

  #zookeeper(): Summary["zookeeper"] {
    const { registrar } = this.#parts;
    if (registrar === undefined) return { state: "disabled", since: null, path: null, fault: null };
    const { state, since, path, fault } = registrar.status;
    return { state, since: time(since), path: path ?? null, fault: fault ?? null };
  }

  #store(): Summary["store"] {
    const { status, sinceMs, fault, lagMs, queued } = this.#parts.store.state;
    return { state: status, since: time(sinceMs), fault: fault ?? null, lag_seconds: rounded(lagMs / 1000, 3), queued };
  }

  #sinks(): Summary["events"]["sinks"] {
    const stats = Object.entries(this.#parts.events.stats) as [SinkName, SinkStats][];
    return stats.map(([name, { oldestAtMs, ...counts }]) => ({ name, ...counts, oldest_at_ms: oldestAtMs ?? null }));
  }
}

function time(ms: number): Time {
  return new Date(ms).toISOString();
}

function rounded(value: number, decimals: number): number {
  return Math.round(value * 10 ** decimals) / 10 ** decimals;
}
