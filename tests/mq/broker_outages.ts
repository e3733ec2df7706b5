import assert from "node:assert/strict";
import { Supervisor } from "../../src/mq/supervisor.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { type BrokerCases, deadPort, declareQueue, INFO_CALL, readTls, waitForReady } from "./broker_bench.ts";
import { Harness } from "./harness.ts";

/** What happens when RabbitMQ refuses, stalls or dies. */
export const OUTAGES: BrokerCases = {
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
    const supervisor = new Supervisor({ broker: harness.broker, exchange: "elves", instance: "i", maxBodyBytes: 1024 });
    await assert.rejects(supervisor.ask(), /supervisor is not there/);
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

  "TLS works with the broker's authority and a certificate for it, and not without either": async (rabbit, tls) => {
    const hosts = [{ host: rabbit.host, port: tls.port }];
    const { ca, cert, key } = await readTls(tls);
    {
      await using stranger = await Harness.start(rabbit, { settings: { hosts, tls: { cert, key } } });
      await stranger.logged(/no connection.*certificate/i);
    }
    {
      await using nobody = await Harness.start(rabbit, { settings: { hosts, tls: { ca } } });
      await nobody.logged(/no connection.*wants a certificate.*mq.tlsCert/i);
    }
    await using _harness = await (await Harness.start(rabbit, { settings: { hosts, tls: { ca, cert, key } } })).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.equal((await peer.call("agentInfo")).flag, "false");
  },

  "what ends TLS handshakes is told from what wants a certificate": async (rabbit, tls) => {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    void endEach(listener);
    const hosts = [{ host: "127.0.0.1", port: listener.addr.port }];
    const { cert, key } = await readTls(tls);
    for (const settings of [{}, { cert, key }]) {
      await using harness = await Harness.start(rabbit, { settings: { hosts, tls: settings } });
      await harness.logged(/no connection.*ended during the TLS handshake.*mq.port/);
    }
  },

  "the next host is tried when one does not answer": async (rabbit) => {
    const { port } = deadPort();
    const hosts = [{ host: "127.0.0.1", port }, { host: rabbit.host, port: rabbit.port }];
    await using harness = await Harness.start(rabbit, { settings: { hosts } });
    await harness.up();
    await harness.logged(new RegExp(`127.0.0.1:${port}: nothing listens there`));
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
      await peer.send(INFO_CALL, { replyTo: true });
    } finally {
      rabbit.resume();
    }
    await peer.next();
    assert.equal(harness.told.down, 0);
  },

  "answers wait while the broker blocks, and the service lives on": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    for (let i = 0; i < 300; i++) await peer.send(INFO_CALL, { replyTo: true });
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
    await harness.logged(/no connection, beats are served meanwhile.*nothing listens there/);
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

/** Ends every connection as soon as something came. */
async function endEach(listener: Deno.Listener): Promise<void> {
  for await (const connection of listener) {
    await connection.read(new Uint8Array(1));
    connection.close();
  }
}
