import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { packAgents, unpackAgents } from "../../src/store/rows.ts";
import { agent, agents, batch, byAddress, event, Place } from "./harness.ts";

Deno.test("Store makes its folder for its owner only and remembers nothing at first", async () => {
  await using place = new Place();
  const { store, memory } = await place.open();
  assert.deepEqual(memory, { agents: [], catalogs: [], unsent: [], silences: [] });
  assert.equal(Deno.statSync(place.dir).mode! & 0o777, 0o700);
  assert.equal(Deno.statSync(place.file).mode! & 0o777, 0o600);
  assert.equal(store.state.status, "ok");
  assert.equal(place.log.matching(/WRN|ERR/).length, 0);
});

Deno.test("Store gives back what was written, also more than one page of it", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const all = agents(12_345);
  all[7] = agent(7, { asset: "机房-7 😀", version: "", apps: 'no "JSON" \n', online: false, lastSeenMs: 0.5 });
  assert.equal(await store.write(batch({ agents: all })), true);
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(all));
});

Deno.test("Store gives back addresses of both kinds, and no row whose address is none", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const good = ["0.0.0.0", "255.255.255.255", "128.0.0.1", "::", "fd00::8", "10.0.0.9"].map((ip) => agent(1, { ip }));
  const bad = ['","x":"', "", "10.0.0", "::FFFF:10.0.0.2", "FD00::9", "1234"].map((ip) => agent(2, { ip }));
  await store.write(batch({ agents: [...bad, ...good, ...agents(2_500)].toReversed() }));
  await store.close();
  const expected = new Map([...good, ...agents(2_500)].toReversed().map((row) => [row.ip, row]));
  assert.deepEqual(await place.remembered(), byAddress([...expected.values()]));
});

Deno.test("Store keeps the rest of a text that holds a NUL", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write(batch({ agents: [agent(1, { apps: "before\0behind" })] }));
  await store.close();
  assert.deepEqual(await place.remembered(), [agent(1, { apps: "before␀behind" })]);
});

Deno.test("Store deletes what is forgotten before it writes the agents of the same batch", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write(batch({ agents: agents(3) }));
  await store.write(batch({ agents: [agent(1, { asset: "again" })], forgotten: [agent(0).ip, agent(1).ip] }));
  await store.close();
  assert.deepEqual(await place.remembered(), [agent(1, { asset: "again" }), agent(2)]);
});

Deno.test("Store remembers like a map, whatever batches come in whatever rhythm", async () => {
  const anyAgent = fc.record({
    number: fc.nat(30),
    asset: fc.string({ unit: "grapheme", maxLength: 12 }),
    apps: fc.oneof(fc.json(), fc.string({ unit: "binary", maxLength: 20 })),
    online: fc.boolean(),
    lastSeenMs: fc.integer({ min: 0, max: 4e12 }),
  }).map(({ number, ...more }) => agent(number, more));
  const anyBatch = fc.record({
    agents: fc.array(anyAgent, { maxLength: 8 }),
    seen: fc.array(fc.tuple(fc.nat(30).map((number) => agent(number).ip), fc.nat(4e12)), { maxLength: 6 })
      .map((pairs) => new Map(pairs)),
    forgotten: fc.array(fc.nat(30).map((number) => agent(number).ip), { maxLength: 4 }),
    events: fc.array(fc.nat(40).map((number) => event(number, { atMs: Date.now(), details: { number } })), {
      maxLength: 4,
    }),
    sent: fc.array(fc.nat(40).map((number) => event(number).id), { maxLength: 3 }),
    wait: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(anyBatch, { maxLength: 10 }), async (batches) => {
      await using place = new Place();
      const { store } = await place.open();
      const rows = new Map<string, StoredAgent>();
      const sent = new Map<string, boolean>();
      const written: Promise<boolean>[] = [];
      for (const each of batches) {
        for (const ip of each.forgotten) rows.delete(ip);
        for (const row of each.agents) rows.set(row.ip, { ...row, apps: row.apps.replaceAll("\0", "␀") });
        for (const [ip, lastSeenMs] of each.seen) {
          const row = rows.get(ip);
          if (row !== undefined) rows.set(ip, { ...row, lastSeenMs });
        }
        for (const { id } of each.events) sent.set(id, sent.get(id) ?? false);
        written.push(store.write(each));
        for (const id of each.sent) if (sent.has(id)) sent.set(id, true);
        written.push(store.markSent(each.sent.filter((id) => sent.has(id))));
        if (each.wait) await Promise.all(written);
      }
      assert.ok((await Promise.all(written)).every((stored) => stored));
      assert.equal((await store.events({ limit: 1000 })).length, sent.size);
      await store.close();
      const { memory } = await place.open();
      const sorted = byAddress([...rows.values()]).map((row) => ({ ...row, asset: row.asset.replaceAll("\0", "␀") }));
      assert.deepEqual(byAddress(memory.agents), sorted);
      assert.deepEqual(
        memory.unsent.map(({ id }) => id).sort(),
        [...sent].filter(([, done]) => !done).map(([id]) => id).sort(),
      );
    }),
    { numRuns: 25 },
  );
});

