/** The whole service in one process, with the beat port on its thread and on others. */
import assert from "node:assert/strict";
import { settingsOf, startApp, type TestApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { WORKERS } from "./test_port.ts";

const NOBODY = "thrift.proxies = 192.0.2.1\n";

async function told({ beatAddress }: TestApp, ip: string): Promise<string | undefined> {
  const { text, exception } = await beat(beatAddress, { asset: `asset ${ip}`, ip, version: "1", apps: '{"a":"1"}' });
  return text ?? exception?.message;
}

async function summary({ url }: TestApp) {
  return await (await fetch(`${url}/api/v1/summary`)).json();
}

async function metric({ url }: TestApp, line: RegExp): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(line.exec(text)?.[1]);
}

for (const workers of WORKERS) {
  const name = `App with ${workers} workers`;
  const config = `thrift.workers = ${workers}\n`;

  Deno.test(`${name} shows the agents that beat, counts them, and remembers them after a restart`, async () => {
    const dataDir = await Deno.makeTempDir({ prefix: "hb-workers-" });
    const ips = Array.from({ length: 30 }, (_, i) => `10.0.0.${i + 1}`);
    try {
      await using service = await startApp(config, { dataDir });
      for (const ip of ips) assert.equal(await told(service, ip), '{"data":{"app1":"1.0.1"}}');
      await waitFor(async () => (await summary(service)).agents.online === 30, { timeoutMs: 5_000, what: "30 agents" });
      assert.equal((await summary(service)).beats.total, 30);
      assert.equal(await metric(service, /^elves_heartbeat_beats_total (\d+)$/m), 30);
      assert.equal(await metric(service, /^elves_heartbeat_beat_duration_seconds_count (\d+)$/m), 30);
      assert.equal(service.log.matching(/beats are taken by 2 workers/).length, workers === 0 ? 0 : 1);
      // Answered, and then at once the stop.
      await told(service, "10.0.1.1");
      await service.stop();
      await using again = await startApp(config, { dataDir });
      assert.equal((await summary(again)).agents.online + (await summary(again)).agents.suspect, 31);
      const agent = await (await fetch(`${again.url}/api/v1/agents/10.0.1.1`)).json();
      assert.deepEqual([agent.asset, agent.apps], ["asset 10.0.1.1", { a: "1" }]);
    } finally {
      await Deno.remove(dataDir, { recursive: true });
    }
  });

  Deno.test(`${name} refuses new agents where there is no room`, async () => {
    await using service = await startApp(`${config}agent.max = 3\n`);
    for (const ip of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) assert.match((await told(service, ip)) ?? "", /app1/);
    assert.match((await told(service, "10.0.0.4")) ?? "", /the fleet is full/);
    assert.match((await told(service, "10.0.0.2")) ?? "", /app1/);
  });

  Deno.test(`${name} applies other apps and another address check at a reload`, async () => {
    await using service = await startApp(`${config}${NOBODY}`);
    assert.equal(await told(service, "10.0.0.1"), '{"data":{"app1":"1.0.1"}}');
    const next = `${config}${NOBODY}agent.addressCheck = enforce\nauth.localAppInfo = {'app1':'2'}\n`;
    service.app.reload(settingsOf(next, "elsewhere"));
    await waitFor(async () => await told(service, "127.0.0.1") === '{"data":{"app1":"2"}}', {
      timeoutMs: 5_000,
      what: "other apps",
    });
    for (let i = 0; i < 8; i++) {
      assert.equal(await told(service, "127.0.0.1"), '{"data":{"app1":"2"}}');
      assert.match((await told(service, "10.0.0.1")) ?? "", /ip must be the address that the beat comes from/);
    }
    const foreign = () => metric(service, /^elves_heartbeat_foreign_beats_total (\d+)$/m);
    await waitFor(async () => await foreign() === 9, { timeoutMs: 5_000, what: "9 foreign beats" });
  });
}
