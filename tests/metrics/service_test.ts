import assert from "node:assert/strict";
import { startApp } from "../support/app.ts";
import { beat, BeatConnection } from "../support/beat_client.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { ScriptedSupervisor } from "../support/scripted_supervisor.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { type Exposition, scrape } from "./exposition.ts";
import { promtool } from "./promtool.ts";

const AGENT = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };

/** Series by how much they have grown, those that have not left out. */
function grown(before: Exposition, after: Exposition, names: RegExp): Record<string, number> {
  const entries = [...after.series].filter(([series]) => names.test(series));
  const differences = entries.map((
    [series, value],
  ): [string, number] => [series, value - (before.series.get(series) ?? 0)]);
  return Object.fromEntries(
    differences.filter(([, growth]) => growth !== 0).map(([series, growth]) => [
      series.replace("elves_heartbeat_", ""),
      growth,
    ]),
  );
}

Deno.test("Metrics of a service without traffic: every failure is there and 0", async () => {
  await using service = await startApp();
  const { text, figures } = await scrape(service.url);
  await promtool(["check", "metrics"], text);
  const failures = [...figures.series].filter(([series]) =>
    /_(failures|refusals|dropped|lost|ignored|conflicts|evicted|disconnections|rebuilt|steps)_total|_calls_total|foreign_/
      .test(
        series,
      )
  );
  assert.ok(failures.length > 50, `${failures.length}`);
  for (const [series, value] of failures) assert.equal(value, 0, series);
  assert.equal(figures.value('elves_heartbeat_http_requests_total{method="GET",route="/metrics",status="5xx"}'), 0);
  assert.equal(figures.value("elves_heartbeat_ready"), 0);
  assert.equal(figures.value("elves_heartbeat_mq_up"), 0);
  assert.equal(figures.value("elves_heartbeat_beat_port_open"), 1);
  assert.equal(figures.value("elves_heartbeat_cluster_enabled"), 0);
  // The apps come from the configuration, which does not age, and nobody has beaten twice.
  assert.equal(figures.series.has("elves_heartbeat_catalog_age_seconds"), false);
  assert.equal(figures.series.has("elves_heartbeat_beat_interval_seconds"), false);
});

Deno.test("Metrics count what agents do, each connection and call for itself", async () => {
  await using service = await startApp();
  const before = (await scrape(service.url)).figures;
  {
    using connection = await BeatConnection.open(service.beatAddress);
    await connection.callAll([AGENT, { ...AGENT, ip: "10.1.2.4" }, { ...AGENT, ip: "no address" }]);
    const { figures } = await scrape(service.url);
    assert.equal(figures.value("elves_heartbeat_beat_connections_open"), 1);
  }
  using stranger = await BeatConnection.open(service.beatAddress);
  await stranger.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
  await stranger.closed();
  // Another machine at the same address, from an address that is not its own.
  await beat(service.beatAddress, AGENT);
  const what = "the events to be counted and the connections to be closed";
  const after = await waitFor(async () => {
    const { figures } = await scrape(service.url);
    const events = figures.value('elves_heartbeat_events_total{kind="agentOnline"}');
    return events === 2 && figures.value("elves_heartbeat_beat_connections_open") === 0 ? figures : undefined;
  }, { timeoutMs: 10_000, what });
  assert.deepEqual(
    grown(before, after, /beat_calls|beat_refusals|beats_total|beat_connections_total|duration_seconds_count$/),
    {
      "beats_total": 4,
      'beat_calls_total{outcome="answered"}': 3,
      'beat_calls_total{outcome="refused"}': 1,
      'beat_refusals_total{reason="bad_header"}': 1,
      "beat_duration_seconds_count": 4,
      "beat_connections_total": 3,
    },
  );
  assert.equal(after.value('elves_heartbeat_beat_duration_seconds_bucket{le="+Inf"}'), 4);
  assert.ok(after.value("elves_heartbeat_beat_duration_seconds_sum") > 0);
  assert.equal(after.value('elves_heartbeat_agents{state="online"}'), 2);
  assert.ok(after.value("elves_heartbeat_beat_interval_seconds") > 0);
  assert.ok(after.value("elves_heartbeat_store_rows_total") >= 2);
});

