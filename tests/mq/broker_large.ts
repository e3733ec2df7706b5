import assert from "node:assert/strict";
import type { BrokerSettings } from "../../src/mq/broker.ts";
import { ModulePeer } from "../support/module_peer.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import type { TlsFiles } from "../support/tls_files.ts";
import { waitFor } from "../support/wait_for.ts";
import { AGENT, type BrokerCases, declareQueue, INFO_CALL, readTls, waitForReady } from "./broker_bench.ts";
import { Harness } from "./harness.ts";

/** Of these a list is 500 kB long: large, and less than the broker's max_message_size. */
const MANY = 2_000;
const LIST_CALL = { mqkey: "openapi.heartbeat.agentList", mqtype: "call" };

/** What becomes of answers that are sent by a thread of their own. */
export const LARGE: BrokerCases = {
  "a reply that is too large for the broker becomes [413] and costs no other": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    for (let i = 0; i < 6_000; i++) harness.beat({ ...AGENT, ip: `10.1.${i >> 8}.${i & 255}`, asset: `A${i}` });
    await using peer = await ModulePeer.connect(rabbit.url);
    const page = await peer.call("agentList", { pagesize: 2_000 });
    assert.deepEqual([page.count, page.result.length], [6_000, 2_000]);
    const list = { mqkey: "a.heartbeat.agentList.BIG", mqtype: "call" };
    await peer.send(list, { callId: "BIG" });
    for (let i = 0; i < 50; i++) await peer.send(INFO_CALL, { replyTo: true, correlationId: String(i) });
    await waitFor(() => peer.replies.length === 51, { timeoutMs: 10_000, what: "all answers" });
    const big = peer.replies.splice(0).filter(({ json }) => json.mqkey === list.mqkey);
    assert.deepEqual(big.map(({ json }) => [json.mqflag, json.info, json.count]), [[0, [], 0]]);
    assert.match(big[0]?.json.error ?? "", /^\[413\] .*1000000.* pagesize$/);
    assert.equal(harness.broker.stats.repliesLost.refused, 1);
    assert.match((await peer.ask(list, { callId: "BIG" })).json.error, /^\[413\]/);
    assert.equal(harness.broker.stats.repliesLost.refused, 1, "the limit was not remembered");
    assert.equal(harness.told.down, 0);
  },

  "large answers share one connection, and go over another one when it was closed": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    beatAll(harness);
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.deepEqual(await largeConnections(rabbit), []);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 3; j++) {
        const { message, json } = await peer.ask(LIST_CALL, { replyTo: true, correlationId: `c${j}` });
        assert.deepEqual(namesIn(json.mqbody.result), ALL_NAMES);
        assert.deepEqual(
          [message.properties.correlationId, message.properties.contentType],
          [`c${j}`, "application/json"],
        );
      }
      const [pid = "", ...others] = await largeConnections(rabbit);
      assert.deepEqual([/^</.test(pid), others], [true, []]);
      await rabbit.rabbitmqctl(["close_connection", pid, "a test closes it"]);
    }
    assert.equal(harness.broker.stats.replies, 6);
    assert.equal(harness.told.down, 0);
  },

  "the connection for large answers goes with the other one, and comes when it is needed again": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    beatAll(harness);
    await using peer = await ModulePeer.connect(rabbit.url);
    for (let connection = 1; connection <= 2; connection++) {
      await waitFor(() => harness.told.caughtUp === connection, { timeoutMs: 10_000, what: "the connection" });
      assert.equal((await peer.call("agentList")).result.length, MANY);
      const [other = ""] = await connectionsOf(rabbit, "elves-heartbeat test-1");
      await rabbit.rabbitmqctl(["close_connection", other, "a test closes it"]);
      await waitFor(() => harness.told.down === connection, { timeoutMs: 10_000, what: "the loss" });
      await waitFor(async () => (await largeConnections(rabbit)).length === 0, {
        timeoutMs: 10_000,
        what: "the end of the connection for large answers",
      });
    }
  },

  "a large answer for a queue that takes no more is counted and told": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    beatAll(harness);
    await using peer = await ModulePeer.connect(rabbit.url);
    const { queue } = await peer.channel.assertQueue("", {
      exclusive: true,
      arguments: { "x-max-length": 0, "x-overflow": "reject-publish" },
    });
    await peer.send(LIST_CALL, { replyTo: queue });
    const { stats } = harness.broker;
    await waitFor(() => stats.repliesLost.refused === 1, { timeoutMs: 10_000, what: "the refusal" });
    assert.equal((await peer.call("agentList")).result.length, MANY);
    // The broker's confirm may come after the answer itself.
    await waitFor(() => stats.replies === 1, { timeoutMs: 10_000, what: "the confirm" });
  },

  "a large answer under way is sent before the connection is closed": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    {
      await using harness = await (await Harness.start(rabbit)).up();
      beatAll(harness);
      await peer.send(LIST_CALL, { replyTo: true });
      const { stats } = harness.broker;
      await waitFor(() => stats.calls.agentList.ok === 1, { timeoutMs: 10_000, what: "the call" });
    }
    assert.equal((await peer.next()).json.mqbody.result.length, MANY);
    assert.deepEqual(await largeConnections(rabbit), []);
  },

  "a large answer waits while the broker blocks": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    await peer.send(LIST_CALL, { replyTo: true });
    await waitForReady(peer.channel, 1);
    await using harness = await Harness.connect(rabbit);
    beatAll(harness);
    await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.0000001"]);
    try {
      await harness.broker.start();
      const { stats } = harness.broker;
      await waitFor(() => stats.calls.agentList.ok === 1, { timeoutMs: 10_000, what: "the call" });
      assert.equal((await largeConnections(rabbit)).length, 1);
      assert.deepEqual([peer.replies.length, stats.replies], [0, 0]);
    } finally {
      await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.4"]);
    }
    assert.equal((await peer.next(15_000)).json.mqbody.result.length, MANY);
  },

  "the stop leaves nothing behind of a large answer that the broker does not take": async (rabbit, tls) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    await peer.send(LIST_CALL, { replyTo: true });
    await waitForReady(peer.channel, 1);
    const before = tunnelFolders();
    {
      await using harness = await Harness.connect(rabbit, { settings: await overTls(rabbit, tls) });
      beatAll(harness);
      await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.0000001"]);
      await harness.broker.start();
      await waitFor(() => tunnelFolders().length === before.length + 2, {
        timeoutMs: 10_000,
        what: "the connection for large answers",
      });
    }
    await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.4"]);
    assert.deepEqual(tunnelFolders(), before);
  },

  "a large answer goes over TLS with our certificate": async (rabbit, tls) => {
    const settings = await overTls(rabbit, tls);
    const before = tunnelFolders();
    {
      await using harness = await (await Harness.start(rabbit, { settings })).up();
      beatAll(harness);
      await using peer = await ModulePeer.connect(rabbit.url);
      assert.deepEqual(namesIn((await peer.call("agentList")).result), ALL_NAMES);
      assert.equal(tunnelFolders().length, before.length + 2);
    }
    assert.deepEqual(tunnelFolders(), before);
  },
};

