import assert from "node:assert/strict";
import { SupervisorCatalog } from "../src/apps/keeper.ts";
import { LocalCatalog } from "../src/apps/local_catalog.ts";
import type { Difference } from "../src/config/reload.ts";
import type { FleetEvent } from "../src/fleet/events.ts";
import { Fleet } from "../src/fleet/fleet.ts";
import { SilenceError } from "../src/fleet/silences.ts";
import { Operations } from "../src/operations.ts";
import { Recorder } from "../src/recorder.ts";
import { Slices } from "../src/slices.ts";
import type { Store } from "../src/store/store.ts";
import { Place } from "./store/harness.ts";
import { settingsOf, startApp } from "./support/app.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { fleetOptions } from "./support/fleet_options.ts";

const HOUR_MS = 3_600_000;

/** Operations on a real fleet, catalog and store; what the recorder has is stored when it is asked for. */
class Bench implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly fleet = new Fleet(fleetOptions({ guardShare: 0.15, guardMinAgents: 2 }));
  readonly operations: Operations;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly place: Place;
  readonly store: Store;
  readonly recorder: Recorder;
  /** What others were told, and what operators were shown. */
  readonly told: FleetEvent[] = [];
  readonly shown: FleetEvent[] = [];

  static async make(source: "local" | "supervisor" = "supervisor"): Promise<Bench> {
    const place = new Place();
    const clock = new FakeClock();
    return new Bench(clock, { place, store: (await place.open({ clock })).store, source });
  }

  private constructor(
    clock: FakeClock,
    { place, store, source }: { place: Place; store: Store; source: "local" | "supervisor" },
  ) {
    this.clock = clock;
    this.place = place;
    this.store = store;
    const { fleet } = this;
    const log = place.log.logger;
    this.recorder = new Recorder({
      ...{ fleet, clock, log, store },
      tell: (events) => this.told.push(...events),
      show: (events) => this.shown.push(...events),
      timeoutMs: () => 60_000,
      expired: () => {},
    });
    this.catalog = source === "local" ? new LocalCatalog({}) : new SupervisorCatalog({
      ...{ log, clock, emptyShare: 0.5 },
      slices: new Slices(),
      listener: {
        inForce: ({ body, origin, atMs }) =>
          this.recorder.catalog({ body, origin, takenAtMs: atMs, source: "supervisor" }),
        event: (kind, details) => this.recorder.event(kind, details),
      },
      ask: () => Promise.reject(new Error("supervisor does not answer")),
    });
    this.operations = new Operations({ fleet, catalog: this.catalog, store, recorder: this.recorder, clock, log });
  }

  beat(n: number): void {
    this.fleet.beat({ ip: `10.0.0.${n}`, asset: `CX${n}`, version: "1", apps: "{}" }, this.clock.now);
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    this.fleet.advance(this.clock.now);
  }

  /** The audits so far, newest first, as they are stored. */
  async audits(): Promise<Record<string, unknown>[]> {
    await this.recorder.stop();
    const stored = await this.store.events({ kinds: ["audit"] });
    return stored.map(({ ip, details }) => ({ ...(ip === "" ? {} : { ip }), ...details }));
  }

  lines(): string[] {
    return this.place.log.matching(/audit: /).map((line) => line.slice(line.indexOf("audit: ")));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.place[Symbol.asyncDispose]();
  }
}

Deno.test("Operations.forget is audited with the agent, once, and not at all when there is none", async () => {
  await using bench = await Bench.make();
  bench.beat(1);
  assert.equal(bench.operations.forget("10.0.0.9", "anna"), false);
  assert.equal(bench.operations.forget("10.0.0.1", "anna"), true);
  assert.equal(bench.operations.forget("10.0.0.1", "anna"), false);
  const audit = { action: "forget", who: "anna", what: "10.0.0.1", result: "forgotten" };
  assert.deepEqual(await bench.audits(), [{ ip: "10.0.0.1", ...audit }]);
  assert.deepEqual(bench.lines(), ["audit: anna forget: 10.0.0.1: forgotten"]);
  assert.equal(bench.shown.filter(({ kind }) => kind === "audit").length, 1);
  assert.deepEqual(bench.told.map(({ kind }) => kind), ["agentOnline", "agentForgotten"]);
});

Deno.test("Operations keeps two audits of one moment apart", async () => {
  await using bench = await Bench.make();
  bench.operations.prune(HOUR_MS, "anna");
  bench.operations.prune(HOUR_MS, "anna");
  assert.equal((await bench.audits()).length, 2);
});

Deno.test("Operations.prune and releaseGuard say how many they were about", async () => {
  await using bench = await Bench.make();
  for (let n = 1; n <= 10; n++) bench.beat(n);
  assert.equal(bench.operations.releaseGuard("local"), false);
  bench.pass(59_000);
  for (let n = 1; n <= 5; n++) bench.beat(n);
  bench.pass(1_000);
  assert.equal(bench.operations.releaseGuard("local"), true);
  bench.pass(1_000);
  assert.equal(bench.operations.prune(0, "local"), 5);
  assert.deepEqual((await bench.audits()).map(({ action, result }) => [action, result]), [
    ["prune", "5 forgotten"],
    ["guardRelease", "5 held agents may go offline"],
  ]);
});