Deno.test("Metrics count what modules and supervisor do", async () => {
  await using rabbit = await startRabbit();
  await using supervisor = await ScriptedSupervisor.open(rabbit.url, {
    exchange: "elves",
    word: [{ app: "app1", version: "1.0.1", agentList: [AGENT.ip, "10.1.2.4"] }],
  });
  await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
  await using service = await startApp(
    `mq.ip = ${proxy.host}\nmq.port = ${proxy.port}\nmq.user = ${rabbit.user}\nmq.password = ${rabbit.password}\n` +
      "auth.mode = supervisor\n",
  );
  const early = (await scrape(service.url)).figures;
  await waitFor(() => service.app.catalog.current !== undefined, { timeoutMs: 30_000, what: "supervisor's catalog" });
  await beat(service.beatAddress, AGENT);
  await using peer = await ModulePeer.connect(rabbit.url);
  const { text, figures: before } = await scrape(service.url);
  await promtool(["check", "metrics"], text);
  assert.equal(before.value("elves_heartbeat_mq_up") - early.value("elves_heartbeat_mq_up"), 1);
  assert.equal(before.value("elves_heartbeat_ready"), 1);
  assert.equal(before.value("elves_heartbeat_catalog_known"), 1);
  assert.equal(before.value("elves_heartbeat_catalog_agents"), 2);
  assert.ok(before.value("elves_heartbeat_catalog_age_seconds") < 30);

  await peer.call("agentInfo", { ip: AGENT.ip });
  await peer.call("agentInfo", { ip: "10.9.9.9" });
  await peer.call("agentList", {});
  await peer.call("agentList", { cidr: "nonsense" });
  await peer.call("makeCoffee", {});
  await supervisor.cast([{ app: "app1", version: "1.0.2", agentList: [AGENT.ip] }]);
  await peer.send({ mqkey: "openapi.heartbeat.agentInfo", mqtype: "call", mqbody: {} });
  const what = "events to be delivered";
  const after = await waitFor(async () => {
    const { figures } = await scrape(service.url);
    const changed = figures.value('elves_heartbeat_events_total{kind="catalogChanged"}') === 2;
    const delivered = figures.value('elves_heartbeat_events_delivered_total{sink="mq"}') === 3;
    return changed && delivered ? figures : undefined;
  }, { timeoutMs: 15_000, what });
  await promtool(["check", "metrics"], (await scrape(service.url)).text);
  assert.deepEqual(grown(before, after, /mq_(calls|casts|ignored|replies)|mq_call_duration_seconds_count/), {
    'mq_calls_total{action="agentInfo",outcome="ok"}': 1,
    'mq_calls_total{action="agentInfo",outcome="not_found"}': 1,
    'mq_calls_total{action="agentList",outcome="ok"}': 1,
    'mq_calls_total{action="agentList",outcome="refused"}': 1,
    'mq_calls_total{action="unknown",outcome="refused"}': 1,
    'mq_call_duration_seconds_count{action="agentInfo"}': 2,
    'mq_call_duration_seconds_count{action="agentList"}': 2,
    'mq_call_duration_seconds_count{action="unknown"}': 1,
    "mq_casts_total": 1,
    "mq_replies_total": 5,
    'mq_ignored_total{reason="no_reply_address"}': 1,
  });
  assert.equal(after.value('elves_heartbeat_events_queued{sink="mq"}'), 0);
  assert.equal(after.value('elves_heartbeat_events_oldest_age_seconds{sink="mq"}'), 0);
  assert.equal(after.value("elves_heartbeat_catalog_agents"), 1);

  // New connections are taken, and then nothing is heard of them.
  proxy.stall();
  proxy.cut();
  const down = await waitFor(async () => {
    const { figures } = await scrape(service.url);
    return figures.value("elves_heartbeat_mq_up") === 0 ? figures : undefined;
  }, { timeoutMs: 15_000, what: "the lost connection to be seen" });
  assert.equal(down.value("elves_heartbeat_ready"), 0);
  assert.equal(down.value("elves_heartbeat_mq_disconnections_total"), 1);
  proxy.resume();
});

Deno.test("Metrics count HTTP requests by route, under names that a peer cannot choose", async () => {
  await using service = await startApp();
  const before = (await scrape(service.url)).figures;
  const ask = async (path: string, init: RequestInit = {}) =>
    await (await fetch(service.url + path, init)).body?.cancel();
  await ask("/healthz");
  await ask("/api/v1/agents/10.0.0.1");
  await ask("/api/v1/agents/10.0.0.2");
  await ask("/no/such/path");
  await ask("/no/such/path", { method: "PROPFIND" });
  const after = (await scrape(service.url)).figures;
  assert.deepEqual(grown(before, after, /http_requests_total/), {
    'http_requests_total{method="GET",route="/metrics",status="2xx"}': 1,
    'http_requests_total{method="GET",route="/healthz",status="2xx"}': 1,
    'http_requests_total{method="GET",route="/api/v1/agents/{ip}",status="4xx"}': 2,
    'http_requests_total{method="GET",route="other",status="4xx"}': 1,
    'http_requests_total{method="other",route="other",status="4xx"}': 1,
  });
  assert.equal(after.value('elves_heartbeat_http_request_duration_seconds_count{route="/healthz"}'), 1);
});
