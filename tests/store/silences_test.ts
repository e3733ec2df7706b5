import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { StoredSilence } from "../../src/fleet/silences.ts";
import { waitFor } from "../support/wait_for.ts";
import { agent, agents, batch, event, Place } from "./harness.ts";

function silence(number: number, more: Partial<StoredSilence> = {}): StoredSilence {
  return {
    id: `s${number}`,
    cidr: `10.0.${number}.0/24, fd00::/8`,
    asset: undefined,
    reason: "新交换机",
    by: "ops",
    createdAtMs: 1_767_323_045_000,
    untilMs: 4_000_000_000_000 + number,
    ...more,
  };
}

/** Runs SQL on the file of a closed store. */
function onFile<T>(place: Place, job: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(place.file);
  try {
    return job(db);
  } finally {
    db.close();
  }
}

Deno.test("Store gives back the silences of the last batch that had any", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const byAsset = silence(2, { cidr: undefined, asset: "db-*", reason: "" });
  await store.write({ ...batch({}), silences: [silence(1)] });
  await store.write({ ...batch({}), silences: [silence(3), byAsset] });
  assert.equal(await store.write(batch({ agents: agents(1) })), true);
  await store.close();
  const { store: next, memory } = await place.open();
  assert.deepEqual(memory.silences, [byAsset, silence(3)]);
  await next.write({ ...batch({}), silences: [] });
  await next.close();
  assert.deepEqual((await place.open()).memory.silences, []);
});

Deno.test("Store keeps the newest silences while the disk fails", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write({ ...batch({}), silences: [silence(1)] });
  const blocker = new DatabaseSync(place.file);
  blocker.exec("BEGIN IMMEDIATE");
  const written = [store.write({ ...batch({}), silences: [silence(1), silence(2)] })];
  await waitFor(() => store.stats.failures > 0, { timeoutMs: 20_000, what: "a try that fails" });
  written.push(store.write({ ...batch({}), silences: [silence(2)] }), store.write(batch({ agents: agents(1) })));
  blocker.exec("ROLLBACK");
  blocker.close();
  await waitFor(() => store.state.queued === 0, { timeoutMs: 20_000, what: "everything to be stored" });
  await Promise.all(written);
  await store.close();
  assert.deepEqual((await place.open()).memory.silences, [silence(2)]);
});

Deno.test("Store remembers of an agent that nobody was told of it", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write(batch({ agents: [agent(1, { untold: true }), agent(2), agent(3, { online: false })] }));
  await store.close();
  assert.deepEqual(await place.remembered(), [
    agent(1, { untold: true }),
    agent(2),
    agent(3, { online: false }),
  ]);
  // What a build that does not know of it reads: a number that is not 0.
  const online = onFile(
    place,
    (db) => db.prepare("SELECT online FROM agents ORDER BY ip").all().map((row) => row.online),
  );
  assert.deepEqual(online, [2, 1, 0]);
});

Deno.test("Store keeps audits among the events, and never has them told", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const audit = event(1, { id: "audit:10.0.0.1:1.1", kind: "audit", details: { action: "forget", who: "ops" } });
  await store.write(batch({ events: [event(2), audit, event(3)] }));
  assert.deepEqual((await store.events({ kinds: ["audit"] })).map(({ details }) => details), [audit.details]);
  await store.close();
  const { memory } = await place.open();
  assert.deepEqual(memory.unsent.map(({ id }) => id), [event(2).id, event(3).id]);
});

Deno.test("Store opens a file of the build before, with all that is in it, and leaves it usable for that build", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write({
    ...batch({ agents: agents(3), events: [event(1)] }),
    catalogs: [{ takenAtMs: 1, source: "supervisor", origin: "cast", body: "{}" }],
  });
  await store.close();
  // The build before had these tables under the same version, and no others.
  const tables = (db: DatabaseSync) =>
    db.prepare("SELECT name, sql FROM sqlite_schema WHERE name <> 'silences' AND tbl_name <> 'silences' ORDER BY name")
      .all().map((row) => ({ ...row }));
  const version = (db: DatabaseSync) => db.prepare("PRAGMA user_version").get()?.user_version;
  const before = onFile(place, (db) => {
    db.exec("DROP TABLE silences");
    return { tables: tables(db), version: version(db) };
  });
  assert.equal(before.version, 1);
  const { store: next, memory } = await place.open();
  assert.deepEqual([memory.agents.length, memory.unsent.length, memory.catalogs.length], [3, 1, 1]);
  assert.equal(await next.write({ ...batch({}), silences: [silence(1)] }), true);
  await next.close();
  assert.deepEqual(onFile(place, (db) => ({ tables: tables(db), version: version(db) })), before);
  assert.deepEqual(place.setAside(), []);
});

Deno.test("Store.backup copies the silences, too", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write({ ...batch({ agents: agents(2) }), silences: [silence(1)] });
  const copy = `${place.dir}/copy.db`;
  await store.backup(copy);
  await store.close();
  Deno.renameSync(copy, place.file);
  const { memory } = await place.open();
  assert.deepEqual([memory.agents.length, memory.silences], [2, [silence(1)]]);
});
