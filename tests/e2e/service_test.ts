import assert from "node:assert/strict";
import { LARGE_BYTES } from "../../src/mq/replies.ts";
import { Supervisor } from "../demo/supervisor.ts";
import { beat, beatCall, BeatConnection, type BeatInfo, concat } from "../support/beat_client.ts";
import { BINARY, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.0.0.1", version: "0.3.3", apps: '{"testApp":"1.0.1"}' };
const SIMPLE = "auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\n";

/** A configuration with a broker that is not there. */
function alone(apps = SIMPLE): string {
  return `mq.ip = 127.0.0.1\nmq.port = ${freePort()}\nmq.user = u\nmq.password = s3cret-word\n${apps}`;
}

function withBroker({ host, port, user, password }: Pick<RabbitServer, "host" | "port" | "user" | "password">): string {
  return `mq.ip = ${host}\nmq.port = ${port}\nmq.user = ${user}\nmq.password = ${password}\nauth.mode = supervisor\n`;
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs the executable to its end, with an empty environment. */
async function execute(...args: string[]): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(BINARY, { args, clearEnv: true, stdin: "null" }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

async function withConfig(text: string, test: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".properties" });
  try {
    await Deno.writeTextFile(file, text);
    await test(file);
  } finally {
    await Deno.remove(file);
  }
}

function told(port: number, agent = AGENT): Promise<unknown> {
  return beat({ hostname: "127.0.0.1", port }, agent, { pieces: 28 }).then(({ text, exception }) =>
    text === undefined ? exception?.type : JSON.parse(text)
  );
}

Deno.test("elves-heartbeat serves beats with the broker down, and stops cleanly at SIGTERM", async () => {
  await using service = await startBinary({ config: alone() });
  assert.deepEqual(await told(service.port), { data: { app1: "1.0.1" } });
  await service.logged(/WRN mq: no connection, beats are served meanwhile/);
  const { code } = await service.stop();
  assert.equal(code, 0);
  assert.match(service.logs.at(-1) ?? "", /stopped$/);
  assert.doesNotMatch(service.logs.join("\n"), /s3cret-word/);
});

Deno.test("elves-heartbeat answers at SIGTERM what it has read, and takes no new connection", async () => {
  await using service = await startBinary({ config: alone() });
  const address = { hostname: "127.0.0.1", port: service.port };
  using kept = await BeatConnection.open(address, { timeoutMs: 5_000 });
  const call = beatCall(AGENT);
  // In one piece, so that the answer to the first shows that the beginning of the second was read.
  await kept.send(concat([call, call.subarray(0, 30)]));
  await kept.reply();
  const stopped = service.stop();
  await service.logged(/stopping: SIGTERM/);
  await kept.send(call.subarray(30));
  const reply = await kept.reply();
  assert.equal(reply.text, '{"data":{"app1":"1.0.1"}}');
  assert.equal((await stopped).code, 0);
  await assert.rejects(beat(address, AGENT));
});

Deno.test("elves-heartbeat ends with 1 and a clear line when the beat port is in use", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const port = other.addr.port;
  await withConfig(`${alone()}thrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = ${port}\n`, async (file) => {
    const { code, err } = await execute("run", "--config", file);
    assert.equal(code, 1);
    assert.match(err, RegExp(`ERR cannot start: beat port 127.0.0.1:${port} is in use \\(thrift.heartbeat.port\\)`));
  });
});

Deno.test("elves-heartbeat tells every fault of its configuration and ends with 2", async () => {
  const text = "mq.prot = 1\nmq.user = u\nmq.password = hunter2\nthrift.heartbeat.port = high\nauth.mode = maybe\n";
  await withConfig(text, async (file) => {
    for (const command of ["run", "check"]) {
      const { code, out, err } = await execute(command, "--config", file);
      assert.equal(code, 2);
      assert.equal(out, "");
      assert.deepEqual(err.trim().split("\n"), [
        `${file}:1: mq.prot is no known key; did you mean mq.port?`,
        `${file}:4: thrift.heartbeat.port must be a whole number from 0 to 65535, "high" came`,
        `${file}:5: auth.mode must be supervisor or simple, "maybe" came`,
        `${file}: mq.ip must name the RabbitMQ server`,
      ]);
    }
  });
  const missing = await execute("--config", "/nonexistent/conf.properties");
  assert.equal(missing.code, 2);
  assert.match(missing.err, /\/nonexistent\/conf\.properties: cannot be read/);
});

Deno.test("elves-heartbeat explains its usage", async () => {
  const help = await execute("help");
  assert.equal(help.code, 0);
  assert.match(help.out, /Usage: elves-heartbeat \[COMMAND\]/);
  const wrong = await execute("serve");
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^unknown command "serve"\nsee: elves-heartbeat help\n$/);
  assert.equal((await execute("run", "--conf")).code, 2);
  const version = await execute("version");
  assert.match(version.out, /^elves-heartbeat \d+\.\d+\.\d+ \(.+\)\nDeno \d+\.\d+\.\d+, .+\n$/);
});

