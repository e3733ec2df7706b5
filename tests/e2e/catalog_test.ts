/**
 * What agents are told while catalogs come, are doubted, held, remembered and forgotten (DESIGN.md section 4). The
 * agents beat all the time; the assertion is on everything that they were told. A word that all of them are to hear must
 * stand until they have beaten on: one of them may beat later than the others.
 */
import assert from "node:assert/strict";
import { startRabbit } from "../support/rabbitmq.ts";
import type { Word } from "../support/scripted_supervisor.ts";
import { waitFor } from "../support/wait_for.ts";
import { all, FOUR, Scene } from "./catalog_scene.ts";

const UNKNOWN = "exception 6";
const V1 = '{"a":"1"}';
const V2 = '{"a":"2"}';
const NOTHING = "{}";
/** Leaves three of the four without any app. */
const EMPTYING = [{ app: "a", version: "1", agentList: FOUR.slice(3) }];
const HELD = /ERR catalog: held back/;
const DAY_MS = 86_400_000;

/** Prepares a scene with what supervisor says. */
type Open = (word: Word) => Promise<Scene>;

for (const workers of [0, 2]) {
  Deno.test(`elves-heartbeat with ${workers} workers tells agents nothing that it is not sure of`, async (t) => {
    await using rabbit = await startRabbit();
    const open: Open = (word) => Scene.open(rabbit, word, { workers });
    await t.step("catalogs that would empty the fleet", () => emptyingCatalogs(open));
    await t.step("a first catalog without any app", () => emptyFirstCatalog(open));
    await t.step("entries with faults", () => badEntries(open));
    await t.step("the remembered catalog, young, old and unreadable", () => rememberedCatalog(open));
    await t.step("casts that waited while the service was down", () => oldCasts(open));
    await t.step("two sources in turn", () => twoSources(open));
    await t.step("the history of catalogs", () => history(open));
  });
}

async function emptyingCatalogs(open: Open): Promise<void> {
  await using scene = await open(all("1"));
  const { supervisor, first, last, unnamed } = scene;
  await supervisor.leave();
  await scene.start();
  await scene.service.logged(/WRN supervisor gives no catalog/);
  await scene.beatsOn();
  await supervisor.come();
  await first.isTold(V1);
  await scene.beatsOn();

  // Supervisor contradicts: its word counts.
  supervisor.word = all("2");
  await supervisor.cast(EMPTYING);
  await first.isTold(V2);

  const doubts: [Word | "gone", string][] = [
    ["error", "an error"],
    [{ mqbody: { apps: [] } }, "no list"],
    ["gone", "nobody"],
    ["silence", "nothing within 10 s"],
  ];
  for (const [index, [word, what]] of doubts.entries()) {
    if (word === "gone") await supervisor.leave();
    else supervisor.word = word;
    await supervisor.cast(index % 2 === 0 ? EMPTYING : []);
    await scene.logged(HELD, index + 1);
    if (word === "gone") await supervisor.come();
    const rows = await scene.told("catalogHeld", index + 1);
    assert.match(String(rows[index]?.reason), index % 2 === 0 ? /3 of 4 agents/ : /4 of 4 agents/, what);
    await scene.beatsOn();
    assert.deepEqual(first.told, [UNKNOWN, V1, V2], `after the confirming question got ${what}`);
  }

  // The next sync says the same as what is held.
  supervisor.word = EMPTYING;
  scene.proxy.cut();
  await first.isTold(NOTHING);
  await last.isTold(V1);

  // Apps for more agents need no confirmation; then an emptying cast that supervisor confirms.
  const { asked } = supervisor;
  await supervisor.cast(all("2"));
  await first.isTold(V2);
  await last.isTold(V2);
  assert.equal(supervisor.asked, asked);
  supervisor.word = EMPTYING;
  await supervisor.cast(EMPTYING);
  await first.isTold(NOTHING);
  await scene.beatsOn();

  assert.deepEqual(first.told, [UNKNOWN, V1, V2, NOTHING, V2, NOTHING]);
  assert.deepEqual(last.told, [UNKNOWN, V1, V2, V1, V2, V1]);
  assert.deepEqual(unnamed.told, [UNKNOWN, NOTHING]);
  await scene.logged(HELD, doubts.length);
  for (const agent of [first, last, unnamed]) assert.equal(agent.unanswered, 0);
}

