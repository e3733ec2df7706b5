import assert from "node:assert/strict";
import { startApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { SseClient } from "./sse_client.ts";

function agent(number: number) {
  return { asset: `host${number}`, ip: `10.0.0.${number}`, version: "1", apps: "{}" };
}

Deno.test("Stream tells a summary at once and every second, and events as they happen", async () => {
  await using app = await startApp();
  await using client = await SseClient.open(`${app.url}/api/v1/stream`);
  assert.equal(client.response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(client.response.headers.get("x-accel-buffering"), "no");
  await client.has("summary", 1);
  assert.equal(client.retryMs, 2_000);
  assert.equal(client.of("summary")[0]?.agents.total, 0);
  assert.equal(client.lastId, "0");

  await beat(app.beatAddress, agent(1));
  await client.has("event", 1);
  const event = client.of("event")[0]!;
  assert.deepEqual([event.kind, event.ip, event.asset, event.first], ["agentOnline", "10.0.0.1", "host1", true]);
  assert.equal(client.lastId, event.id);
  await client.has("summary", 3);
  const summary = client.of("summary").at(-1)!;
  assert.deepEqual([summary.agents.online, summary.stream_clients], [1, 1]);
});

Deno.test("Stream tells what people do by hand", async () => {
  await using app = await startApp();
  await using client = await SseClient.open(`${app.url}/api/v1/stream`);
  const silence = await fetch(`${app.url}/api/v1/silences`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ cidr: "10.0.0.0/8", for: "1h" }),
  });
  assert.equal(silence.status, 201);
  await silence.body?.cancel();
  await client.has("event", 1);
  const audit = client.of("event")[0]!;
  assert.deepEqual([audit.kind, audit.action, audit.who], ["audit", "silenceAdd", "local"]);
});

Deno.test("Stream is resumed behind the last event that a client knows, also after a restart of the service", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-stream-" });
  try {
    let lastId: string;
    {
      await using app = await startApp("", { dataDir });
      await using client = await SseClient.open(`${app.url}/api/v1/stream`);
      await beat(app.beatAddress, agent(1));
      await client.has("event", 1);
      lastId = client.lastId;
      await beat(app.beatAddress, agent(2));
      await client.has("event", 2);
    }
    await using app = await startApp("", { dataDir });
    await beat(app.beatAddress, agent(3));
    for (const [query, headers] of [["", { "last-event-id": lastId }], [`?last_event_id=${lastId}`, {}]] as const) {
      await using client = await SseClient.open(`${app.url}/api/v1/stream${query}`, headers);
      await client.has("event", 2);
      assert.deepEqual(client.of("event").map(({ ip }) => ip), ["10.0.0.2", "10.0.0.3"]);
      assert.equal(client.of("reset").length, 0);
    }
    await using fromBeginning = await SseClient.open(`${app.url}/api/v1/stream`, { "last-event-id": "0" });
    await fromBeginning.has("event", 3);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("Stream tells a client to begin again when its last event is not known", async () => {
  await using app = await startApp();
  await using client = await SseClient.open(`${app.url}/api/v1/stream`, { "last-event-id": "agentOnline:10.9.9.9:1" });
  await client.has("summary", 1);
  assert.deepEqual(client.messages.map(({ event }) => event), ["reset", "summary"]);
  await beat(app.beatAddress, agent(1));
  await client.has("event", 1);
});

Deno.test("Stream refuses the client after the hundredth and takes one again when one has left", async () => {
  await using app = await startApp();
  const url = `${app.url}/api/v1/stream`;
  const clients: SseClient[] = [];
  try {
    while (clients.length < 100) clients.push(await SseClient.open(url));
    const refused = await fetch(url);
    assert.equal(refused.status, 503);
    assert.match((await refused.json()).detail, /100 clients/);
    await clients.pop()?.[Symbol.asyncDispose]();
    await waitFor(async () => {
      const response = await fetch(url);
      await response.body?.cancel();
      return response.status === 200;
    }, { timeoutMs: 10_000, what: "a free place" });
    await clients[0]?.has("summary", 3);
    await clients[98]?.has("summary", 3);
  } finally {
    for (const client of clients) await client[Symbol.asyncDispose]();
  }
});

Deno.test("Stream ends at the stop without holding it up, and for those who ask with HEAD at once", async () => {
  await using app = await startApp();
  const head = await fetch(`${app.url}/api/v1/stream`, { method: "HEAD" });
  assert.deepEqual([head.status, await head.text()], [200, ""]);
  await using client = await SseClient.open(`${app.url}/api/v1/stream`);
  await client.has("summary", 1);
  await app.stop();
  await client.ended();
  assert.deepEqual(app.log.matching(/did not close cleanly/), []);
});
