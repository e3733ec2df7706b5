import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { systemClock } from "../../src/clock.ts";
import type { Fleet } from "../../src/fleet/fleet.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { waitFor } from "../support/wait_for.ts";
import {
  AGENT,
  type BrokerCases,
  cast,
  declareQueue,
  INFO_CALL,
  waitForConsumers,
  waitForReady,
} from "./broker_bench.ts";
import { Harness } from "./harness.ts";
import { catalogOf } from "./stub_catalog.ts";

/** What modules get while RabbitMQ works. */
export const SERVING: BrokerCases = {
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

  "it takes no call before it is started, however long it has been connected": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.assertQueue("heartbeat", { durable: true });
    await using harness = await Harness.connect(rabbit);
    const waiting = () => peer.channel.checkQueue("heartbeat");
    await waitFor(async () => {
      // Comes nowhere until the service has bound the queue.
      await peer.send(INFO_CALL, { replyTo: true });
      return (await waiting()).messageCount > 0;
    }, { timeoutMs: 10_000, what: "the connection" });
    for (let i = 0; i < 100; i++) assert.equal((await waiting()).consumerCount, 0);
    assert.equal(harness.broker.state.name, "connecting");
    assert.deepEqual(peer.replies, []);
    const { messageCount } = await waiting();
    await harness.broker.start();
    await waitFor(() => peer.replies.length === messageCount, { timeoutMs: 10_000, what: "the answers" });
    await harness.up();
  },

  "it closes at once when it was never started": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.assertQueue("heartbeat", { durable: true });
    await peer.send(INFO_CALL, { replyTo: true });
    const harness = await Harness.connect(rabbit);
    await harness[Symbol.asyncDispose]();
    assert.equal(harness.broker.state.name, "down");
    assert.deepEqual(peer.replies, []);
  },

  "it is connected when it says that it has caught up, so that supervisor can be asked": async (rabbit) => {
    const states: string[] = [];
    await using harness = await Harness.start(rabbit, { onCaughtUp: () => states.push(harness.broker.state.name) });
    await waitFor(() => states.length > 0, { timeoutMs: 10_000, what: "the catching up" });
    assert.deepEqual(states, ["up"]);
  },

  "it answers every call of a backlog once and leaves nothing behind": async (rabbit) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await declareQueue(peer.channel);
    for (let i = 0; i < 500; i++) await peer.send(INFO_CALL, { replyTo: true, correlationId: String(i) });
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
    const broken: Pick<Fleet, "find" | "countNamed" | "list" | "isWarming"> = {
      countNamed: () => 1,
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
      // The next call comes on another connection, and could overtake the end of the consumption.
      await waitForConsumers(peer.channel, 0);
      await peer.send(INFO_CALL, { replyTo: true });
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

  "a deleted exchange is declared and bound again when an answer is for it": async (rabbit) => {
    await using harness = await (await Harness.start(rabbit)).up();
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.deleteExchange("elves");
    const keyed = Buffer.from('{"mqkey":"a.heartbeat.agentInfo.ID","mqtype":"call"}');
    peer.channel.sendToQueue("heartbeat", keyed);
    await harness.logged(/closed the channel for .*answers.*no exchange 'elves'/);
    // The modules that come back declare the exchange too; only this one binds its queue.
    await peer.channel.assertExchange("elves", "topic", { durable: true });
    await waitFor(() => peer.call("agentInfo", {}, 300).then(({ flag }) => flag === "false", () => false), {
      timeoutMs: 10_000,
      what: "calls to be answered again",
    });
    assert.equal(harness.told.down, 0);
  },
};