Deno.test("Store gives back unsent events oldest first, as they were, and each id once", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const bare = event(2, { id: "guardOn::1", kind: "guardOn", ip: "", asset: "", details: { reason: "机房", n: [1] } });
  const first = { ...bare, sinceMs: undefined, lastSeenMs: undefined, awaySeconds: undefined };
  await store.write(batch({ events: [first, event(1), event(3)] }));
  await store.write(batch({ events: [event(1, { asset: "told twice" })] }));
  await store.markSent([event(3).id, "never stored"]);
  await store.close();
  const { memory } = await place.open();
  assert.deepEqual(
    memory.unsent.map((each) => ({ ...each, atMs: 0 })),
    [first, event(1)].map((each) => ({ ...each, atMs: 0 })),
  );
});

Deno.test("Store lists events newest first, by agent, by kind and page by page", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const kinds = ["agentOnline", "agentOffline", "guardOn"] as const;
  const all = Array.from({ length: 9 }, (_, n) => event(n % 2, { id: `e${n}`, kind: kinds[n % 3]! }));
  await store.write(batch({ events: all }));
  const ids = async (query: Parameters<typeof store.events>[0]) => (await store.events(query)).map(({ id }) => id);
  assert.deepEqual(await ids({}), ["e8", "e7", "e6", "e5", "e4", "e3", "e2", "e1", "e0"]);
  assert.deepEqual(await ids({ limit: 2 }), ["e8", "e7"]);
  assert.deepEqual(await ids({ limit: 2, beforeId: "e7" }), ["e6", "e5"]);
  assert.deepEqual(await ids({ ip: event(1).ip }), ["e7", "e5", "e3", "e1"]);
  assert.deepEqual(await ids({ ip: event(1).ip, kinds: ["agentOnline", "guardOn"], beforeId: "e7" }), ["e5", "e3"]);
  assert.deepEqual(await ids({ kinds: [] }), []);
  assert.deepEqual(await ids({ beforeId: "unknown" }), []);
});

Deno.test("Store drops events that are too old, and the oldest of too many", async () => {
  await using place = new Place();
  const { store } = await place.open({ maxEvents: 3_000, eventRetentionMs: 60_000 });
  const old = Array.from({ length: 1_500 }, (_, n) => event(n, { id: `old${n}`, atMs: Date.now() - 61_000 }));
  await store.write(batch({ events: old }));
  assert.equal((await store.events({ limit: 10_000 })).length, 0);
  for (let n = 0; n < 10; n++) {
    await store.write(batch({ events: Array.from({ length: 500 }, (_, m) => event(m, { id: `e${n * 500 + m}` })) }));
  }
  const left = await store.events({ limit: 10_000 });
  assert.equal(left.length, 3_000);
  assert.deepEqual([left[0]!.id, left.at(-1)!.id], ["e4999", "e2000"]);
});

Deno.test("Store keeps the last 20 catalogs and remembers the newest of each source", async () => {
  await using place = new Place();
  const { store } = await place.open();
  for (let n = 1; n <= 25; n++) {
    const source = n === 22 ? "local" : "supervisor";
    await store.write({ ...batch({}), catalogs: [{ takenAtMs: n, source, origin: `cast ${n}`, body: `{"n":${n}}` }] });
  }
  const kept = await store.catalogs();
  assert.deepEqual(kept.map(({ takenAtMs }) => takenAtMs), Array.from({ length: 20 }, (_, n) => 25 - n));
  assert.deepEqual(kept[0], { id: 25, takenAtMs: 25, source: "supervisor", origin: "cast 25", body: '{"n":25}' });
  await store.close();
  const { memory } = await place.open();
  assert.deepEqual(memory.catalogs.map(({ id, source }) => [id, source]), [[25, "supervisor"], [22, "local"]]);
});

