import assert from "node:assert/strict";
import { SmallDisk } from "../support/small_disk.ts";
import { waitFor } from "../support/wait_for.ts";
import { agents, batch, becomes, byAddress, event, Place } from "./harness.ts";

/** A place on a small disk of its own, in memory. */
class DiskPlace extends Place {
  readonly disk: SmallDisk;

  constructor() {
    super();
    Deno.mkdirSync(this.dir, { mode: 0o700 });
    this.disk = new SmallDisk({ folder: this.dir, sizeBytes: 6 * 1024 * 1024 });
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
    this.disk[Symbol.dispose]();
    await super[Symbol.asyncDispose]();
  }
}

Deno.test("Store goes on while the disk is full, and stores everything current when there is room again", async () => {
  await using place = new DiskPlace();
  const { disk } = place;
  const { store } = await place.open();
  assert.equal(await store.write(batch({ agents: agents(500) })), true);
  disk.fill();
  let version = 0;
  // What the write-ahead log has allocated already still takes some.
  await waitFor(async () => {
    const all = agents(500, { version: String(++version), asset: "x".repeat(200) });
    return !await store.write(batch({ agents: all, events: [event(version)] }));
  }, { timeoutMs: 20_000, what: "a write that finds no room" });
  assert.equal(store.state.status, "failing");
  assert.match(store.state.fault!, /database or disk is full|disk I\/O error/);
  assert.equal(await store.write(batch({ agents: agents(500, { version: "last" }) })), false);
  assert.equal(store.state.queued, 501);
  assert.equal(place.log.matching(/WRN.*nothing can be stored at the moment/).length, 1);
  disk.empty();
  await becomes(store, "ok");
  assert.equal(store.state.queued, 0);
  assert.equal((await store.events({ limit: 1_000 })).length, version, "no event is lost");
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(500, { version: "last" })));
  assert.deepEqual(place.setAside(), []);
});

Deno.test("Store that finds a full disk at its start begins when there is room", async () => {
  await using place = new DiskPlace();
  const { disk } = place;
  disk.fill();
  const { store } = await place.open();
  assert.equal(store.state.status, "failing");
  assert.equal(await store.write(batch({ agents: agents(100) })), false);
  disk.empty();
  await becomes(store, "ok");
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(100)));
});

Deno.test("Store goes on while its disk is read-only, and stores everything current when it is not", async () => {
  await using place = new DiskPlace();
  const { disk } = place;
  const { store: before } = await place.open();
  await before.write(batch({ agents: agents(100) }));
  await before.close();
  disk.remount("ro");
  const { store, memory } = await place.open();
  assert.deepEqual(memory.agents, []);
  assert.equal(store.state.status, "failing");
  assert.equal(
    place.log.matching(/WRN.*nothing can be stored at the moment.*(readonly|Read-only|unable to open)/).length,
    1,
  );
  assert.equal(await store.write(batch({ agents: agents(50, { version: "4" }) })), false);
  disk.remount("rw");
  await becomes(store, "ok");
  await store.close();
  assert.deepEqual(place.setAside(), []);
  const expected = [...agents(50, { version: "4" }), ...agents(100).slice(50)];
  assert.deepEqual(await place.remembered(), byAddress(expected));
});

Deno.test("Store that finds a damaged file on a full disk sets it aside once and begins anew when there is room", async () => {
  await using place = new DiskPlace();
  const { disk } = place;
  Deno.writeTextFileSync(place.file, "elves ".repeat(2_000));
  disk.fill();
  const { store } = await place.open();
  await waitFor(() => store.stats.failures >= 3, { timeoutMs: 20_000, what: "three tries without room" });
  assert.equal(store.state.status, "failing");
  disk.empty();
  await becomes(store, "ok");
  assert.equal(place.setAside().length, 1);
  assert.equal(place.log.matching(/ERR.*not a database.*damaged-/).length, 1);
  assert.equal(await store.write(batch({ agents: agents(3) })), true);
});