async function emptyFirstCatalog(open: Open): Promise<void> {
  await using scene = await open("error");
  const { supervisor, first } = scene;
  supervisor.nextWords.push([]);
  await scene.start();
  await scene.logged(HELD, 1);
  await scene.beatsOn();
  assert.deepEqual(first.told, [UNKNOWN]);
  supervisor.word = [];
  scene.proxy.cut();
  await first.isTold(NOTHING);
  assert.deepEqual(first.told, [UNKNOWN, NOTHING], "supervisor has said it twice");
}

async function badEntries(open: Open): Promise<void> {
  await using scene = await open(all("1"));
  const { supervisor, first, last } = scene;
  await scene.start();
  await first.isTold(V1);
  await scene.beatsOn();
  await supervisor.cast();
  await scene.logged(/WRN catalog: refused whole/, 1);
  await supervisor.cast([
    { app: "a", version: 2, agentList: FOUR },
    { app: "b", version: "1", agentList: [FOUR[0], "no address"] },
    { version: "1", agentList: [FOUR[3]] },
    null,
  ]);
  await first.isTold('{"a":"1","b":"1"}');
  await supervisor.cast([{ app: "a", version: "2", agentList: [...FOUR, null] }, { app: "b", agentList: [] }]);
  await first.isTold('{"a":"2","b":"1"}');
  await scene.beatsOn();
  assert.deepEqual(first.told.filter((what) => what !== UNKNOWN), [V1, '{"a":"1","b":"1"}', '{"a":"2","b":"1"}']);
  assert.deepEqual(last.told.filter((what) => what !== UNKNOWN), [V1, V2]);
}

async function rememberedCatalog(open: Open): Promise<void> {
  await using scene = await open(all("1"));
  const { supervisor, first, unnamed } = scene;
  await scene.start();
  await first.isTold(V1);
  // The last word before the end must be on disk: it is flushed twice a second.
  await waitFor(() => scene.history().length === 1, { timeoutMs: 10_000, what: "the catalog on disk" });
  await scene.end("kill");

  await supervisor.leave();
  await scene.start();
  await scene.service.logged(/INF catalog: the remembered one, confirmed \d+ minutes ago, is in force/);
  await scene.service.logged(/WRN supervisor gives no catalog/);
  await scene.beatsOn();
  assert.deepEqual(first.told.slice(first.told.indexOf(V1)), [V1], "not one exception after the restart");
  await scene.end();

  scene.alterHistory(`taken_at_ms = taken_at_ms - ${DAY_MS - 60_000}`);
  await scene.start();
  await scene.beatsOn();
  await scene.end();
  scene.alterHistory(`taken_at_ms = taken_at_ms - 120000`);
  await scene.start();
  await scene.service.logged(/WRN catalog: the remembered one is 144\d minutes old, more than auth.catalogMaxAge/);
  await scene.beatsOn();
  supervisor.word = all("2");
  await supervisor.come();
  await first.isTold(V2);
  await waitFor(() => scene.history()[0]?.body.includes('"2"'), { timeoutMs: 10_000, what: "the new one on disk" });
  await scene.end();

  scene.alterHistory(`body = substr(body, 1, 20)`);
  await scene.start();
  await scene.service.logged(/ERR catalog: the remembered one cannot be read/);
  // What it was told last in the run before is the same.
  await scene.beatsOn();
  await first.isTold(V2);
  const from = first.told.indexOf(V1);
  // Between the start and supervisor's answer there may be no beat in the last run.
  const expected = [V1, UNKNOWN, V2, UNKNOWN, V2];
  assert.deepEqual(first.told.slice(from), first.told.length - from === 3 ? expected.slice(0, 3) : expected);
  assert.deepEqual(new Set(unnamed.told), new Set([UNKNOWN, NOTHING]));
}

