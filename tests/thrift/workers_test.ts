import assert from "node:assert/strict";
import { catalogForAll } from "../../src/apps/catalog.ts";
import { beat, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { TestPort, type TestPortOptions } from "./test_port.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };
const CRASHING = { ...AGENT, ip: "10.66.66.66" };
const HANGING = { ...AGENT, ip: "10.77.77.77" };
const PATIENCE_MS = 20_000;

/** Two workers that a test can have crash and hang. */
function startFaulty(options: TestPortOptions = {}): Promise<TestPort> {
  return TestPort.start(2, { script: new URL("./faulty_worker.ts", import.meta.url), ...options });
}

Deno.test("BeatWorkers share connections, and each takes beats to the fleet", async () => {
  await using test = await TestPort.start(2);
  const connections = await Promise.all(Array.from({ length: 40 }, () => BeatConnection.open(test.address)));
  await Promise.all(connections.map((connection, i) => connection.call({ ...AGENT, ip: `10.0.0.${i}` })));
  await test.taken(40);
  assert.equal(new Set(test.beats.map(({ beat: { ip } }) => ip)).size, 40);
  assert.deepEqual({ ...test.stats.connections }, { open: 40, total: 40 });
  for (const connection of connections) connection[Symbol.dispose]();
});

Deno.test("BeatWorkers go on after the crash of one, keep its counters and start another", async () => {
  await using test = await startFaulty({ maxConnections: 40 });
  const connections = await Promise.all(Array.from({ length: 40 }, () => BeatConnection.open(test.address)));
  await test.connectionsOpen(40);
  await connections[0]!.call(CRASHING);
  await waitFor(
    () => test.log.matching(/ERR|error beat port: worker . has ended by a fault.*out of order/).length > 0,
    {
      timeoutMs: PATIENCE_MS,
      what: "the log line",
    },
  );
  assert.equal(test.stats.beats, 1);
  assert.equal(test.port.isListening, true);
  const left = await Promise.all(connections.map((each) => each.call(AGENT).then(() => true, () => false)));
  const served = left.filter(Boolean).length;
  assert.ok(served > 0 && served < 40, `${served} connections are left`);
  assert.equal(test.stats.connections.open, served);
  assert.equal(test.stats.connections.total, 40);
  // As many as the crashed one had may be opened again, at the other or at the one after it.
  const again = await Promise.all(Array.from({ length: 40 - served }, () => BeatConnection.open(test.address)));
  for (const connection of again) assert.equal((await connection.call(AGENT)).text, '{"data":{}}');
  using refused = await BeatConnection.open(test.address);
  assert.equal((await refused.closed()).length, 0);
  await waitFor(() => test.log.matching(/worker . takes beats again/).length > 0, {
    timeoutMs: PATIENCE_MS,
    what: "another worker",
  });
  assert.equal(await test.port.accepts(PATIENCE_MS), true);
  for (const connection of [...connections, ...again]) connection[Symbol.dispose]();
});

Deno.test("BeatWorkers that begin anew answer from the newest catalog", async () => {
  await using test = await startFaulty();
  await test.workers?.replicate(catalogForAll({ a: "2" }));
  await beat(test.address, CRASHING);
  await waitFor(() => test.log.matching(/takes beats again/).length > 0, { timeoutMs: PATIENCE_MS, what: "a worker" });
  for (let i = 0; i < 20; i++) assert.equal((await beat(test.address, AGENT)).text, '{"data":{"a":"2"}}');
});

Deno.test("BeatWorkers do not seem to accept while one of them stands still", async () => {
  await using test = await startFaulty();
  assert.equal(await test.port.accepts(PATIENCE_MS), true);
  await beat(test.address, HANGING);
  await test.taken(1);
  // The one that took the beat counts as having accepted.
  await test.port.accepts(200);
  assert.equal(await test.port.accepts(200), false);
  await waitFor(() => test.port.accepts(300), { timeoutMs: PATIENCE_MS, what: "all of them" });
});

Deno.test("BeatWorkers do not wait for one that stands still when a catalog comes into force", async () => {
  await using test = await startFaulty();
  await beat(test.address, HANGING);
  await test.taken(1);
  await test.workers?.replicate(catalogForAll({ a: "2" }));
  for (let i = 0; i < 20; i++) {
    assert.equal((await beat(test.address, AGENT, { timeoutMs: PATIENCE_MS })).text, '{"data":{"a":"2"}}');
  }
});

Deno.test("BeatWorkers stop in time though one of them stands still", async () => {
  await using test = await startFaulty();
  await beat(test.address, HANGING);
  await test.taken(1);
  await test.port.stop(100);
  assert.equal(test.port.isListening, false);
});
