import { type Channel, connect } from "amqplib";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { systemClock } from "../../src/clock.ts";
import type { Fleet } from "../../src/fleet/fleet.ts";
import { freePort } from "../support/free_port.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { Harness } from "./harness.ts";
import { catalogOf } from "./stub_catalog.ts";

/** The broker's max_message_size. */
const MAX_MESSAGE = 1_000_000;
const AGENT = { ip: "10.0.0.1", asset: "A1", version: "1", apps: "{}" };

Deno.test("Broker serves modules whatever RabbitMQ does", async (t) => {
  await using tls = await TlsFiles.make();
  await using rabbit = await startRabbit({
    config: {
      "max_message_size": String(MAX_MESSAGE),
      "listeners.ssl.local": `127.0.0.1:${tls.port}`,
      "ssl_options.certfile": tls.certificate,
      "ssl_options.keyfile": tls.key,
    },
  });
  for (const [name, run] of Object.entries(CASES)) {
    await t.step(name, async () => {
      try {
        await run(rabbit, tls);
      } finally {
        await clear(rabbit);
      }
    });
  }
});

const CASES: Record<string, (rabbit: RabbitServer, tls: TlsFiles) => Promise<void>> = {
  "it handles what had waited, in order, and only then says that it has caught up": async (rabbit) => {
    const happened: string[] = [];
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    for (let i = 0; i < 200; i++) await peer.send(cast(i));
    await waitForReady(peer.channel, 200);
    await using harness = await Harness.start(rabbit, {
      catalog: catalogOf((body) => {
        happened.push(JSON.stringify(body));
        return Promise.resolve({ result: "applied", apps: 0, agents: 0, refused: [] });
      }),
      onCaughtUp: () => happened.push("caught up"),
    });
    await waitFor(() => happened.includes("caught up"), { timeoutMs: 10_000, what: "the catching up" });
    assert.deepEqual(happened, [
      ...Array.from({ length: 200 }, (_, i) => JSON.stringify({ result: [i] })),
      "caught up",
    ]);
    assert.equal(harness.broker.stats.casts, 200);
  },

  "it answers every call of a backlog once and leaves nothing behind": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    for (let i = 0; i < 500; i++) await peer.send(infoCall, { replyTo: true, correlationId: String(i) });
    {
      await using harness = await (await Harness.start(rabbit)).up();
      harness.beat(AGENT);
      await waitFor(() => peer.replies.length === 500, { timeoutMs: 10_000, what: "500 answers" });
      assert.deepEqual(
        peer.replies.map(({ message }) => Number(message.properties.correlationId)),
        Array.from({ length: 500 }, (_, i) => i),
      );
    }
    assert.equal((await peer.channel.checkQueue("heartbeat")).messageCount, 0);
  },

  "updateAppInfo as a call says what was taken and what was not": async (rabbit) => {
    const refused = [{ entry: 0, app: "a", reason: "version must be a text" }];
    const outcomes = [
      { result: "applied", apps: 2, agents: 3, refused } as const,
      { result: "held", apps: 0, agents: 0, refused: [] } as const,
      { result: "rejected", reason: "a list was required" } as const,
    ];
    const catalog = catalogOf(() => {
      const outcome = outcomes.shift();
      return outcome === undefined ? Promise.reject(new Error("one offer too many")) : Promise.resolve(outcome);
    });
    await using _harness = await (await Harness.start(rabbit, { catalog })).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    const applied = await peer.call("updateAppInfo", { result: [] });
    assert.deepEqual(applied, { flag: "true", error: "", result: { outcome: "applied", apps: 2, agents: 3, refused } });
    const held = await peer.call("updateAppInfo", { result: [] });
    assert.deepEqual([held.flag, held.result.outcome], ["false", "held"]);
    const rejected = await peer.call("updateAppInfo", { result: 1 });
    assert.deepEqual([rejected.flag, rejected.error, rejected.result], ["false", "[400] a list was required", {}]);
  },

  "a fault of ours is answered [500], logged and acknowledged": async (rabbit) => {
    const broken: Pick<Fleet, "find" | "list" | "isWarming"> = {
      isWarming: () => false,
      find: () => {
        throw new Error("the table is on fire");
      },
      *list() {
        yield;
        throw new Error("the list is on fire");
      },
    };
    await using harness = await (await Harness.start(rabbit, { fleet: broken })).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.match((await peer.call("agentInfo", { ip: "10.0.0.1" })).error, /^\[500\]/);
    assert.match((await peer.call("agentList")).error, /^\[500\]/);
    await harness.logged(/table is on fire/);
    await harness.logged(/list is on fire/);
    await harness.broker.stopConsuming();
    await harness.broker.close();
    assert.equal((await peer.channel.checkQueue("heartbeat")).messageCount, 0);
  },

  "an answer older than its caller waits is dropped, at the limit it is sent": async (rabbit) => {
    let late = 0;
    const clock = { ...systemClock, monotonic: () => late };
    const pending: (() => void)[] = [];
    const outcome = { result: "applied", apps: 0, agents: 0, refused: [] } as const;
    const catalog = catalogOf(() => new Promise((resolve) => pending.push(() => resolve(outcome))));
    await using harness = await (await Harness.start(rabbit, { catalog, clock })).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    const update = { mqkey: "a.heartbeat.updateAppInfo", mqtype: "call", mqbody: {} };
    for (const correlationId of ["at the limit", "late"]) await peer.send(update, { replyTo: true, correlationId });
    await waitFor(() => pending.length === 2, { timeoutMs: 5_000, what: "both calls" });
    late = 5_000;
    pending[0]?.();
    assert.equal((await peer.next()).message.properties.correlationId, "at the limit");
    late = 5_001;
    pending[1]?.();
    await waitFor(() => harness.broker.stats.repliesLost.expired === 1, { timeoutMs: 5_000, what: "the drop" });
  },

  "stopConsuming waits for calls in work, close sends their answers": async (rabbit) => {
    const work = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const catalog = catalogOf(async () => {
      begun.resolve();
      await work.promise;
      return { result: "unchanged", apps: 0, agents: 0, refused: [] };
    });
    await using peer = await ModulePeer.connect(rabbit.url);
    {
      await using harness = await (await Harness.start(rabbit, { catalog })).up();
      await peer.send({ mqkey: "a.heartbeat.updateAppInfo", mqtype: "call", mqbody: {} }, { replyTo: true });
      await begun.promise;
      let stopped = false;
      const stop = harness.broker.stopConsuming().then(() => stopped = true);
      await peer.send(infoCall, { replyTo: true });
      await waitForReady(peer.channel, 1);
      assert.equal(stopped, false);
      work.resolve();
      await stop;
    }
    assert.equal((await peer.next()).json.mqbody.flag, "true");
    await waitForReady(peer.channel, 1);
    assert.deepEqual(peer.replies, []);
  },

  "a deleted queue is declared again and served": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    await waitFor(() => harness.told.caughtUp === 1, { timeoutMs: 5_000, what: "the first consumption" });
    await peer.channel.deleteQueue("heartbeat");
    await waitFor(() => harness.told.caughtUp === 2, { timeoutMs: 10_000, what: "the next consumption" });
    assert.equal((await peer.call("agentInfo")).flag, "false");
    assert.equal(harness.told.down, 0);
  },

  "a deleted exchange is declared again when an answer is for it": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.deleteExchange("elves");
    const keyed = Buffer.from('{"mqkey":"a.heartbeat.agentInfo.ID","mqtype":"call"}');
    peer.channel.sendToQueue("heartbeat", keyed);
    await harness.logged(/closed the channel for .*answers.*no exchange 'elves'/);
    await waitFor(async () => {
      const probe = await connect(rabbit.url);
      try {
        const channel = await probe.createChannel();
        channel.on("error", () => {});
        return await channel.checkExchange("elves").then(() => true, () => false);
      } finally {
        await probe.close();
      }
    }, { timeoutMs: 10_000, what: "the exchange" });
    assert.equal((await peer.call("agentInfo")).flag, "false");
    assert.equal(harness.told.down, 0);
  },

  "a reply that is too large for the broker becomes [413] and costs no other": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    for (let i = 0; i < 6_000; i++) harness.beat({ ...AGENT, ip: `10.1.${i >> 8}.${i & 255}`, asset: `A${i}` });
    await using peer = await ModulePeer.connect(rabbit.url);
    const page = await peer.call("agentList", { pagesize: 2_000 });
    assert.deepEqual([page.count, page.result.length], [6_000, 2_000]);
    const list = { mqkey: "a.heartbeat.agentList.BIG", mqtype: "call" };
    await peer.send(list, { callId: "BIG" });
    for (let i = 0; i < 50; i++) await peer.send(infoCall, { replyTo: true, correlationId: String(i) });
    await waitFor(() => peer.replies.length === 51, { timeoutMs: 10_000, what: "all answers" });
    const big = peer.replies.splice(0).filter(({ json }) => json.mqkey === list.mqkey);
    assert.deepEqual(big.map(({ json }) => [json.mqflag, json.info, json.count]), [[0, [], 0]]);
    assert.match(big[0]?.json.error ?? "", /^\[413\] .*1000000.* pagesize$/);
    assert.equal(harness.broker.stats.repliesLost.refused, 1);
    assert.match((await peer.ask(list, { callId: "BIG" })).json.error, /^\[413\]/);
    assert.equal(harness.broker.stats.repliesLost.refused, 1, "the limit was not remembered");
    assert.equal(harness.told.down, 0);
  },

  "a queue with other arguments is named, with what to do, once; its deletion is enough": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.assertQueue("heartbeat", { durable: false, arguments: { "x-message-ttl": 1000 } });
    await using harness = await Harness.start(rabbit);
    const line = await harness.logged(
      /queue 'heartbeat' exists with durable=false, durable=true is required: delete it/,
    );
    await waitFor(() => harness.broker.state.fault?.includes("durable=false"), { timeoutMs: 5_000, what: "the state" });
    const text = line.slice(line.indexOf("mq:"));
    await peer.channel.deleteQueue("heartbeat");
    await harness.up();
    assert.equal(harness.log.filter((each) => each.includes(text)).length, 1);
    assert.equal(harness.told.down, 0);
    assert.equal((await peer.call("agentInfo")).flag, "false");
  },

  "an exchange of another type is named, with what to do": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url, "spare");
    await peer.channel.assertExchange("elves", "direct", { durable: true });
    await using harness = await Harness.start(rabbit);
    await harness.logged(/exchange 'elves' exists with type=direct, type=topic is required: .*mq\.exchange/);
    await peer.channel.deleteExchange("elves");
    await harness.up();
  },

  "a wrong password is named, and never shown": async (rabbit) => {
    await using harness = await Harness.start(rabbit, { settings: { password: "not-the-password" } });
    await harness.logged(/refuses the login: check mq\.user and mq\.password/);
    assert.ok(!harness.log.join("").includes("not-the-password"));
    assert.ok(!JSON.stringify(harness.broker.state).includes("not-the-password"));
  },

  "a virtual host that is not there is named": async (rabbit) => {
    await using harness = await Harness.start(rabbit, { settings: { vhost: "no where" } });
    await harness.logged(/refuses the virtual host: .* check mq\.vhost/);
  },

  "the least permissions are enough, with less the missing one is named": async (rabbit) => {
    await rabbit.rabbitmqctl(["add_user", "least", "secret"]);
    const grant = (read: string) =>
      rabbit.rabbitmqctl([
        "set_permissions",
        "least",
        "^(elves|heartbeat(\\..*)?)$",
        "^(elves|heartbeat(\\..*)?|amq\\.default)$",
        read,
      ]);
    await grant("^elves$");
    await using harness = await Harness.start(rabbit, { settings: { user: "least", password: "secret" } });
    await harness.logged(/user 'least' lacks a permission for queue 'heartbeat'/);
    await grant("^(elves|heartbeat(\\..*)?)$");
    await harness.up();
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.equal((await peer.call("agentInfo")).flag, "false");
    const { json } = await peer.ask({ mqkey: "a.heartbeat.agentInfo.ID", mqtype: "call" }, { callId: "ID" });
    assert.deepEqual(json.info, []);
  },

  "a connection that is cut comes back": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    await using harness = await Harness.start(rabbit, { settings: { hosts: [proxy] } });
    await harness.up();
    proxy.cut();
    await waitFor(() => harness.told.down === 1, { timeoutMs: 5_000, what: "the loss" });
    await waitFor(() => harness.told.caughtUp === 2, { timeoutMs: 10_000, what: "the next connection" });
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.equal((await peer.call("agentInfo")).flag, "false");
    assert.deepEqual([harness.broker.stats.connections, harness.broker.stats.disconnections], [2, 1]);
  },

  "TLS works with the broker's authority, and not without it": async (rabbit, tls) => {
    const hosts = [{ host: rabbit.host, port: tls.port }];
    {
      await using stranger = await Harness.start(rabbit, { settings: { hosts, tls: {} } });
      await stranger.logged(/no connection.*certificate/i);
    }
    const ca = await Deno.readTextFile(tls.authority);
    await using _harness = await (await Harness.start(rabbit, { settings: { hosts, tls: { ca } } })).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.equal((await peer.call("agentInfo")).flag, "false");
  },

  "the next host is tried when one does not answer": async (rabbit) => {
    const { port } = deadPort();
    const hosts = [{ host: "127.0.0.1", port }, { host: rabbit.host, port: rabbit.port }];
    await using harness = await Harness.start(rabbit, { settings: { hosts } });
    await harness.up();
    await harness.logged(new RegExp(`127.0.0.1:${port}: .*refused`, "i"));
  },

  "close is bounded while the broker is stalled": async (rabbit) => {
    await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    {
      await using harness = await Harness.start(rabbit, { settings: { hosts: [proxy] } });
      await harness.up();
      proxy.stall();
      await harness.broker.close();
    }
    // And while a connection is being made.
    await using _harness = await Harness.start(rabbit, { settings: { hosts: [proxy] } });
    await waitFor(() => proxy.accepted === 2, { timeoutMs: 5_000, what: "the second connection" });
  },

  "a paused broker goes on where it stopped": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    rabbit.pause();
    try {
      await peer.send(infoCall, { replyTo: true });
    } finally {
      rabbit.resume();
    }
    await peer.next();
    assert.equal(harness.told.down, 0);
  },

  "answers wait while the broker blocks, and the service lives on": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    for (let i = 0; i < 300; i++) await peer.send(infoCall, { replyTo: true });
    await waitForReady(peer.channel, 300);
    await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.0000001"]);
    let harness: Harness;
    try {
      harness = await (await Harness.start(rabbit)).up();
      await harness.logged(/takes no messages at the moment/);
    } finally {
      await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.4"]);
    }
    await using stats = harness;
    const { broker } = stats;
    await waitFor(() => broker.stats.calls.agentInfo.not_found === 300, { timeoutMs: 10_000, what: "all calls" });
    await waitFor(() => broker.stats.replies + broker.stats.repliesLost.expired === 300, {
      timeoutMs: 10_000,
      what: "every answer to be sent or dropped",
    });
    await waitFor(() => peer.replies.length === broker.stats.replies, { timeoutMs: 10_000, what: "the answers" });
    peer.replies.length = 0;
    assert.equal((await peer.call("agentInfo")).flag, "false");
  },

  "a broker that is killed, or not there at the start, is awaited": async (rabbit) => {
    await using former = await (await Harness.start(rabbit)).up();
    await rabbit.kill();
    await waitFor(() => former.told.down === 1, { timeoutMs: 5_000, what: "the loss" });
    await using harness = await Harness.start(rabbit);
    await harness.logged(/no connection, beats are served meanwhile.*refused/i);
    assert.equal(harness.broker.state.name, "down");
    await assert.rejects(harness.broker.channel(), /no connection to RabbitMQ/);
    await rabbit.start();
    await harness.up();
    await former.up();
    await using peer = await ModulePeer.connect(rabbit.url);
    for (let i = 0; i < 4; i++) assert.equal((await peer.call("agentInfo")).flag, "false");
    // Both connections write into this log; neither repeats itself.
    const faults = harness.log.flatMap((line) => /no connection.*/.exec(line) ?? []);
    for (const fault of faults) assert.ok(faults.filter((each) => each === fault).length <= 2, faults.join("\n"));
    assert.ok(!harness.log.join("").includes(rabbit.password));
  },
};

