import assert from "node:assert/strict";
import { waitFor } from "../support/wait_for.ts";
import { agent, agents, batch, becomes, byAddress, event, Place } from "./harness.ts";

const workerUrl = new URL("./faulty_worker.ts", import.meta.url);

function hang(place: Place): void {
  Deno.writeTextFileSync(`${place.dir}.hang`, "");
}

function release(place: Place): void {
  Deno.renameSync(`${place.dir}.hang`, `${place.dir}.released`);
}

Deno.test("Store goes on while the disk hangs, keeps only the newest of each agent, and stores it when the disk is back", async () => {
  await using place = new Place();
  const { store } = await place.open({ workerUrl, stallMs: 1_000, readTimeoutMs: 100, maxEvents: 50 });
  hang(place);
  const first = store.write(batch({ agents: agents(100) }));
  assert.equal(await first, false, "the wait ends although the disk does not answer");
  assert.equal(store.state.status, "failing");
  assert.match(store.state.fault!, /the disk has not answered for/);
  for (let n = 0; n < 200; n++) {
    const events = [event(n, { id: `e${n}` })];
    assert.equal(await store.write(batch({ agents: agents(100, { version: String(n) }), events })), false);
  }
  assert.equal(store.state.queued, 100 + 100 + 50, "in flight, waiting, events");
  await assert.rejects(store.events(), /no answer within 100 ms/);
  assert.equal(store.stats.droppedEvents, 150);
  assert.ok(store.state.lagMs >= 1_000);
  assert.equal(place.log.matching(/WRN.*the disk has not answered/).length, 1);
  release(place);
  await becomes(store, "ok");
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "everything to be stored" });
  assert.equal(store.state.lagMs, 0);
  assert.match(place.log.lines.at(-1)!, /INF store: what changes is stored again/);
  await store.close();
  const { store: next } = await place.open();
  assert.deepEqual((await next.events({ limit: 1000 })).map(({ id }) => id).reverse().slice(0, 2), ["e150", "e151"]);
  await next.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(100, { version: "199" })));
});

Deno.test("Store asks for all agents again when more of them wait than it may hold", async () => {
  await using place = new Place();
  let asked = 0;
  const { store } = await place.open({
    workerUrl,
    stallMs: 1_000,
    maxQueuedAgents: 150,
    onRebuilt: () => asked++,
  });
  hang(place);
  await store.write(batch({ agents: agents(100) }));
  await store.write(batch({ agents: agents(400) }));
  assert.equal(store.stats.droppedAgents, 400);
  assert.equal(asked, 0);
  release(place);
  await waitFor(() => asked === 1, { timeoutMs: 10_000, what: "the question for all agents" });
  assert.equal(await store.write(batch({ agents: agents(120) })), true);
});

Deno.test("Store starts without memory when the disk hangs, and closes in time all the same", async () => {
  await using place = new Place();
  hang(place);
  const { store, memory } = await place.open({
    workerUrl,
    openTimeoutMs: 200,
    closeTimeoutMs: 200,
  });
  assert.deepEqual(memory.agents, []);
  assert.equal(store.state.status, "failing");
  assert.equal(await store.write(batch({ agents: agents(5) })), false);
  await assert.rejects(store.events(), /the store is not open: the disk has not answered/);
  await store.close();
  assert.equal(place.log.matching(/closed with 5 rows that are not on disk/).length, 1);
});

Deno.test("Store reads on from a slow disk for longer than it waits for a silent one", async () => {
  await using place = new Place();
  const { store: before } = await place.open();
  await before.write(batch({ agents: agents(4_000) }));
  await before.close();
  Deno.writeTextFileSync(`${place.dir}.slow`, "");
  const started = performance.now();
  const { memory } = await place.open({ workerUrl, openTimeoutMs: 2_000 });
  assert.ok(performance.now() - started > 2_000, "the disk was not slow");
  assert.equal(memory.agents.length, 4_000);
});

