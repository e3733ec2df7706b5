import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { FaultLog } from "../../src/log.ts";
import { BeatServer, type BeatServerOptions } from "../../src/thrift/server.ts";
import { beat } from "../support/beat_client.ts";
import { MemoryLog } from "../support/memory_log.ts";

const AGENT = { asset: "CX1", ip: "10.0.0.1", version: "1", apps: "{}" };
const TIMEOUT_MS = 10_000;
const NOBODY = { has: () => false };

function newServer(log: MemoryLog, options: Partial<BeatServerOptions> = {}): BeatServer {
  const service = { heartbeatPackage: () => new TextEncoder().encode("{}") };
  const faults = new FaultLog(log.logger, () => systemClock.monotonic());
  return new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0, ...options });
}

Deno.test("BeatServer accepts says so in an idle fleet, without a trace in counts and log", async () => {
  for (const hostname of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
    using log = new MemoryLog();
    // Who may not beat is told so in the log; the service itself is not.
    const server = newServer(log, { hostname, allow: NOBODY, proxies: NOBODY });
    server.listen();
    for (let i = 0; i < 3; i++) assert.equal(await server.accepts(TIMEOUT_MS), true, hostname);
    assert.equal(server.stats.connections.total, 0);
    assert.deepEqual(Object.values(server.stats.refusals).filter((count) => count > 0), []);
    await server.stop(TIMEOUT_MS);
    assert.deepEqual(log.lines, []);
  }
});

Deno.test("BeatServer accepts serves agents that connect at the same time", async () => {
  using log = new MemoryLog();
  const server = newServer(log);
  server.listen();
  for (let i = 0; i < 20; i++) {
    const beats = Array.from({ length: 5 }, () => beat(server.address, AGENT));
    const [accepts, ...replies] = await Promise.all([server.accepts(TIMEOUT_MS), ...beats]);
    assert.equal(accepts, true);
    assert.deepEqual(replies.map(({ text }) => text), Array(5).fill("{}"));
  }
  assert.equal(server.stats.connections.total, 100);
  await server.stop(TIMEOUT_MS);
});

Deno.test("BeatServer accepts is false when the port is closed", async () => {
  using log = new MemoryLog();
  const server = newServer(log);
  assert.equal(await server.accepts(TIMEOUT_MS), false);
  server.listen();
  assert.equal(await server.accepts(TIMEOUT_MS), true);
  await server.stop(TIMEOUT_MS);
  assert.equal(await server.accepts(TIMEOUT_MS), false);
});
