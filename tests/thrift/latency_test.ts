import assert from "node:assert/strict";
import { FaultLog } from "../../src/log.ts";
import { BeatServer } from "../../src/thrift/server.ts";
import { beatCall, BeatConnection, type BeatInfo, concat } from "../support/beat_client.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };

Deno.test("BeatServer measures from a call's first byte to its reply, and each pipelined call for itself", async () => {
  using log = new MemoryLog();
  const clock = { ms: 5_000, asked: 0 };
  const now = () => {
    clock.asked++;
    return clock.ms;
  };
  const service = { heartbeatPackage: () => new TextEncoder().encode('{"data":{}}') };
  const faults = new FaultLog(log.logger, () => performance.now());
  const server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0, now });
  server.listen();
  try {
    using connection = await BeatConnection.open(server.address);
    const call = beatCall(AGENT);
    await connection.send(call.slice(0, 10));
    await waitFor(() => clock.asked === 1, { timeoutMs: 5_000, what: "the first bytes to be read" });
    clock.ms += 300;
    // The rest of the first call, the second whole, and the beginning of the third.
    await connection.send(concat([call.slice(10), call, call.slice(0, 20)]));
    await connection.reply();
    await connection.reply();
    await waitFor(() => clock.asked === 3, { timeoutMs: 5_000, what: "the replies to be written" });
    clock.ms += 2_000;
    await connection.send(call.slice(20));
    await connection.reply();
    const { latency } = server.stats;
    await waitFor(() => clock.asked === 5, { timeoutMs: 5_000, what: "the third reply to be written" });
    const counted = Object.fromEntries(
      latency.boundsMs.map((bound, i) => [bound, latency.counts[i]]).filter(([, count]) => count !== 0),
    );
    assert.deepEqual(counted, { 0.1: 1, 500: 1, 2_500: 1 });
    assert.equal(latency.sumMs, 2_300);
  } finally {
    await server.stop(1_000);
  }
});

Deno.test("BeatServer measures no call without a reply", async () => {
  using log = new MemoryLog();
  const service = { heartbeatPackage: () => new Uint8Array() };
  const faults = new FaultLog(log.logger, () => performance.now());
  const server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0 });
  server.listen();
  try {
    using connection = await BeatConnection.open(server.address);
    const call = beatCall(AGENT);
    // The message type, the low byte of the strict header's first word: 4 is a oneway call.
    call[3] = 4;
    await connection.send(call);
    await waitFor(() => server.stats.beats === 1, { timeoutMs: 5_000, what: "the beat" });
    assert.equal(server.stats.latency.counts.some((count) => count > 0), false);
  } finally {
    await server.stop(1_000);
  }
});
