/** The compiled service and a RabbitMQ of three nodes that loses one at a time (issue D, "Broker clusters"). */
import { connect } from "amqplib";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { beat } from "../../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../../support/binary.ts";
import { ModulePeer } from "../../support/module_peer.ts";
import { RabbitCluster } from "../../support/rabbit_cluster.ts";
import type { RabbitServer } from "../../support/rabbitmq.ts";
import { SteadyAgent } from "../../support/steady_agent.ts";
import { waitFor } from "../../support/wait_for.ts";
import { EventConsumer } from "../event_consumer.ts";

const IP = "10.0.0.1";
const RESTS = "auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\nagent.timeout = 1s\nagent.grace = 0\n";

/** Declares the module queue as a module may that starts first: it lives on that node from then on. */
async function declareOn({ url }: RabbitServer): Promise<void> {
  const model = await connect(url);
  const channel = await model.createChannel();
  await channel.assertQueue("heartbeat", { durable: true });
  await model.close();
}

/** Asks over that node who the steady agent is. */
async function isAnswered({ url }: RabbitServer): Promise<void> {
  await using peer = await ModulePeer.connect(url);
  assert.equal((await peer.call("agentInfo", { ip: IP })).result.state, "online");
}

/** Whether RabbitMQ hands a call back that can be put into no queue; that is how its caller learns. */
async function isReturned({ url }: RabbitServer): Promise<boolean> {
  const model = await connect(url);
  try {
    const channel = await model.createConfirmChannel();
    let returned = false;
    channel.on("return", () => returned = true);
    channel.publish("elves", "openapi.heartbeat", Buffer.from("{}"), { mandatory: true });
    await channel.waitForConfirms();
    return returned;
  } finally {
    await model.close();
  }
}

async function readiness({ httpPort }: BinaryProcess) {
  const response = await fetch(`http://127.0.0.1:${httpPort}/readyz`);
  return { status: response.status, mq: (await response.json()).mq };
}

function isInState(service: BinaryProcess, state: string): Promise<unknown> {
  const what = `RabbitMQ to be ${state}`;
  return waitFor(async () => (await readiness(service)).mq.state === state, { timeoutMs: 30_000, what });
}

Deno.test("elves-heartbeat on a RabbitMQ of three nodes bears the loss of any of them", async (t) => {
  await using cluster = await RabbitCluster.start();
  const [first, second, home] = [cluster.node(0), cluster.node(1), cluster.node(2)];
  await declareOn(home);
  await using service = await startBinary({ config: cluster.config + RESTS });
  await using consumer = await EventConsumer.open(second.url, {
    others: [first.url, home.url],
    queueType: "quorum",
  });
  await using agent = new SteadyAgent(service.port, IP);
  await isInState(service, "up");
  let visitors = 0;
  const step = async (name: string, run: () => Promise<void>) => {
    assert.ok(await t.step(name, run), service.logs.join("\n"));
  };

  /** An agent that comes and goes is told about once each. */
  const areEventsTold = async () => {
    const ip = `10.0.1.${++visitors}`;
    await beat({ hostname: "127.0.0.1", port: service.port }, { ip, asset: ip, version: "1", apps: "{}" });
    await waitFor(() => consumer.log.of("agentOffline", ip).length > 0, {
      timeoutMs: 20_000,
      what: `the end of ${ip}`,
    });
    assert.equal(consumer.log.of("agentOnline", ip).length, 1);
  };

  await step("one that it is not connected to", async () => {
    await service.logged(RegExp(`mq: connected to 127.0.0.1:${first.port}`));
    await second.kill();
    await isAnswered(first);
    await areEventsTold();
    assert.equal((await readiness(service)).status, 200);
    assert.equal(service.logs.filter((line) => / mq: /.test(line)).length, 1, "it did not notice");
    await second.start();
  });

  await step("the one that it is connected to: calls wait until it is connected to the next", async () => {
    await first.kill();
    await isAnswered(home);
    await service.logged(RegExp(`mq: connected to 127.0.0.1:${second.port}`));
    await areEventsTold();
    await first.start();
  });

  await step("the one that holds the queue of calls: all else goes on", async () => {
    await home.kill();
    await service.logged(
      RegExp(`WRN mq: no calls are answered, all else goes on: queue 'heartbeat' is on RabbitMQ node '${home.node}'`),
    );
    const { status, mq } = await readiness(service);
    assert.deepEqual([status, mq.ok, mq.state], [503, false, "waiting"]);
    assert.match(mq.fault, /forget_cluster_node/);
    assert.equal(await isReturned(second), true);
    await agent.beatsOn();
    await areEventsTold();
    assert.equal(service.logs.filter((line) => /mq: no connection/.test(line)).length, 1, "the connection stays");
    await home.start();
    await service.logged(/INF mq: calls are answered again/);
    await isAnswered(home);
    assert.equal((await readiness(service)).status, 200);
  });

  await step("the same for good: the queue is made anew when its node is given up", async () => {
    await home.kill();
    await isInState(service, "waiting");
    await second.rabbitmqctl(["forget_cluster_node", home.node]);
    await isInState(service, "up");
    await isAnswered(first);
  });

  assert.equal(agent.unanswered, 0);
  const told = consumer.log.events.filter(({ ip }) => ip !== IP).map(({ kind, ip }) => `${kind} ${ip}`);
  assert.equal(told.length, visitors * 2, told.join("\n"));
  assert.equal(consumer.log.of("agentOffline", IP).length, 0);
});
