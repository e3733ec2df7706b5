import assert from "node:assert/strict";
import { startApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";

Deno.test("App answers health checks and the summary without RabbitMQ", async () => {
  await using app = await startApp();
  await beat(app.beatAddress, { asset: "a", ip: "10.0.0.1", version: "1", apps: "{}" });

  assert.deepEqual(await (await fetch(`${app.url}/healthz`)).json(), { status: "ok" });
  const beats = await fetch(`${app.url}/readyz/beats`);
  assert.deepEqual([beats.status, await beats.json()], [200, { ready: true, beats: { ok: true } }]);
  const ready = await fetch(`${app.url}/readyz`);
  const readiness = await ready.json();
  assert.equal(ready.status, 503);
  assert.equal(readiness.ready, false);
  assert.equal(readiness.mq.ok, false);
  assert.equal(readiness.store.ok, true);
  const summary = await (await fetch(`${app.url}/api/v1/summary`)).json();
  assert.equal(summary.agents.online, 1);
  assert.equal(summary.beats.total, 1);
  assert.deepEqual(summary.zookeeper, { state: "disabled", since: null, path: null, fault: null });
});