Deno.test("Store stores in its last transaction what is written just before the close", async () => {
  await using place = new Place();
  const { store } = await place.open();
  const written = [store.write(batch({ agents: agents(5_001) })), store.write(batch({ agents: [agent(9_999)] }))];
  await store.close();
  assert.deepEqual(await Promise.all(written), [true, true]);
  assert.equal(store.state.status, "off");
  assert.equal(await store.write(batch({ agents: [agent(1)] })), false);
  assert.equal((await place.remembered()).length, 5_002);
});

Deno.test("Store.backup copies a live database into a file that any SQLite reads, while rows are written", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write({
    ...batch({ agents: agents(20_000), events: [event(1), event(2)] }),
    catalogs: [{ takenAtMs: 1, source: "supervisor", origin: "cast", body: "{}" }],
  });
  await store.markSent([event(1).id]);
  const copy = `${place.dir}/copy.db`;
  let copying = true;
  const done = store.backup(copy).finally(() => copying = false);
  let meanwhile = 0;
  for (; copying; meanwhile++) {
    assert.equal(await store.write(batch({ agents: agents(20_000, { version: String(meanwhile) }) })), true);
  }
  await done;
  assert.ok(meanwhile > 0);

  const db = new DatabaseSync(copy);
  try {
    assert.equal(db.prepare("PRAGMA integrity_check").get()!.integrity_check, "ok");
    const versions = db.prepare("SELECT count(*) AS n, count(DISTINCT version) AS versions FROM agents").get()!;
    assert.deepEqual({ ...versions }, { n: 20_000, versions: 1 }, "one moment, not a mixture");
    assert.equal(db.prepare("SELECT group_concat(sent) AS sent FROM events").get()!.sent, "1,0");
  } finally {
    db.close();
  }
  await store.close();
  Deno.renameSync(copy, place.file);
  const { memory } = await place.open();
  assert.deepEqual([memory.agents.length, memory.unsent.length, memory.catalogs.length], [20_000, 1, 1]);
});

Deno.test("Store.backup refuses a file that exists and a folder that does not", async () => {
  await using place = new Place();
  const { store } = await place.open();
  Deno.writeTextFileSync(`${place.dir}/there`, "mine");
  await assert.rejects(store.backup(`${place.dir}/there`), /there exists already; a backup goes to a new file/);
  assert.equal(Deno.readTextFileSync(`${place.dir}/there`), "mine");
  await assert.rejects(store.backup(`${place.dir}/no/such`), /No such file or directory/);
  assert.equal(await store.write(batch({ agents: agents(1) })), true);
});

Deno.test("Store gives back every agent, whatever one row holds", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await store.write(batch({ agents: agents(3) }));
  await store.close();
  for (
    const change of [
      "asset = NULL, version = NULL, apps = NULL",
      "last_seen_ms = NULL, since_ms = 'never'",
      "last_seen_ms = 9e18, since_ms = -9223372036854775808",
      "asset = x'00ff', version = 1.5, apps = x'7b7d'",
    ]
  ) {
    const db = new DatabaseSync(place.file);
    db.exec(`UPDATE agents SET ${change} WHERE ip = '${agent(1).ip}'`);
    db.close();
    const rows = await place.remembered();
    assert.equal(rows.length, 3, change);
    for (const row of rows) {
      for (const text of [row.asset, row.version, row.apps]) assert.equal(typeof text, "string", change);
      for (const ms of [row.lastSeenMs, row.sinceMs]) assert.ok(!Number.isNaN(new Date(ms).getTime()), change);
    }
  }
});

Deno.test("packAgents looks up short texts only", () => {
  // V8 compares a text of 16,384 characters or more with all that it knows of the same length.
  for (const [length, shared] of [[8_192, 2], [8_193, 4]] as const) {
    const rows = [1, 2, 3].map((number) => agent(number, { version: "1", apps: "x".repeat(length) }));
    assert.equal(packAgents(rows).shared.length, shared);
    assert.deepEqual([...unpackAgents(packAgents(rows))], rows);
  }
});
