import assert from "node:assert/strict";
import { SupervisorCatalog } from "../../src/apps/keeper.ts";
import { LocalCatalog } from "../../src/apps/local_catalog.ts";
import type { SinkStats } from "../../src/events/dispatcher.ts";
import type { SinkName } from "../../src/events/sink.ts";
import type { BrokerState } from "../../src/mq/broker.ts";
import { Slices } from "../../src/slices.ts";
import { Status, type StatusParts, type Summary } from "../../src/status.ts";
import type { StoreState } from "../../src/store/store.ts";
import { BeatCounters } from "../../src/thrift/stats.ts";
import type { RegistrarStatus } from "../../src/zookeeper/registrar.ts";
import { Scene } from "../fleet/scene.ts";
import { startApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { RestoredAgents } from "../../src/fleet/stored.ts";

/** A service made of a real fleet and of parts whose state the test chooses. */
class Bench {
  readonly scene: Scene;
  readonly beats = { isListening: true, stats: new BeatCounters() };
  readonly broker: { state: BrokerState };
  readonly store: { state: StoreState };
  readonly events: { stats: Partial<Record<SinkName, SinkStats>> } = { stats: {} };
  registrar: { status: RegistrarStatus } | undefined;
  catalog: StatusParts["catalog"] = new LocalCatalog({ app1: "1.0", app2: "2.0" });

  constructor(scene = new Scene()) {
    this.scene = scene;
    const sinceMs = scene.clock.wall();
    this.broker = { state: { name: "up", sinceMs } };
    this.store = { state: { status: "ok", sinceMs, fault: undefined, lagMs: 0, queued: 0 } };
  }

  get status(): Status {
    const { scene, beats, broker, store, events, registrar, catalog } = this;
    return new Status({
      ...{ beats, broker, store, events, registrar, catalog, clock: scene.clock, fleet: scene.fleet },
      instance: "host-11102",
      build: { version: "1.2.3", commit: "abc", runtime: "test" },
      startedAt: "2026-01-02T03:04:05.000Z",
      beatsPerSecond: () => 2.345,
      timeoutMs: () => 60_000,
      streamClients: () => 4,
      cluster: undefined,
    });
  }

  summary(): Summary {
    return this.status.summary();
  }

  /** A moment so many ms from the start, as text. */
  at(ms: number): string {
    return new Date(Date.UTC(2026, 0, 2, 3, 4, 5) + ms).toISOString();
  }
}

Deno.test("Status tells everything of a service that has just started", () => {
  const bench = new Bench();
  assert.deepEqual(bench.summary(), {
    instance: "host-11102",
    version: "1.2.3",
    commit: "abc",
    deno: Deno.version.deno,
    runtime: "test",
    started_at: bench.at(0),
    now: bench.at(0),
    now_ms: Date.UTC(2026, 0, 2, 3, 4, 5),
    agents: { online: 0, suspect: 0, offline: 0, total: 0, silenced: 0, flapping: 0 },
    warming: false,
    grace_until: null,
    guard: { on: false, since: null, silent: 0, agents: 0, held: 0, ends_by: null },
    silences: 0,
    beats: { total: 0, per_second: 2.35 },
    timeout_seconds: 60,
    beat_interval_seconds: null,
    catalog: { source: "local", known: true, apps: 2, agents: 0, confirmed_at: null, age_seconds: null, held: null },
    mq: { state: "up", since: bench.at(0), fault: null },
    zookeeper: { state: "disabled", since: null, path: null, fault: null },
    store: { state: "ok", since: bench.at(0), fault: null, lag_seconds: 0, queued: 0 },
    events: { sinks: [] },
    cluster: { enabled: false },
    stream_clients: 4,
  });
});

Deno.test("Status counts agents by state, and silences", () => {
  const bench = new Bench();
  const { scene } = bench;
  scene.beats(0, 10);
  scene.pass(30_000);
  scene.beats(0, 9);
  scene.pass(31_000);
  scene.silence(1_000);
  const { agents, silences, beat_interval_seconds } = bench.summary();
  assert.deepEqual(agents, { online: 9, suspect: 0, offline: 1, total: 10, silenced: 10, flapping: 0 });
  assert.deepEqual([silences, beat_interval_seconds], [1, 30]);
});

Deno.test("Status tells of the guard, how many it holds and when it ends at the latest", () => {
  const bench = new Bench();
  const { scene } = bench;
  scene.beats(0, 100);
  scene.pass(30_000);
  scene.beats(0, 50);
  scene.pass(31_000);
  const { guard, agents } = bench.summary();
  assert.deepEqual(guard, {
    on: true,
    since: bench.at(60_000),
    silent: 100,
    agents: 100,
    held: 50,
    ends_by: bench.at(360_000),
  });
  assert.deepEqual([agents.online, agents.suspect], [50, 50]);
});

Deno.test("Status tells of grace and warming while they last", () => {
  const scene = new Scene();
  const bench = new Bench(scene);
  scene.fleet.restore({ agents: new RestoredAgents(), silences: [] }, scene.clock.now);
  assert.deepEqual([bench.summary().warming, bench.summary().grace_until], [true, bench.at(20_000)]);
  assert.equal(bench.status.readiness().warming, true);
  scene.pass(20_000);
  assert.deepEqual([bench.summary().warming, bench.summary().grace_until], [false, null]);
});

Deno.test("Status tells of supervisor's catalog: not known, in force, held back", async () => {
  using log = new MemoryLog();
  const bench = new Bench();
  const { clock } = bench.scene;
  const agents = Array.from({ length: 10 }, (_, i) => `10.0.0.${i + 1}`);
  const keeper = new SupervisorCatalog({
    ...{ log: log.logger, clock, slices: new Slices(), emptyShare: 0.5 },
    listener: { inForce() {}, event() {} },
    ask: () => Promise.reject(new Error("nobody there")),
  });
  bench.catalog = keeper;
  const unknown = { source: "supervisor", known: false, apps: 0, agents: 0, confirmed_at: null, age_seconds: null };
  assert.deepEqual(bench.summary().catalog, { ...unknown, held: null });
  assert.equal(bench.status.readiness().catalog.ok, false);

  await keeper.offer({ result: [{ app: "a", version: "1", agentList: agents }] });
  clock.advance(90_400);
  const known = { source: "supervisor", known: true, apps: 1, agents: 10, confirmed_at: bench.at(0), age_seconds: 90 };
  assert.deepEqual(bench.summary().catalog, { ...known, held: null });

  await keeper.offer({ result: [{ app: "b", version: "1", agentList: agents.slice(0, 1) }] });
  const { held, ...rest } = bench.summary().catalog;
  assert.deepEqual(rest, known);
  assert.deepEqual([held?.at, held?.at_ms, held?.apps, held?.agents], [bench.at(90_400), clock.wall(), 1, 1]);
  assert.equal(held?.reason, keeper.held?.reason);
});

Deno.test("Status tells what is wrong with each part, and is ready only with beats and RabbitMQ", () => {
  const bench = new Bench();
  const sinceMs = bench.scene.clock.wall();
  bench.registrar = { status: { state: "registered", since: sinceMs, path: "/elves/heartbeat/1", fault: "before" } };
  bench.events.stats = {
    mq: {
      queued: 1,
      delivered: 2,
      messages: 1,
      retries: 0,
      dropped: { overflow: 0, refused: 3 },
      oldestAtMs: undefined,
    },
  };
  const { zookeeper, events } = bench.summary();
  assert.deepEqual(zookeeper, { state: "registered", since: bench.at(0), path: "/elves/heartbeat/1", fault: "before" });
  assert.equal(events.sinks.length, 1);
  assert.deepEqual([events.sinks[0]?.name, events.sinks[0]?.dropped.refused], ["mq", 3]);

  const oks = () => {
    const { ready, beats, mq, zookeeper, store, catalog } = bench.status.readiness();
    return { ready, beats: beats.ok, mq: mq.ok, zookeeper: zookeeper.ok, store: store.ok, catalog: catalog.ok };
  };
  const fine = { ready: true, beats: true, mq: true, zookeeper: true, store: true, catalog: true };
  assert.deepEqual(oks(), fine);
  bench.registrar = { status: { state: "down", since: sinceMs, path: undefined, fault: "no server" } };
  bench.store.state = { status: "failing", sinceMs, fault: "disk full", lagMs: 1_234.5678, queued: 7 };
  assert.deepEqual(oks(), { ...fine, zookeeper: false, store: false });
  assert.deepEqual(bench.summary().store, {
    ...{ state: "failing", since: bench.at(0), fault: "disk full", lag_seconds: 1.235, queued: 7 },
  });
  bench.broker.state = { name: "down", sinceMs, fault: "nothing listens" };
  assert.deepEqual(oks(), { ...fine, ready: false, mq: false, zookeeper: false, store: false });
  assert.deepEqual(bench.status.readiness().mq, {
    ...{ ok: false, state: "down", since: bench.at(0), fault: "nothing listens" },
  });
  bench.broker.state = { name: "up", sinceMs };
  bench.beats.isListening = false;
  assert.equal(bench.status.readiness().ready, false);
});

Deno.test("App counts beats and the agents of a running service in its summary", async () => {
  await using app = await startApp("thrift.heartbeat.host = 127.0.0.1\nagent.timeout = 7m");
  for (const last of [1, 2, 2]) {
    await beat(app.beatAddress, { asset: `a${last}`, ip: `10.0.0.${last}`, version: "1", apps: "{}" });
  }
  const summary: Summary = await (await fetch(`${app.url}/api/v1/summary`)).json();
  assert.deepEqual([summary.agents.online, summary.beats.total, summary.timeout_seconds], [2, 3, 420]);
  assert.ok(Math.abs(Date.parse(summary.now) - Date.now()) < 60_000);
  assert.equal(summary.catalog.source, "local");
  assert.equal(summary.store.state, "ok");
});