Deno.test("Store that started on a hung disk stores everything when the disk is back, beside what it did not read", async () => {
  await using place = new Place();
  const { store: before } = await place.open();
  await before.write(batch({ agents: agents(10) }));
  await before.close();
  hang(place);
  const { store } = await place.open({ workerUrl, openTimeoutMs: 200 });
  assert.equal(await store.write(batch({ agents: [agent(3, { version: "4" }), agent(11)] })), false);
  release(place);
  await becomes(store, "ok");
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "everything to be stored" });
  await store.close();
  const expected = [...agents(10).toSpliced(3, 1, agent(3, { version: "4" })), agent(11)];
  assert.deepEqual(await place.remembered(), byAddress(expected));
});

Deno.test("Store starts a worker that crashed again, holds its folder, and loses nothing", async () => {
  await using place = new Place();
  const { store } = await place.open({ workerUrl });
  for (let round = 1; round <= 2; round++) {
    Deno.writeTextFileSync(`${place.dir}.crash`, "");
    const inFlight = store.write(batch({ agents: agents(20, { version: "older" }), events: [event(round)] }));
    const waiting = store.write(batch({ agents: agents(20, { version: String(round) }), forgotten: [agent(20).ip] }));
    assert.deepEqual(await Promise.all([inFlight, waiting]), [false, false]);
    assert.match(store.state.fault!, /its worker ended: .*out of order/);
    await becomes(store, "ok");
    await assert.rejects(place.open(), /is in use by pid/);
  }
  assert.equal(await store.write(batch({ agents: [agent(50)] })), true);
  await store.close();
  const { store: next, memory } = await place.open();
  assert.deepEqual(byAddress(memory.agents), byAddress([...agents(20, { version: "2" }), agent(50)]));
  assert.deepEqual(memory.unsent.map(({ id }) => id), [event(1).id, event(2).id]);
  await next.close();
});

Deno.test("Store marks as sent what waits to be stored", async () => {
  await using place = new Place();
  const { store } = await place.open({ workerUrl, stallMs: 1_000 });
  hang(place);
  await store.write(batch({ events: [event(1)] }));
  await store.write(batch({ events: [event(2)] }));
  assert.equal(await store.markSent([event(1).id, event(2).id]), false);
  release(place);
  await waitFor(() => store.state.queued === 0, { timeoutMs: 10_000, what: "everything to be stored" });
  await store.close();
  const { memory } = await place.open();
  assert.deepEqual(memory.unsent, []);
});

Deno.test("Store goes on without memory where it can make no folder, and begins when it can", async () => {
  await using place = new Place();
  Deno.writeTextFileSync(place.dir, "a file where the folder should be");
  const { store, memory } = await place.open();
  assert.deepEqual(memory.agents, []);
  assert.equal(store.state.status, "failing");
  assert.equal(place.log.matching(/WRN.*nothing can be stored at the moment.*(exists|Not a directory)/).length, 1);
  assert.equal(await store.write(batch({ agents: agents(3) })), false);
  await assert.rejects(store.backup(`${place.dir}/copy`), /the store is not open/);
  Deno.removeSync(place.dir);
  await becomes(store, "ok");
  await store.close();
  assert.deepEqual(await place.remembered(), byAddress(agents(3)));
});

Deno.test("Store refuses a folder that another store of the same process uses", async () => {
  await using place = new Place();
  const { store } = await place.open();
  await assert.rejects(place.open(), {
    message: new RegExp(`^data.dir ${place.dir} is in use by pid ${Deno.pid} \\(elves-heartbeat started 20.*Z\\)$`),
  });
  assert.equal(await store.write(batch({ agents: agents(1) })), true);
});

Deno.test("Store takes a lock file that is not SQLite's for nobody's", async () => {
  await using place = new Place();
  Deno.mkdirSync(place.dir);
  Deno.writeTextFileSync(`${place.dir}/elves-heartbeat.lock`, "12345 ".repeat(300));
  const { store } = await place.open();
  assert.equal(store.state.status, "ok");
  await assert.rejects(place.open(), /is in use by pid/);
});
