import assert from "node:assert/strict";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { Access } from "../../src/http/access.ts";
import { HttpServer } from "../../src/http/server.ts";
import { Stream, streamRoutes } from "../../src/http/stream.ts";
import { systemClock } from "../../src/clock.ts";
import { FaultLog } from "../../src/log.ts";
import type { Summary } from "../../src/status.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

function events(from: number, count: number): FleetEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `agentOnline:10.0.0.1:${from + i}`,
    kind: "agentOnline",
    ip: "10.0.0.1",
    asset: "a",
    atMs: from + i,
    sinceMs: undefined,
    lastSeenMs: undefined,
    awaySeconds: undefined,
    details: {},
  }));
}

/** A stream whose summaries are numbers, or as long as the test wants them. */
class Bench implements Disposable {
  made = 0;
  readonly stream: Stream;

  constructor(filling = "") {
    this.stream = new Stream(() => ({ now_ms: ++this.made, version: filling }) as Summary);
  }

  /** What the next read gives, shortened to kinds and numbers. */
  async read(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string[]> {
    const { value } = await reader.read();
    const text = new TextDecoder().decode(value);
    return text.split("\n\n").filter((block) => block !== "").map((block) => {
      const [, kind = block] = /^event: (\w+)$/m.exec(block) ?? [];
      const [, number = ""] = /"(?:now_ms|at_ms)":(\d+)/.exec(block) ?? [];
      return `${kind} ${number}`.trim();
    });
  }

  [Symbol.dispose](): void {
    this.stream.close();
  }
}

Deno.test("StreamClient that reads slowly misses summaries and no event", async () => {
  using bench = new Bench();
  const reader = bench.stream.open(undefined).getReader();
  assert.deepEqual(await bench.read(reader), ["retry: 2000", "summary 1"]);
  bench.stream.tick();
  bench.stream.publish(events(10, 2));
  bench.stream.tick();
  bench.stream.publish(events(12, 1));
  assert.deepEqual(await bench.read(reader), ["event 10", "event 11", "event 12", "summary 3"]);
  const waiting = bench.read(reader);
  bench.stream.publish(events(13, 1));
  assert.deepEqual(await waiting, ["event 13"]);
  await reader.cancel();
  assert.equal(bench.stream.clients, 0);
});

Deno.test("StreamClient past which more events went than are kept is told to begin again", async () => {
  using bench = new Bench();
  const reader = bench.stream.open(undefined).getReader();
  await bench.read(reader);
  bench.stream.publish(events(1, 1_001));
  assert.deepEqual(await bench.read(reader), ["reset"]);
  bench.stream.publish(events(2_000, 1));
  assert.deepEqual(await bench.read(reader), ["event 2000"]);
  await reader.cancel();
});

Deno.test("StreamClient gets many events in pieces", async () => {
  using bench = new Bench();
  const reader = bench.stream.open(undefined).getReader();
  await bench.read(reader);
  bench.stream.publish(events(1, 1_000));
  const told: string[] = [];
  let reads = 0;
  while (told.length < 1_000) {
    told.push(...await bench.read(reader));
    reads++;
  }
  assert.deepEqual([told[0], told.at(-1), told.length], ["event 1", "event 1000", 1_000]);
  assert.ok(reads > 2);
  await reader.cancel();
});

Deno.test("Stream drops a client that leaves half a minute of summaries unread, and keeps one that reads", async () => {
  using bench = new Bench();
  const idle = bench.stream.open(undefined).getReader();
  const busy = bench.stream.open(undefined).getReader();
  for (let second = 0; second < 30; second++) {
    bench.stream.tick();
    await bench.read(busy);
  }
  assert.equal(bench.stream.clients, 2);
  bench.stream.tick();
  assert.equal(bench.stream.clients, 1);
  assert.deepEqual(await idle.read(), { done: true, value: undefined });
  await busy.cancel();
});

Deno.test("Stream tells a comment with every fifteenth summary", async () => {
  using bench = new Bench();
  const reader = bench.stream.open(undefined).getReader();
  await bench.read(reader);
  const comments: number[] = [];
  for (let second = 1; second <= 31; second++) {
    bench.stream.tick();
    if ((await bench.read(reader)).includes(": keep-alive")) comments.push(second);
  }
  assert.deepEqual(comments, [15, 30]);
  await reader.cancel();
});

Deno.test("Stream lets nobody in once it is closed", async () => {
  using bench = new Bench();
  const reader = bench.stream.open(undefined).getReader();
  await bench.read(reader);
  const waiting = reader.read();
  bench.stream.close();
  assert.equal((await waiting).done, true);
  assert.throws(() => bench.stream.open(undefined), /the service stops/);
});

Deno.test("Stream is not held up by a peer that does not read from its socket", async () => {
  using log = new MemoryLog();
  using bench = new Bench("x".repeat(200_000));
  const access = new Access({ tokens: undefined, allowedHosts: new Set() }, {
    clock: systemClock,
    faults: new FaultLog(log.logger, () => systemClock.monotonic()),
  });
  const http = new HttpServer({ hostname: "127.0.0.1", port: 0, access, log: log.logger, clock: systemClock });
  http.start({ routes: streamRoutes(bench.stream), loginPage: () => new Response() });
  assert.ok(http.address !== undefined);
  const connection = await Deno.connect(http.address);
  try {
    await connection.write(new TextEncoder().encode("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"));
    await waitFor(() => bench.stream.clients === 1, { timeoutMs: 5_000, what: "the client" });
    await waitFor(() => {
      bench.stream.tick();
      return bench.stream.clients === 0;
    }, { timeoutMs: 30_000, what: "the end of the client" });
    assert.deepEqual(log.matching(/ERR|WRN/), []);
  } finally {
    await http.stop();
    connection.close();
  }
});