/** How RabbitMQ is reached over TLS with a certificate of ours. */
async function overTls(rabbit: RabbitServer, tls: TlsFiles): Promise<Partial<BrokerSettings>> {
  return { hosts: [{ host: rabbit.host, port: tls.port }], tls: await readTls(tls) };
}

const ALL_NAMES = Array.from({ length: MANY }, (_, i) => `资产${i}`).sort();

/** Has them all beat, with names whose UTF-8 is longer than their text. */
function beatAll(harness: Harness): void {
  for (let i = 0; i < MANY; i++) harness.beat({ ...AGENT, ip: `10.1.${i >> 8}.${i & 255}`, asset: `资产${i}` });
}

function namesIn(rows: readonly Readonly<Record<string, unknown>>[]): unknown[] {
  return rows.map(({ asset }) => asset).sort();
}

/** The broker's ids of the connections for large answers. */
function largeConnections(rabbit: RabbitServer): Promise<string[]> {
  return connectionsOf(rabbit, "elves-heartbeat test-1, large answers");
}

async function connectionsOf(rabbit: RabbitServer, name: string): Promise<string[]> {
  const connections = await rabbit.rabbitmqctl(["list_connections", "pid", "client_properties"]);
  return connections.split("\n").filter((line) => line.includes(`"${name}"`)).map((line) => line.split("\t")[0] ?? "");
}

/** Where local ends of TLS connections lie. */
function tunnelFolders(): string[] {
  const folder = Deno.env.get("TMPDIR") ?? "/tmp";
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.startsWith("elves-heartbeat-"))
    .sort();
}
