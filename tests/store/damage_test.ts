import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { Store } from "../../src/store/store.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { waitFor } from "../support/wait_for.ts";
import { agent, agents, batch, becomes, byAddress, event, Place } from "./harness.ts";

/** Stores some rows in a place and closes it again. */
async function fill(place: Place, count = 5_000): Promise<void> {
  const { store } = await place.open();
  await store.write(batch({ agents: agents(count), events: [event(1)] }));
  await store.close();
}

function sql(file: string, ...statements: string[]): void {
  const db = new DatabaseSync(file);
  try {
    for (const statement of statements) db.exec(statement);
  } finally {
    db.close();
  }
}

/** Writes over a file from a place on, without changing its length. */
function overwrite(file: string, offset: number, bytes: Uint8Array): void {
  const open = Deno.openSync(file, { write: true });
  open.seekSync(offset, Deno.SeekMode.Start);
  for (let at = 0; at < bytes.length;) at += open.writeSync(bytes.subarray(at));
  open.close();
}

const cases: { what: string; damage: (file: string) => void; says: RegExp }[] = [
  {
    what: "is not SQLite's",
    damage: (file) => Deno.writeTextFileSync(file, "elves ".repeat(1_000)),
    says: /file is not a database/,
  },
  {
    what: "belongs to another program",
    damage: (file) => {
      Deno.removeSync(file);
      sql(file, "CREATE TABLE notes (text)");
    },
    says: /it is a database of another program/,
  },
  {
    what: "comes from a later version",
    damage: (file) => sql(file, "PRAGMA user_version = 99"),
    says: /it is from a later elves-heartbeat \(schema 99, this one knows \d+\)/,
  },
  {
    what: "was cut off",
    damage: (file) => Deno.truncateSync(file, Deno.statSync(file).size / 2),
    says: /malformed/,
  },
  {
    what: "was cut off within its first page",
    damage: (file) => Deno.truncateSync(file, 1_000),
    says: /malformed|not a database/,
  },
  {
    what: "lost pages in the middle",
    damage: (file) => overwrite(file, 40 * 4096, new Uint8Array(40 * 4096)),
    says: /malformed/,
  },
  { what: "lacks a table", damage: (file) => sql(file, "DROP TABLE events"), says: /no such table: events/ },
  {
    what: "holds an event that is not readable",
    damage: (file) => sql(file, "UPDATE events SET details = '{'"),
    says: /an event is not readable/,
  },
];

for (const { what, damage, says } of cases) {
  Deno.test(`Store sets a file aside that ${what}, and begins a new one`, async () => {
    await using place = new Place();
    await fill(place);
    damage(place.file);
    const { size } = Deno.statSync(place.file);
    const { store, memory } = await place.open();
    assert.deepEqual(memory, { agents: [], catalogs: [], unsent: [], silences: [] });
    assert.equal(store.state.status, "ok");
    const [aside, ...more] = place.setAside();
    assert.deepEqual(more, []);
    assert.equal(Deno.statSync(`${place.dir}/${aside}`).size, size, "nothing of it is lost");
    const lines = place.log.matching(/ERR|WRN/);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, says);
    assert.ok(lines[0]!.includes(`moved to ${place.dir}/${aside}`), lines[0]);
    assert.equal(await store.write(batch({ agents: [agent(7)] })), true);
    await store.close();
    assert.deepEqual(await place.remembered(), [agent(7)]);
  });
}

Deno.test("Store keeps in a file that it sets aside what stood only in its write-ahead log", async () => {
  await using original = new Place();
  const { store: before } = await original.open();
  await before.write(batch({ agents: agents(100) }));
  sql(original.file, "PRAGMA user_version = 99");
  await using place = new Place();
  Deno.mkdirSync(place.dir);
  for (const end of ["", "-wal"]) Deno.copyFileSync(original.file + end, place.file + end);
  assert.ok(Deno.statSync(`${place.file}-wal`).size > Deno.statSync(place.file).size);
  const { store, memory } = await place.open();
  assert.deepEqual(memory.agents, []);
  assert.equal(await store.write(batch({ agents: [agent(1)] })), true);
  const db = new DatabaseSync(`${place.dir}/${place.setAside()[0]}`);
  assert.equal(db.prepare("SELECT count(*) AS n FROM agents").get()!.n, 100);
  db.close();
});

Deno.test("Store keeps the last five files that it set aside", async () => {
  await using place = new Place();
  const clock = new FakeClock();
  for (let n = 1; n <= 8; n++) {
    Deno.mkdirSync(place.dir, { recursive: true });
    Deno.writeTextFileSync(place.file, `damage ${n} `.repeat(200));
    const { store } = await place.open({ clock });
    assert.equal(store.state.status, "ok");
    await store.close();
    if (n % 2 === 0) clock.advance(1_000);
  }
  const left = place.setAside().map((name) => Deno.readTextFileSync(`${place.dir}/${name}`).slice(0, 8));
  assert.deepEqual(left.sort(), ["damage 4", "damage 5", "damage 6", "damage 7", "damage 8"]);
});