Deno.test("elves-heartbeat check tells what cannot be reached and what listens on the beat port", async () => {
  using other = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closer = (async () => {
    for await (const connection of other) connection.close();
  })();
  const ports = `thrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = ${other.addr.port}\n`;
  await withConfig(
    `${alone()}${ports}zookeeper.host = 127.0.0.1:${freePort()}\nzookeeper.outTime = 1s\n`,
    async (file) => {
      const { code, out } = await execute("check", "--config", file);
      assert.equal(code, 1);
      assert.match(out, /^ok +config/m);
      assert.match(out, /^FAULT +rabbitmq +127\.0\.0\.1:\d+: nothing listens there/m);
      assert.match(out, /^FAULT +zookeeper +127\.0\.0\.1:\d+/m);
      assert.match(out, /^FAULT +beats +127\.0\.0\.1:\d+ is in use by something else/m);
      assert.doesNotMatch(out, /s3cret-word/);
    },
  );
  other.close();
  await closer.catch(() => {});
});

Deno.test("elves-heartbeat runs the main job: beats, supervisor, modules, through a restart of the broker", async (t) => {
  await using rabbit = await startRabbit();
  await using service = await startBinary({ config: withBroker(rabbit) });

  await t.step("an agent gets an exception as long as nobody has said what may run", async () => {
    assert.equal(await told(service.port), 6);
  });

  await t.step("check knows the running service and the broker, and changes nothing", async () => {
    const config = `${withBroker(rabbit)}thrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = ${service.port}\n`;
    await withConfig(config, async (file) => {
      const { code, out } = await execute("check", "--config", file);
      assert.equal(code, 0, out);
      assert.match(out, /^ok +rabbitmq +.*logged in as .*; exchange elves fits, queue heartbeat fits/m);
      assert.match(out, /^ok +beats +.* is served already, by this service/m);
    });
  });

  const catalog = [{ app: "testApp", version: "1.0.2", agentList: [AGENT.ip] }];
  await using supervisor = await Supervisor.open(rabbit.url, { exchange: "elves", catalog, onAsked: () => {} });
  await t.step("it asks supervisor until it answers, and then tells agents", async () => {
    await waitFor(async () => (await told(service.port)) !== 6, { timeoutMs: 30_000, what: "a catalog" });
    assert.deepEqual(await told(service.port), { data: { testApp: "1.0.2" } });
    assert.deepEqual(await told(service.port, { ...AGENT, ip: "10.0.0.2" }), { data: {} });
  });

  await t.step("a cast replaces the catalog", async () => {
    supervisor.update([{ app: "testApp", version: "1.0.3", agentList: [AGENT.ip] }]);
    const expected = JSON.stringify({ data: { testApp: "1.0.3" } });
    await waitFor(async () => JSON.stringify(await told(service.port)) === expected, {
      timeoutMs: 10_000,
      what: "the new version",
    });
  });

  await t.step("beats are answered while the broker is gone, and it is asked again when it is back", async () => {
    await rabbit.kill();
    assert.deepEqual(await told(service.port), { data: { testApp: "1.0.3" } });
    await rabbit.start();
    const after = [{ app: "testApp", version: "2.0.0", agentList: [AGENT.ip] }];
    await using _again = await Supervisor.open(rabbit.url, { exchange: "elves", catalog: after, onAsked: () => {} });
    const expected = JSON.stringify({ data: { testApp: "2.0.0" } });
    await waitFor(async () => JSON.stringify(await told(service.port)) === expected, {
      timeoutMs: 60_000,
      what: "the catalog after the restart",
    });
  });

  await t.step("it sends a list that is a large answer", async () => {
    const apps = JSON.stringify({ [`app-${"x".repeat(300)}`]: "1.0.1" });
    const ips = Array.from({ length: 300 }, (_, i) => `10.1.${i >> 8}.${i & 255}`);
    for (const ip of ips) await told(service.port, { ...AGENT, ip, asset: ip, apps });
    await using peer = await ModulePeer.connect(rabbit.url);
    for (let i = 0; i < 2; i++) {
      const { count, result } = await peer.call("agentList", { cidr: "10.1.0.0/16" });
      assert.equal(count, ips.length);
      assert.deepEqual(result.map(({ ip }) => ip), ips);
      assert.ok(JSON.stringify(result).length > LARGE_BYTES);
    }
  });

  await t.step("it stops cleanly with the broker up", async () => {
    assert.equal((await service.stop()).code, 0);
    assert.deepEqual(service.logs.filter((line) => / ERR /.test(line)), []);
  });
});

Deno.test("elves-heartbeat stops within 5 s although the broker has stalled", async () => {
  await using rabbit = await startRabbit();
  await using service = await startBinary({ config: `${withBroker(rabbit)}` });
  await service.logged(/mq: connected/);
  await rabbit.pause();
  const { code } = await service.stop();
  await rabbit.resume();
  assert.equal(code, 0);
});