const infoCall = { mqkey: "openapi.heartbeat.agentInfo", mqtype: "call", mqbody: { ip: "10.9.9.9" } };

function cast(i: number) {
  return { mqkey: "supervisor.heartbeat.updateAppInfo", mqtype: "cast", mqbody: { result: [i] } };
}

async function declareQueue(channel: Channel): Promise<void> {
  await channel.assertQueue("heartbeat", { durable: true });
  await channel.bindQueue("heartbeat", "elves", "*.heartbeat");
}

async function waitForReady(channel: Channel, count: number): Promise<void> {
  await waitFor(async () => (await channel.checkQueue("heartbeat")).messageCount === count, {
    timeoutMs: 10_000,
    what: `${count} waiting messages`,
  });
}

function deadPort(): { port: number } {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  listener.close();
  return { port: listener.addr.port };
}

/** A certificate for 127.0.0.1, the authority that signed it, and a port for it. */
class TlsFiles implements AsyncDisposable {
  readonly port = freePort();
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.authority = `${folder}/ca.pem`;
    this.certificate = `${folder}/certificate.pem`;
    this.key = `${folder}/key.pem`;
  }

  static async make(): Promise<TlsFiles> {
    const files = new TlsFiles(await Deno.makeTempDir({ prefix: "hb-tls-" }));
    const caKey = `${files.#folder}/ca.key.pem`;
    await openssl(`-subj /CN=hb-test-ca -keyout ${caKey} -out ${files.authority}`);
    await openssl(
      `-subj /CN=hb-test -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=CA:FALSE ` +
        `-CA ${files.authority} -CAkey ${caKey} -keyout ${files.key} -out ${files.certificate}`,
    );
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function openssl(request: string): Promise<void> {
  const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ${request}`.split(" ");
  const { success, stderr } = await new Deno.Command("openssl", { args }).output();
  if (!success) throw new Error(`openssl: ${Buffer.from(stderr)}`);
}

/** Each case finds a broker without the modules' topology. */
async function clear(rabbit: RabbitServer): Promise<void> {
  const model = await connect(rabbit.url);
  const channel = await model.createChannel();
  await channel.deleteQueue("heartbeat");
  await channel.deleteExchange("elves");
  await model.close();
}