Deno.test("Store begins anew in an empty file without a complaint", async () => {
  await using place = new Place();
  Deno.mkdirSync(place.dir);
  Deno.writeTextFileSync(place.file, "");
  const { store } = await place.open();
  assert.equal(await store.write(batch({ agents: [agent(1)] })), true);
  assert.deepEqual([place.setAside(), place.log.matching(/ERR|WRN/)], [[], []]);
});

Deno.test("Store does not take the write-ahead log of a lost database for one of its own", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write(batch({ agents: agents(100) }));
  const log = Deno.readFileSync(`${place.file}-wal`);
  await store.close();
  Deno.removeSync(place.file);
  Deno.writeFileSync(`${place.file}-wal`, log);
  assert.deepEqual(await place.remembered(), []);
  await fill(place, 3);
  assert.equal((await place.remembered()).length, 3);
});

Deno.test("Store comes back with a whole transaction wherever its write-ahead log was cut off", async () => {
  await using original = new Place();
  const { store } = await original.open();
  for (let n = 1; n <= 12; n++) await store.write(batch({ agents: agents(40, { lastSeenMs: n }) }));
  const database = Deno.readFileSync(original.file);
  const log = Deno.readFileSync(`${original.file}-wal`);
  await store.close();
  const seen = new Set<number>();
  for (let cut = 0; cut < 12; cut++) {
    await using place = new Place();
    Deno.mkdirSync(place.dir);
    Deno.writeFileSync(place.file, database);
    Deno.writeFileSync(`${place.file}-wal`, log.subarray(0, Math.floor(log.length * (1 - cut / 12))));
    const { memory } = await place.open();
    const moments = new Set(memory.agents.map(({ lastSeenMs }) => lastSeenMs));
    assert.ok(moments.size <= 1, `one transaction at cut ${cut}, not ${[...moments]}`);
    assert.ok([0, 40].includes(memory.agents.length));
    for (const moment of moments) seen.add(moment);
  }
  assert.ok(seen.size > 3 && seen.has(12), `the cuts reached different transactions: ${[...seen]}`);
});

/** Writes all agents again whenever the store says that they must be. */
function owner(all: ReturnType<typeof agents>) {
  const self = {
    store: undefined as Store | undefined,
    asked: 0,
    onRebuilt: () => {
      self.asked++;
      self.store?.write(batch({ agents: all }));
    },
  };
  return self;
}

Deno.test("Store finds damage while it runs, begins a new file and asks for all agents again", async () => {
  await using place = new Place();
  const all = agents(20_000);
  await fill(place, 20_000);
  const rows = owner(all);
  const { store } = await place.open({ onRebuilt: rows.onRebuilt });
  rows.store = store;
  overwrite(place.file, 4096, new Uint8Array(Deno.statSync(place.file).size - 4096).fill(0xff));
  const changed = agents(20_000, { version: "4" });
  all.splice(0, all.length, ...changed);
  assert.equal(await store.write(batch({ agents: changed.slice(0, 10_000) })), false);
  assert.match(store.state.fault!, /malformed/);
  await becomes(store, "ok");
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "all agents to be stored again" });
  assert.deepEqual([rows.asked, store.stats.rebuilt, place.setAside().length], [1, 1, 1]);
  assert.equal(place.log.matching(/ERR.*malformed.*damaged-/).length, 1);
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(changed));
});

Deno.test("Store finds damage when it is asked for events, and repairs itself", async () => {
  await using place = new Place();
  await fill(place, 10);
  const rows = owner(agents(10));
  const { store } = await place.open({ onRebuilt: rows.onRebuilt });
  rows.store = store;
  await store.markSent([event(1).id]);
  sql(place.file, "UPDATE events SET details = '{'");
  await assert.rejects(store.events(), /an event is not readable/);
  await becomes(store, "failing");
  await becomes(store, "ok");
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "all agents to be stored again" });
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(10)));
});

Deno.test("Store makes its folder again when somebody removed it", async () => {
  await using place = new Place();
  const rows = owner(agents(10));
  const { store } = await place.open({ onRebuilt: rows.onRebuilt });
  rows.store = store;
  await store.write(batch({ agents: agents(10) }));
  Deno.removeSync(place.dir, { recursive: true });
  assert.equal(await store.write(batch({ agents: [agent(3)] })), false);
  assert.match(store.state.fault!, /was removed or replaced/);
  await becomes(store, "ok");
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "all agents to be stored again" });
  await assert.rejects(place.open(), /is in use by pid/, "the new folder is locked too");
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(10)));
});