async function oldCasts(open: Open): Promise<void> {
  await using scene = await open(all("1"));
  const { supervisor, first, last } = scene;
  await scene.start();
  await first.isTold(V1);
  await scene.beatsOn();
  await scene.end();
  for (const version of ["0.7", "0.8", "0.9"]) await supervisor.cast(all(version));
  await supervisor.cast(EMPTYING);
  await supervisor.cast([]);
  await waitFor(async () => await supervisor.waiting() === 5, { timeoutMs: 10_000, what: "five casts in the queue" });
  supervisor.word = all("2");
  await scene.start();
  await first.isTold(V2);
  await scene.beatsOn();
  for (const agent of [first, last]) {
    assert.deepEqual(agent.told.slice(agent.told.indexOf(V1)), [V1, V2], "nothing of what had waited");
  }
  await scene.end();

  // Supervisor is not there: the newest that waited is the best that is known.
  for (const version of ["2.1", "2.2"]) await supervisor.cast(all(version));
  await waitFor(async () => await supervisor.waiting() === 2, { timeoutMs: 10_000, what: "two casts in the queue" });
  await supervisor.leave();
  await scene.start();
  await first.isTold('{"a":"2.2"}');
  await scene.beatsOn();
  assert.deepEqual(first.told.slice(first.told.indexOf(V1)), [V1, V2, '{"a":"2.2"}']);
  await waitFor(() => scene.history()[0]!.body.includes("2.2"), { timeoutMs: 10_000, what: "the cast on disk" });
  await scene.end();

  // Nothing else is known, and nobody can tell how old a cast is.
  await supervisor.cast(all("0.1"));
  await waitFor(async () => await supervisor.waiting() === 1, { timeoutMs: 10_000, what: "a cast in the queue" });
  scene.alterHistory(`taken_at_ms = taken_at_ms - ${2 * DAY_MS}`);
  await scene.start();
  await scene.service.logged(/WRN catalog: a cast that may be old is left alone/);
  await scene.beatsOn();
  supervisor.word = all("3");
  await supervisor.come();
  await first.isTold('{"a":"3"}');
  assert.deepEqual(first.told.slice(first.told.indexOf(V1)), [V1, V2, '{"a":"2.2"}', UNKNOWN, '{"a":"3"}']);
}

async function twoSources(open: Open): Promise<void> {
  await using scene = await open(all("1"));
  const { supervisor, first, unnamed } = scene;
  await scene.start();
  await first.isTold(V1);
  await scene.beatsOn();
  await scene.end();
  const begun = first.told.indexOf(V1);

  await scene.start("auth.mode = simple\nauth.localAppInfo = {'local':'7'}\n");
  await supervisor.cast(all("3"));
  await scene.service.logged(/WRN mq: the cast updateAppInfo from supervisor is ignored/);
  await scene.beatsOn();
  await scene.end();

  await supervisor.leave();
  await scene.start();
  await scene.service.logged(/WRN supervisor gives no catalog/);
  await scene.beatsOn();
  await scene.end();

  await scene.start("auth.mode = simple\nauth.localAppInfo = {'local':'8'}\n");
  await scene.beatsOn();
  assert.deepEqual(first.told.slice(begun), [V1, '{"local":"7"}', V1, '{"local":"8"}']);
  assert.deepEqual(unnamed.told.filter((what) => what !== UNKNOWN), [
    NOTHING,
    '{"local":"7"}',
    NOTHING,
    '{"local":"8"}',
  ]);
}

async function history(open: Open): Promise<void> {
  await using scene = await open(all("0"));
  const { supervisor, first } = scene;
  const begun = Date.now();
  await scene.start();
  await first.isTold('{"a":"0"}');
  for (let version = 0; version < 25; version++) await supervisor.cast(all(String(version)));
  await first.isTold('{"a":"24"}');
  await scene.told("catalogChanged", 25);
  await scene.end();
  const before = scene.history();
  assert.equal(before.length, 20);
  before.forEach(({ source, body, taken_at_ms }, index) => {
    assert.equal(source, "supervisor");
    assert.deepEqual(JSON.parse(body), { result: all(String(24 - index)) });
    assert.ok(taken_at_ms >= begun && taken_at_ms <= (before[index - 1]?.taken_at_ms ?? Date.now()));
  });

  // Supervisor says the same again: no more entries, but the newest one is as young as that.
  supervisor.word = all("24");
  await scene.start();
  await waitFor(() => scene.history()[0]!.taken_at_ms > before[0]!.taken_at_ms, {
    timeoutMs: 10_000,
    what: "the confirmation in the history",
  });
  assert.deepEqual(scene.history().map(({ body }) => body), before.map(({ body }) => body));
}