Deno.test("Operations.acceptCatalog and rollback say what they did, and only what they did", async () => {
  await using bench = await Bench.make();
  const { catalog, operations, clock } = bench;
  const body = (app: string, ...agentList: string[]) => ({ result: [{ app, version: "1", agentList }] });
  await catalog.offer(body("a", "10.0.0.1", "10.0.0.2"));
  assert.equal(await operations.acceptCatalog(clock.wall(), "anna"), undefined);
  clock.advance(1_000);
  await catalog.offer(body("a", "10.0.0.9"));
  assert.equal(await operations.acceptCatalog(clock.wall() - 1, "anna"), undefined, "not the one that is held");
  assert.equal((await operations.acceptCatalog(clock.wall(), "anna"))?.result, "applied");
  await bench.audits();
  assert.equal(await operations.rollback(99, "anna"), "unknown");
  const first = (await bench.store.catalogs()).at(-1);
  const outcome = await operations.rollback(first?.id ?? 0, "anna");
  assert.ok(typeof outcome === "object" && outcome.result === "applied");
  assert.deepEqual((await bench.audits()).map(({ action, result }) => [action, result]), [
    ["catalogRollback", "applied"],
    ["catalogAccept", "applied"],
  ]);
});

Deno.test("Operations leaves the catalog of the configuration alone", async () => {
  await using bench = await Bench.make("local");
  assert.equal(await bench.operations.acceptCatalog(0, "anna"), undefined);
  assert.equal(await bench.operations.rollback(1, "anna"), "local");
  assert.deepEqual(await bench.audits(), []);
});

Deno.test("Operations.addSilence and removeSilence name the agents; a refused window is no audit", async () => {
  await using bench = await Bench.make();
  for (let n = 1; n <= 3; n++) bench.beat(n);
  const untilMs = bench.clock.wall() + HOUR_MS;
  assert.throws(() => bench.operations.addSilence({ untilMs }, "anna"), SilenceError);
  const { id } = bench.operations.addSilence({ cidr: "10.0.0.2/31", reason: "disks", untilMs }, "anna");
  bench.pass(60_000);
  assert.equal(bench.operations.removeSilence("none", "bert"), false);
  assert.equal(bench.operations.removeSilence(id, "bert"), true);
  const what = `${id} cidr 10.0.0.2/31 (disks)`;
  assert.deepEqual(await bench.audits(), [
    { action: "silenceRemove", who: "bert", what, result: "agents in it: 2, of them offline: 2" },
    { action: "silenceAdd", who: "anna", what, result: `agents in it: 2, until ${new Date(untilMs).toISOString()}` },
  ]);
});

Deno.test("Recorder logs the end of a window, and stores the windows that are left", async () => {
  await using bench = await Bench.make();
  bench.beat(1);
  const untilMs = bench.clock.wall() + HOUR_MS;
  const { id } = bench.operations.addSilence({ asset: "cx?", untilMs }, "anna");
  const { stored } = bench.operations.addSilence({ asset: "z", untilMs: untilMs + 1 }, "anna");
  bench.pass(HOUR_MS);
  await bench.recorder.stop();
  const [line, ...more] = bench.place.log.matching(/silence: /);
  assert.deepEqual(more, []);
  assert.match(
    line ?? "",
    new RegExp(`INF silence: ${id} asset cx\\? is over; agents in it: 1, of them offline: 1`),
  );
  await bench.store.close();
  assert.deepEqual((await bench.place.open()).memory.silences, [stored]);
});

Deno.test("Operations.reloaded names the keys and never a value; nothing changed is nothing done", async () => {
  await using bench = await Bench.make();
  const change = (key: string, live: boolean) => ({ key, from: "S3CRET", to: "S3CRET2", live }) as Difference;
  bench.operations.reloaded([], "local");
  bench.operations.reloaded([change("agent.timeout", true), change("mq.password", false)], "local");
  const what = "agent.timeout, mq.password";
  const result = "1 applied; after a restart: mq.password";
  assert.deepEqual(await bench.audits(), [{ action: "reload", who: "local", what, result }]);
  assert.doesNotMatch(bench.place.log.lines.join(), /S3CRET/);
});

Deno.test("Operations.backup is audited when the copy is there, and not when it failed", async () => {
  await using bench = await Bench.make();
  const file = `${bench.place.dir}/copy.db`;
  await bench.operations.backup(file, "anna");
  assert.ok(Deno.statSync(file).size > 0);
  await assert.rejects(bench.operations.backup(file, "anna"), /exists already/);
  assert.deepEqual(await bench.audits(), [{ action: "backup", who: "anna", what: file, result: "written" }]);
});

Deno.test("App keeps windows over a restart, and audits a reload", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-operations-" });
  try {
    let id: string | undefined;
    {
      await using service = await startApp("", { dataDir });
      const untilMs = Date.now() + HOUR_MS;
      id = service.app.operations.addSilence({ asset: "db-*", untilMs }, "anna").id;
      service.app.reload(settingsOf("agent.timeout = 5m\nzookeeper.outTime = 12345", dataDir));
    }
    await using service = await startApp("", { dataDir });
    assert.deepEqual(service.app.fleet.silences.list.map((silence) => silence.id), [id]);
    const [reload, ...more] = await service.app.store.events({ kinds: ["audit"] });
    assert.deepEqual([reload?.details.action, reload?.details.who], ["reload", "local"]);
    assert.match(String(reload?.details.what), /agent\.timeout/);
    assert.deepEqual(more.map(({ details }) => details.action), ["silenceAdd"]);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});
