/** The compiled service and a real ZooKeeper that comes, stands still, dies and comes back (PROTOCOL.md section 3). */
import assert from "node:assert/strict";
import { hostname } from "node:os";
import { BINARY, type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { SteadyAgent } from "../support/steady_agent.ts";
import { waitFor } from "../support/wait_for.ts";
import { startZookeeper, type ZookeeperServer } from "../support/zookeeper.ts";
import { Dashboard } from "../zookeeper/dashboard.ts";

const SESSION_MS = 2_000;
/** What is promised: one node for each live instance within this time after a fault. */
const PROMISE_MS = SESSION_MS + 5_000;
const V1 = '{"app1":"1.0.1"}';

Deno.test("elves-heartbeat registers itself through every fault of ZooKeeper, and beats and calls notice nothing", async (t) => {
  await using rabbit = await startRabbit();
  await using zookeeper = await startZookeeper();
  const dashboard = new Dashboard(zookeeper);
  const port = freePort();
  await zookeeper.stop();

  await using service = await startBinary({ config: configOf(zookeeper, { rabbit, port }) });
  await using agent = new SteadyAgent(port, "10.0.0.1");
  await agent.isTold(V1);
  await service.logged(/mq: connected/);
  await using module = await SteadyModule.open(rabbit, "10.0.0.1");

  await t.step("down at the start", async () => {
    await service.logged(/WRN zookeeper: not registered, trying until it works: .*ECONNREFUSED/);
    await untouched(agent, module);
    await zookeeper.start();
    const [node] = await nodes(dashboard, 1);
    const data = await dashboard.data(node!);
    const { startedAt, version, ...place } = data;
    assert.deepEqual(place, { instance: `${hostname()}-${port}`, host: hostname(), beatPort: port });
    assert.ok(!Number.isNaN(Date.parse(String(startedAt))));
    assert.match(String(version), /^\d+\.\d+\.\d+$/);
  });

  await t.step("checked by the check command, which leaves no node", async () => {
    const { code, text } = await check(configOf(zookeeper, { rabbit, port }));
    assert.match(text, RegExp(`^ok +zookeeper +${zookeeper.connectString}: session opened$`, "m"));
    assert.equal(code, 0, text);
    await nodes(dashboard, 1);
  });

  await t.step("standing still for longer than the session", async () => {
    await nodes(dashboard, 1);
    await zookeeper.pause();
    const until = performance.now() + SESSION_MS * 1.5;
    await waitFor(() => performance.now() > until, { timeoutMs: PROMISE_MS, what: "the end of the session's time" });
    await untouched(agent, module);
    zookeeper.resume();
    await oneNode(dashboard);
  });

  await t.step("killed and started again", async () => {
    await zookeeper.kill();
    await untouched(agent, module);
    await zookeeper.start();
    await oneNode(dashboard);
  });

  await t.step("a clean stop", async () => {
    await untouched(agent, module);
    await module.end();
    await agent[Symbol.asyncDispose]();
    const stopped = service.stop();
    assert.equal((await stopped).code, 0);
    assert.deepEqual(await dashboard.instances(), [], "the node goes with the process, not with the session's time");
  });

  assert.deepEqual(agent.told, [V1]);
  assert.equal(agent.unanswered, 0);
  assert.equal(module.unanswered, 0);
  print(
    `p100 through ZooKeeper's faults: ${agent.answers} beats ${slowest(agent.answerMs)} ms, ` +
      `${module.answerMs.length} calls ${slowest(module.answerMs)} ms`,
  );
});

Deno.test("elves-heartbeat has one node for each instance, also after kill -9", async () => {
  await using zookeeper = await startZookeeper();
  const dashboard = new Dashboard(zookeeper);
  // A session that outlives the test by far: nodes go because somebody removes them.
  const [onePort, otherPort] = [freePort(), freePort()];
  const one = configOf(zookeeper, { port: onePort, sessionMs: 60_000 });
  await using killed = await startBinary({ config: one });
  await using other = await startBinary({ config: configOf(zookeeper, { port: otherPort, sessionMs: 60_000 }) });
  const before = await nodes(dashboard, 2);
  assert.deepEqual(await portsOf(dashboard, before), [onePort, otherPort].sort());

  await killed.kill();
  await using again = await startBinary({ config: one });
  await again.logged(/INF zookeeper: removed \S+, left by an earlier session of this instance/);
  await registered(again);
  const after = await nodes(dashboard, 2);
  assert.deepEqual(await portsOf(dashboard, after), [onePort, otherPort].sort());
  assert.equal(after.filter((node) => before.includes(node)).length, 1, "the other one's node is the same");

  assert.equal((await other.stop()).code, 0);
  assert.deepEqual(await portsOf(dashboard, await dashboard.instances()), [onePort]);
  assert.equal((await again.stop()).code, 0);
  assert.deepEqual(await dashboard.instances(), []);
});

Deno.test("elves-heartbeat says that ZooKeeper refuses its login, and serves beats all the same", async () => {
  await using zookeeper = await startZookeeper();
  const port = freePort();
  const config = `${configOf(zookeeper, { port })}zookeeper.auth = nosuch:user:s3cret-word\n`;
  await using service = await startBinary({ config });
  await using agent = new SteadyAgent(port, "10.0.0.1");
  const refused = `${zookeeper.connectString} refused zookeeper.auth`;
  const line = await service.logged(/WRN zookeeper: not registered/);
  assert.match(line, RegExp(`trying until it works: ${refused}`));
  await agent.isTold(V1);
  assert.deepEqual(await new Dashboard(zookeeper).instances(), []);
  const { code, text } = await check(config);
  assert.equal(code, 1);
  assert.match(text, RegExp(`^FAULT +zookeeper +.*${refused}`, "m"));
  assert.doesNotMatch(`${service.logs.join("\n")}${text}`, /s3cret-word/);
});

interface Place {
  readonly port: number;
  /** Without it: a broker that is not there. */
  readonly rabbit?: RabbitServer;
  readonly sessionMs?: number;
}

function configOf(zookeeper: ZookeeperServer, { rabbit, port, sessionMs = SESSION_MS }: Place): string {
  return [
    `zookeeper.host = ${zookeeper.connectString}`,
    `zookeeper.outTime = ${sessionMs}`,
    `mq.ip = 127.0.0.1:${rabbit?.port ?? freePort()}`,
    `mq.user = ${rabbit?.user ?? "u"}`,
    `mq.password = ${rabbit?.password ?? "p"}`,
    "auth.mode = simple",
    "auth.localAppInfo = {'app1':'1.0.1'}",
    `thrift.heartbeat.port = ${port}`,
    "",
  ].join("\n");
}

/** Waits until the dashboard shows so many instances. */
function nodes(dashboard: Dashboard, count: number): Promise<string[]> {
  return waitFor(async () => {
    const seen = await dashboard.instances();
    return seen.length === count && seen;
  }, { timeoutMs: PROMISE_MS, what: `${count} instances` });
}

/** Waits for one node, which is still there when all sessions from before have run out, and never beside another. */
async function oneNode(dashboard: Dashboard): Promise<void> {
  await nodes(dashboard, 1);
  const until = performance.now() + SESSION_MS * 1.5;
  await waitFor(async () => {
    assert.ok((await dashboard.instances()).length <= 1);
    return performance.now() > until;
  }, { timeoutMs: PROMISE_MS, what: "the end of all sessions from before" });
  await nodes(dashboard, 1);
}

async function portsOf(dashboard: Dashboard, paths: readonly string[]): Promise<unknown[]> {
  const data = await Promise.all(paths.map((path) => dashboard.data(path)));
  return data.map(({ beatPort }) => beatPort).sort();
}

function registered(service: BinaryProcess): Promise<string> {
  return service.logged(/INF zookeeper: registered as/);
}

/** Waits until the agent and the module have got answers to what they asked from now on. */
async function untouched(agent: SteadyAgent, module: SteadyModule): Promise<void> {
  await Promise.all([agent.beatsOn(20), module.goesOn(20)]);
}

function print(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

function slowest(times: readonly number[]): number {
  return Math.round(times.reduce((a, b) => Math.max(a, b), 0));
}

async function check(config: string): Promise<{ code: number; text: string }> {
  const file = await Deno.makeTempFile({ suffix: ".properties" });
  try {
    await Deno.writeTextFile(file, config);
    const args = ["check", "--config", file];
    const { code, stdout, stderr } = await new Deno.Command(BINARY, { args, clearEnv: true, stdin: "null" }).output();
    return { code, text: new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(file);
  }
}

/** A module that asks for one agent all the time. */
class SteadyModule implements AsyncDisposable {
  /** How long each answer took, ms. */
  readonly answerMs: number[] = [];
  /** How many questions had no answer, or the wrong one. */
  unanswered = 0;
  readonly #peer: ModulePeer;
  readonly #ip: string;
  #stopped = false;
  readonly #asking: Promise<void>;

  private constructor(peer: ModulePeer, ip: string) {
    this.#peer = peer;
    this.#ip = ip;
    this.#asking = this.#ask();
  }

  static async open(rabbit: RabbitServer, ip: string): Promise<SteadyModule> {
    return new SteadyModule(await ModulePeer.connect(rabbit.url), ip);
  }

  /** Waits until so many questions that are asked from now on are answered. */
  async goesOn(count: number): Promise<void> {
    const wanted = this.answerMs.length + 1 + count;
    await waitFor(() => this.answerMs.length >= wanted, { timeoutMs: 20_000, what: `${count} more answers` });
  }

  /** Asks no more. */
  async end(): Promise<void> {
    this.#stopped = true;
    await this.#asking;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end();
    await this.#peer[Symbol.asyncDispose]();
  }

  async #ask(): Promise<void> {
    while (!this.#stopped) {
      const begun = performance.now();
      try {
        const { flag, result } = await this.#peer.call("agentInfo", { ip: this.#ip });
        if (flag === "true" && result.ip === this.#ip) this.answerMs.push(performance.now() - begun);
        else this.unanswered++;
      } catch {
        this.unanswered++;
      }
    }
  }
}
