import assert from "node:assert/strict";
import { beat, type BeatInfo } from "../support/beat_client.ts";
import { startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { NotifyListener } from "../systemd/notify_listener.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.0.0.1", version: "0.3.3", apps: "{}" };

/** A service that needs nobody else. */
function config(port = freePort()): string {
  return "mq.ip = 127.0.0.1\nmq.port = 1\nmq.user = u\nmq.password = p\nauth.mode = simple\nauth.localAppInfo = {}\n" +
    `thrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = ${port}\nhttp.port = 0\n`;
}

/** What systemd puts into the environment of a service. */
function environment(notifySocket: string, watchdogUsec?: number): Record<string, string> {
  return {
    NOTIFY_SOCKET: notifySocket,
    ...watchdogUsec === undefined ? {} : { WATCHDOG_USEC: String(watchdogUsec) },
  };
}

Deno.test("elves-heartbeat is ready for systemd when it takes beats, and tells of its fleet and of its stop", async () => {
  await using systemd = await NotifyListener.open();
  const port = freePort();
  const starting = startBinary({ config: config(port), env: environment(systemd.name) });
  await systemd.next(/^READY=1$/);
  assert.equal((await beat({ hostname: "127.0.0.1", port }, AGENT)).text, '{"data":{}}');
  await using service = await starting;
  assert.equal(systemd.told[0], "STATUS=starting");
  assert.match(systemd.told[2] ?? "", /^STATUS=0 online, 0 suspect, 0 offline; 0 beats\/s; RabbitMQ (connecting|down)/);
  await systemd.next(/^STATUS=1 online, 0 suspect, 0 offline; [\d.]+ beats\/s; RabbitMQ down/);

  assert.equal((await service.stop()).code, 0);
  await systemd.next(/^STATUS=stopping: SIGTERM$/);
  assert.deepEqual(systemd.told.slice(-2), ["STOPPING=1", "STATUS=stopping: SIGTERM"]);
  assert.equal(systemd.count("READY=1"), 1);
  assert.ok(!systemd.told.includes("WATCHDOG=1"), "nobody asked for signs of life");
});

Deno.test("elves-heartbeat gives systemd signs of life, and reloads at SIGHUP", async () => {
  await using systemd = await NotifyListener.open();
  await using service = await startBinary({ config: config(), env: environment(systemd.name, 2_000_000) });
  await systemd.next(/^WATCHDOG=1$/);
  const before = systemd.told.length;
  Deno.kill(service.pid, "SIGHUP");
  await systemd.next(/^RELOADING=1$/, before);
  await systemd.next(/^READY=1$/, before);
  await service.logged(/reload: nothing has changed/);
  await systemd.next(/^WATCHDOG=1$/, before);
  assert.ok(systemd.told.indexOf("RELOADING=1") < systemd.told.lastIndexOf("READY=1"));
});

Deno.test("elves-heartbeat that cannot open its port is never ready for systemd", async () => {
  await using systemd = await NotifyListener.open();
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const start = startBinary({ config: config(other.addr.port), env: environment(systemd.name, 2_000_000) });
  await assert.rejects(start, /ended with code 1 .* is in use/s);
  assert.deepEqual(systemd.told, ["STATUS=starting"]);
});

Deno.test("elves-heartbeat serves when nobody listens on NOTIFY_SOCKET, and says so", async () => {
  for (const name of ["/nowhere/notify", `@${crypto.randomUUID()}`, "notify"]) {
    await using service = await startBinary({ config: config(), env: environment(name, 2_000_000) });
    const line = await service.logged(/systemd: it cannot be told about this service/);
    assert.ok(line.includes(name));
    assert.equal((await beat({ hostname: "127.0.0.1", port: service.port }, AGENT)).text, '{"data":{}}');
    assert.equal((await service.stop()).code, 0);
  }
});

Deno.test("elves-heartbeat writes journald's priorities when its log goes there", async () => {
  await using service = await startBinary({ config: config(), env: { JOURNAL_STREAM: "8:1234" } });
  await service.logged(/^<6>beats on 127\.0\.0\.1:\d+$/);
  await service.logged(/^<4>mq: no connection/);
  assert.equal((await service.stop()).code, 0);
  assert.deepEqual(service.logs.filter((line) => !/^<[2-7]>\S/.test(line)), []);
});
