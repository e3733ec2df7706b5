import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { Durations } from "../../src/durations.ts";
import { EventLoopWatch } from "../../src/metrics/event_loop.ts";
import { HttpRequests } from "../../src/metrics/http.ts";
import { processSeries } from "../../src/metrics/process.ts";
import { Series } from "../../src/metrics/series.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { Exposition } from "./exposition.ts";
import { promtool } from "./promtool.ts";

/** What a room's series export. */
async function exported(add: (series: Series) => void): Promise<Exposition> {
  const registry = new Registry();
  add(new Series(registry));
  const text = await registry.metrics();
  await promtool(["check", "metrics"], text);
  return new Exposition(text);
}

Deno.test("Durations count what is on a bound into the bucket below it", () => {
  const durations = new Durations([1, 10]);
  for (const ms of [0, 1, 1.001, 10, 10.001, 1e9]) durations.observe(ms);
  durations.observe(2, 5);
  assert.deepEqual([...durations.counts], [2, 2 + 5, 2]);
  assert.equal(durations.sumMs, 0 + 1 + 1.001 + 10 + 10.001 + 1e9 + 10);
});

Deno.test("Series show durations as a cumulative histogram in seconds", async () => {
  const [quick, slow] = [new Durations([1, 2_500]), new Durations([1, 2_500])];
  quick.observe(0.5, 3);
  slow.observe(2_000);
  slow.observe(3_000);
  const figures = await exported((series) =>
    series.durations("test_duration_seconds", { help: "Test.", label: "what", read: () => ({ quick, slow }) })
  );
  assert.deepEqual(Object.fromEntries(figures.series), {
    'test_duration_seconds_bucket{le="0.001",what="quick"}': 3,
    'test_duration_seconds_bucket{le="2.5",what="quick"}': 3,
    'test_duration_seconds_bucket{le="+Inf",what="quick"}': 3,
    'test_duration_seconds_sum{what="quick"}': 0.0015,
    'test_duration_seconds_count{what="quick"}': 3,
    'test_duration_seconds_bucket{le="0.001",what="slow"}': 0,
    'test_duration_seconds_bucket{le="2.5",what="slow"}': 1,
    'test_duration_seconds_bucket{le="+Inf",what="slow"}': 2,
    'test_duration_seconds_sum{what="slow"}': 5,
    'test_duration_seconds_count{what="slow"}': 2,
  });
});

Deno.test("Series show what is read at each scrape, and nothing where nothing is known", async () => {
  const registry = new Registry();
  const series = new Series(registry);
  let value: number | undefined = 7;
  let labelled: Record<string, number> = { a: 1, b: 2 };
  series.gauge("test_gauge", { help: "Test.", read: () => value });
  series.counter("test_total", {
    help: "Test.",
    labels: ["what"],
    read: () => Object.entries(labelled).map(([what, count]) => [{ what }, count]),
  });
  const shown = async () => Object.fromEntries(new Exposition(await registry.metrics()).series);
  assert.deepEqual(await shown(), { test_gauge: 7, 'test_total{what="a"}': 1, 'test_total{what="b"}': 2 });
  value = undefined;
  labelled = { b: 5 };
  assert.deepEqual(await shown(), { 'test_total{what="b"}': 5 });
  assert.deepEqual(await shown(), { 'test_total{what="b"}': 5 });
  value = 0;
  assert.deepEqual(await shown(), { test_gauge: 0, 'test_total{what="b"}': 5 });
});

Deno.test("EventLoopWatch measures how late a look is, and sees the wall clock jump either way", () => {
  const clock = new FakeClock();
  const loop = new EventLoopWatch(clock);
  loop.start();
  loop.stop();
  const look = (ms: number, stepMs = 0) => {
    clock.advance(ms);
    clock.step(stepMs);
    loop.look(250);
  };
  look(250);
  look(249);
  look(250 + 300);
  look(250 + 3_000);
  const counted = loop.lag.boundsMs.flatMap((bound, i) =>
    loop.lag.counts[i] === 0 ? [] : [[bound, loop.lag.counts[i]]]
  );
  assert.deepEqual(counted, [[1, 2], [500, 1], [10_000, 1]]);
  assert.equal(loop.clockSteps, 0);
  look(250, 2_000);
  look(250, -2_000);
  assert.equal(loop.clockSteps, 0);
  look(250, 2_001);
  look(250, -3_600_000);
  assert.equal(loop.clockSteps, 2);
});

Deno.test("HttpRequests make no series of what a peer sends, nor of each asset", async () => {
  const requests = new HttpRequests();
  requests.expect([{ method: "GET", path: "/assets/1a2b/page.js", handle: () => new Response() }]);
  for (const method of ["BREW", "PROPFIND"]) {
    requests.observe({ method, route: "other", status: 405, seconds: 0.001 });
  }
  requests.observe({ method: "GET", route: "/assets/3c4d/page.css", status: 304, seconds: 0.001 });
  const figures = await exported((series) => requests.export(series));
  const counts = [...figures.series].filter(([series, value]) => series.includes("requests_total") && value > 0);
  assert.deepEqual(Object.fromEntries(counts), {
    'elves_heartbeat_http_requests_total{method="other",route="other",status="4xx"}': 2,
    'elves_heartbeat_http_requests_total{method="GET",route="/assets/*",status="3xx"}': 1,
  });
  assert.deepEqual([...figures.labelValues("elves_heartbeat_http_requests_total", "route") ?? []], [
    "/assets/*",
    "other",
  ]);
});

Deno.test("processSeries export the usual figures of a process", async () => {
  const figures = await exported((series) => processSeries(series, new EventLoopWatch(new FakeClock())));
  const age = Date.now() / 1000 - figures.value("process_start_time_seconds");
  assert.ok(age > 0 && age < 3_600, `started ${age} s ago`);
  assert.ok(figures.value("process_cpu_seconds_total") > 0);
  assert.ok(figures.value("process_resident_memory_bytes") > 10_000_000);
  assert.ok(figures.value("nodejs_heap_size_used_bytes") < figures.value("elves_heartbeat_heap_limit_bytes"));
  assert.ok(figures.value("process_open_fds") > 3);
});
