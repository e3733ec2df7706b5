import assert from "node:assert/strict";
import { serverSentEvents } from "../../src/cli/sse.ts";
import { startApp } from "../support/app.ts";
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait_for.ts";
import { call, CliScene } from "./scene.ts";

async function* byteByByte(text: string): AsyncGenerator<Uint8Array> {
  for (const byte of new TextEncoder().encode(text)) yield await Promise.resolve(Uint8Array.of(byte));
}

Deno.test("serverSentEvents reads messages however they are cut", async () => {
  const text = ': comment\nretry: 2000\n\nid: 1\nevent: event\ndata: {"a":\ndata: "服"}\n\n' +
    "data:x\r\n\r\nevent: reset\rdata\r\rid: 3\n\ndata: no end";
  const messages = await Array.fromAsync(serverSentEvents(byteByByte(text)));
  assert.deepEqual(messages, [
    { event: "event", data: '{"a":\n"服"}', id: "1" },
    { event: "message", data: "x", id: undefined },
    { event: "reset", data: "", id: undefined },
  ]);
});

async function stored(scene: CliScene, count: number): Promise<void> {
  await waitFor(async () => JSON.parse(await scene.output("events --json")).events.length >= count, {
    timeoutMs: 10_000,
    what: `${count} events in the store`,
  });
}

Deno.test("events shows the last ones, the newest at the bottom, of some kinds or of one agent", async () => {
  await using scene = await CliScene.start("agent.timeout = 10m\n");
  assert.deepEqual((await scene.call("events")).err, "no events\n");
  scene.beat("10.0.0.1");
  scene.pass(1_000);
  scene.beat("10.0.0.2", { version: "0.3.2" });
  await stored(scene, 2);
  scene.pass(90_000);
  scene.beat("10.0.0.2");
  await scene.output("agents forget 10.0.0.1 --yes");
  await stored(scene, 5);
  const lines = (await scene.output("events", { columns: 100 })).trimEnd().split("\n");
  assert.match(lines[0]!, /^TIME +EVENT +AGENT +WHAT$/);
  assert.match(lines[1]!, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}agentOnline +10\.0\.0\.1 web-1 {2}first$/);
  assert.match(lines[2]!, /agentOnline +10\.0\.0\.2 web-2 {2}first$/);
  assert.match(lines[3]!, /versionChanged +10\.0\.0\.2 web-2 {2}away 1m 30s, from=0\.3\.2, to=0\.3\.3$/);
  const audit = await scene.output("events --kind audit");
  assert.match(audit, /audit +10\.0\.0\.1 web-1 {2}local: forget: /);
  const one = JSON.parse(await scene.output("events --ip 10.0.0.2 --json --limit 1"));
  assert.deepEqual(one.events.map(({ kind }: { kind: string }) => kind), ["versionChanged"]);
  assert.match((await scene.call("events --limit 0")).err, /--limit must be a whole number from 1 to 1000, "0" came/);
  assert.match((await scene.call("events --kind agentGone")).err, /^--kind must be one of agentOnline, /);
});

Deno.test("events --follow goes on with what happens, each event once, until Ctrl-C", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.0.0.1");
  await stored(scene, 1);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  let out = "";
  const line = "events --follow --json --kind agentOnline";
  const following = scene.call(line, { stopped, onWrite: (text) => out = text });
  await waitFor(() => out !== "", { timeoutMs: 10_000, what: "the past" });
  scene.beat("10.0.0.2");
  await waitFor(() => out.includes("10.0.0.2"), { timeoutMs: 10_000, what: "the event" });
  await scene.output("agents forget 10.0.0.2 --yes");
  scene.beat("10.0.0.3");
  await waitFor(() => out.includes("10.0.0.3"), { timeoutMs: 10_000, what: "the next event" });
  stop("SIGINT");
  const { code, err } = await following;
  assert.deepEqual([code, err], [0, ""]);
  const ips = out.trimEnd().split("\n").map((text) => JSON.parse(text).ip);
  assert.deepEqual(ips, ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
});

Deno.test("events --follow comes back after a restart of the service and misses nothing", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hb-cli-" });
  const port = freePort();
  const start = () => startApp(`http.port = ${port}\n`, { dataDir: `${folder}/data` });
  const beat = (test: Awaited<ReturnType<typeof start>>, ip: string) =>
    test.app.fleet.beat({ ip, asset: "a", version: "1", apps: "{}" }, {
      monotonic: performance.now(),
      wall: Date.now(),
    });
  await Deno.writeTextFile(`${folder}/conf.properties`, `http.port = ${port}\n`);
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  let out = "";
  const first = await start();
  beat(first, "10.0.0.1");
  const args = ["events", "--follow", "--config", `${folder}/conf.properties`];
  const following = call(args, { stopped, onWrite: (text) => out = text });
  await waitFor(() => out.includes("10.0.0.1"), { timeoutMs: 10_000, what: "the first event" });
  await first.stop();
  const second = await start();
  beat(second, "10.0.0.2");
  await waitFor(() => out.includes("10.0.0.2"), { timeoutMs: 30_000, what: "the event after the restart" });
  stop("SIGINT");
  const { code, err } = await following;
  assert.equal(code, 0);
  assert.match(err, /trying again\n/);
  assert.equal(out.split("\n").filter((line) => line.includes("10.0.0.1")).length, 1);
  await second.stop();
  await Deno.remove(folder, { recursive: true });
});
