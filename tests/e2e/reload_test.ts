/** SIGHUP to the compiled service (DESIGN.md section 8), with an agent that beats all the time. */
import assert from "node:assert/strict";
import { BINARY, BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { SteadyAgent } from "../support/steady_agent.ts";
import { waitFor } from "../support/wait_for.ts";

const IP = "10.0.0.1";
const V1 = '{"app1":"1.0.1"}';
const V2 = '{"app1":"1.0.2"}';
const NOTHING_CHANGED = /INF reload: nothing has changed$/;

/** A configuration with the keys in this order, one a line; the first line has number 1. */
type Keys = Readonly<Record<string, string>>;

function textOf(keys: Keys): string {
  return Object.entries(keys).map(([key, value]) => `${key} = ${value}\n`).join("");
}

/** The service, its configuration file and an agent. */
class Subject implements AsyncDisposable {
  readonly service: BinaryProcess;
  readonly agent: SteadyAgent;
  readonly file: string;
  readonly keys: Keys;
  readonly #folder: string;

  private constructor(service: BinaryProcess, { keys, folder }: { keys: Keys; folder: string }) {
    this.service = service;
    this.keys = keys;
    this.#folder = folder;
    this.agent = new SteadyAgent(service.port, IP);
    const [, file] = /configuration (\S+)$/.exec(service.logs[0] ?? "") ?? [];
    assert.ok(file);
    this.file = file;
  }

  /** Starts the service with apps of its own and a broker that is not there. */
  static async start(more: Keys = {}): Promise<Subject> {
    const folder = await Deno.makeTempDir({ prefix: "hb-reload-" });
    const keys = { ...base(folder), ...more };
    return new Subject(await startBinary({ config: textOf(keys) }), { keys, folder });
  }

  /** Writes the file and sends the signal; gives the log lines from then on, once one of them is the awaited one. */
  async reload(keys: Keys, awaited: RegExp): Promise<string[]> {
    const from = this.service.logs.length;
    await Deno.writeTextFile(this.file, textOf(keys));
    Deno.kill(this.service.pid, "SIGHUP");
    await waitFor(() => this.service.logs.slice(from).some((line) => awaited.test(line)), {
      timeoutMs: 10_000,
      what: `a line like ${awaited}`,
    });
    return this.service.logs.slice(from).map((line) => line.replace(/^\S+ /, ""));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent[Symbol.asyncDispose]();
    await this.service[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }
}

function base(folder: string): Keys {
  return {
    "thrift.heartbeat.port": "0",
    "data.dir": `${folder}/data`,
    "mq.ip": `127.0.0.1:${freePort()}`,
    "mq.user": "u",
    "mq.password": "s3cret-one",
    "auth.mode": "simple",
    "auth.localAppInfo": "{'app1':'1.0.1'}",
    "http.port": "0",
  };
}

Deno.test("elves-heartbeat applies at SIGHUP what can be applied, and says what", async () => {
  await using subject = await Subject.start({ "agent.grace": "0" });
  const { service, agent } = subject;
  await using silent = new SteadyAgent(service.port, "10.0.0.2");
  await agent.isTold(V1);
  await silent.isTold(V1);
  await silent[Symbol.asyncDispose]();

  const keys = { ...subject.keys, "auth.localAppInfo": "{'app1':'1.0.2'}", "agent.timeout": "1s" };
  const lines = await subject.reload(keys, /reload: agent\.timeout/);
  assert.deepEqual(lines.filter((line) => /(?:INF|WRN|ERR) reload: /.test(line)), [
    'INF reload: auth.localAppInfo is {"app1":"1.0.2"}, was {"app1":"1.0.1"}',
    "INF reload: agent.timeout is 1000, was 600000",
  ]);
  await agent.isTold(V2);
  await service.logged(/agents: 1 offline: 10\.0\.0\.2/);
  assert.deepEqual(agent.told, [V1, V2]);
  assert.doesNotMatch(service.logs.join("\n"), /offline: 10\.0\.0\.1/);

  await subject.reload({ ...keys, "log.level": "debug" }, /INF reload: log\.level is debug, was info/);
  await subject.reload({ ...keys, "log.level": "error", "mq.port": "x" }, /ERR reload: .*nothing was changed/);
  const from = service.logs.length;
  await Deno.writeTextFile(subject.file, textOf({ ...keys, "log.level": "error", "agent.retention": "9d" }));
  Deno.kill(service.pid, "SIGHUP");
  // Quiet from then on: of a reload with a fault only the errors are seen.
  await subject.reload({ ...keys, "log.level": "error", "mq.port": "y" }, /ERR reload: .*nothing was changed/);
  assert.deepEqual(service.logs.slice(from).filter((line) => !/ ERR /.test(line)), []);
  assert.equal(agent.unanswered, 0);
});

Deno.test("elves-heartbeat refuses at SIGHUP what needs a restart, by name, and no agent is told anything else", async () => {
  await using subject = await Subject.start({ "zookeeper.enabled": "false" });
  const { service, agent } = subject;
  await agent.isTold(V1);
  const { "auth.localAppInfo": _apps, ...others } = subject.keys;
  const lines = await subject.reload({
    ...others,
    "mq.password": "s3cret-two",
    "auth.mode": "supervisor",
    "thrift.heartbeat.port": "11999",
    "zookeeper.auth": "digest:user:s3cret-three",
    "flap.count": "9",
  }, /reload: flap\.count/);
  assert.deepEqual(lines.filter((line) => /(?:INF|WRN|ERR) reload: /.test(line)), [
    "WRN reload: zookeeper.auth would be (hidden), is nothing: that needs a restart",
    "WRN reload: mq.password would be (hidden), is (hidden): that needs a restart",
    "WRN reload: auth.mode would be supervisor, is simple: that needs a restart",
    'WRN reload: auth.localAppInfo would be nothing, is {"app1":"1.0.1"}: that needs a restart',
    "WRN reload: thrift.heartbeat.port would be 11999, is 0: that needs a restart",
    "INF reload: flap.count is 9, was 6",
  ]);
  await agent.beatsOn();
  assert.deepEqual(agent.told, [V1], "not one agent loses its apps");

  // What was applied is the state to compare with; what was refused is still open.
  const again = await subject.reload(
    { ...subject.keys, "mq.password": "s3cret-two" },
    /reload: flap\.count is 6, was 9/,
  );
  assert.equal(again.filter((line) => line.includes("needs a restart")).length, 1);
  await subject.reload(subject.keys, NOTHING_CHANGED);
  await agent.beatsOn();
  assert.deepEqual(agent.told, [V1]);
  assert.doesNotMatch(service.logs.join("\n"), /s3cret/);
});

Deno.test("elves-heartbeat changes nothing at SIGHUP when the file has a fault, and names every fault", async () => {
  await using subject = await Subject.start();
  const { service, agent, file } = subject;
  await agent.isTold(V1);
  const faulty = {
    ...subject.keys,
    "mq.ip": "",
    "mq.password": "s3cret-one",
    "auth.localAppInfo": "{'app1':'1.0.2'}",
    "agent.timout": "1s",
    "guard.share": "7",
    "zookeeper.auth": "s3cret-without-scheme",
  };
  const lines = await subject.reload(faulty, /nothing was changed/);
  assert.deepEqual(lines.filter((line) => /(?:INF|WRN|ERR) reload: /.test(line)), [
    `ERR reload: ${file}:3: mq.ip must name the RabbitMQ server`,
    `ERR reload: ${file}:9: agent.timout is no known key; did you mean agent.timeout?`,
    `ERR reload: ${file}:10: guard.share must be a number from 0 to 1, "7" came`,
    `ERR reload: ${file}:11: zookeeper.auth must be a scheme and its secret such as digest:user:secret, another value came (not shown)`,
    "ERR reload: the configuration has faults, nothing was changed",
  ]);
  await Deno.remove(file);
  const from = service.logs.length;
  Deno.kill(service.pid, "SIGHUP");
  await waitFor(() => service.logs.slice(from).some((line) => /nothing was changed/.test(line)), {
    timeoutMs: 10_000,
    what: "the refusal of a missing file",
  });
  assert.match(service.logs[from] ?? "", /ERR reload: .*conf\.properties: cannot be read/);
  await agent.beatsOn();
  assert.deepEqual(agent.told, [V1]);
  assert.doesNotMatch(service.logs.join("\n"), /s3cret/);
});

Deno.test("elves-heartbeat bears SIGHUP again and again, and ends with what the file says last", async () => {
  await using subject = await Subject.start();
  const { service, agent } = subject;
  const last = "1.0.60";
  for (let patch = 1; patch <= 60; patch++) {
    const apps = { ...subject.keys, "auth.localAppInfo": `{'app1':'1.0.${patch}'}` };
    // Also half a file, as an editor leaves it for a moment.
    await Deno.writeTextFile(subject.file, patch % 3 === 1 ? textOf(apps).slice(0, -8) : textOf(apps));
    Deno.kill(service.pid, "SIGHUP");
  }
  await agent.isTold(`{"app1":"${last}"}`);
  await agent.beatsOn();
  assert.equal(agent.told.at(-1), `{"app1":"${last}"}`);
  assert.ok(agent.told.every((told) => /^\{"app1":"1\.0\.\d+"\}$/.test(told)), agent.told.join());
  assert.equal(agent.unanswered, 0);
  const lastLine = service.logs.findLast((line) => line.includes("INF reload: auth"));
  assert.match(lastLine ?? "", /auth\.localAppInfo is \{"app1":"1\.0\.60"\}/);
  assert.equal((await service.stop()).code, 0);
});

Deno.test("elves-heartbeat bears SIGHUP while it starts, and reads the file again once it has started", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hb-reload-" });
  const keys = base(folder);
  const file = `${folder}/conf.properties`;
  await Deno.writeTextFile(file, textOf(keys));
  const child = new Deno.Command(BINARY, {
    args: ["run", "--config", file],
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  // It removes the folder at the end.
  await using service = new BinaryProcess(child, folder);
  await service.logged(/configuration /);
  await Deno.writeTextFile(file, textOf({ ...keys, "auth.localAppInfo": "{'app1':'1.0.2'}" }));
  for (let signals = 0; signals < 5; signals++) Deno.kill(service.pid, "SIGHUP");
  await service.ready();
  await service.logged(/INF reload: auth\.localAppInfo is \{"app1":"1\.0\.2"\}/);
  await using agent = new SteadyAgent(service.port, IP);
  await agent.isTold(V2);
  assert.deepEqual(agent.told, [V2]);
  assert.equal((await service.stop()).code, 0);
});
