/** Two instances of one fleet on a RabbitMQ of three nodes that loses the stream's leader, then the stream (issue D). */
import assert from "node:assert/strict";
import { beat } from "../../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../../support/binary.ts";
import { RabbitCluster } from "../../support/rabbit_cluster.ts";
import type { RabbitServer } from "../../support/rabbitmq.ts";
import { SteadyAgent } from "../../support/steady_agent.ts";
import { waitFor } from "../../support/wait_for.ts";

const CONFIG = "auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\nagent.timeout = 10s\nagent.grace = 5s\n" +
  "cluster.enabled = true\n";
const STREAM = "heartbeat.beats";
/** A broker on a busy machine takes its time to come back, and instances wait half a minute for each other. */
const PATIENCE_MS = 90_000;

async function ask(service: BinaryProcess, path: string) {
  const response = await fetch(`http://127.0.0.1:${service.httpPort}${path}`);
  return { status: response.status, body: await response.json() };
}

/** Waits until each hears the others and has heard them out. */
async function areTogether(...services: readonly BinaryProcess[]): Promise<void> {
  for (const service of services) {
    await waitFor(async () => {
      const { body: { cluster } } = await ask(service, "/api/v1/summary");
      return cluster.caught_up && cluster.members.length >= services.length - 1;
    }, { timeoutMs: PATIENCE_MS, what: "an instance to hear the others" });
  }
}

/** Waits until an instance has an agent, in whatever state. */
async function knows(service: BinaryProcess, ip: string): Promise<void> {
  await waitFor(async () => (await ask(service, `/api/v1/agents/${ip}`)).status === 200, {
    timeoutMs: PATIENCE_MS,
    what: `${ip} to be known`,
  });
}

async function beats(service: BinaryProcess, ip: string): Promise<void> {
  const address = { hostname: "127.0.0.1", port: service.port };
  assert.ok((await beat(address, { ip, asset: ip, version: "1", apps: "{}" })).text, "an agent is answered");
}

/** The node on which the stream is led, and the others. */
async function leaderOf({ nodes }: RabbitCluster): Promise<[RabbitServer, RabbitServer, RabbitServer]> {
  const [any] = nodes;
  assert.ok(any);
  const listed = await any.rabbitmqctl(["list_queues", "--no-table-headers", "name", "leader"]);
  const name = listed.split("\n").find((line) => line.startsWith(STREAM))?.split("\t")[1];
  const leader = nodes.find(({ node }) => node === name);
  const [one, two] = nodes.filter((node) => node !== leader);
  assert.ok(leader !== undefined && one !== undefined && two !== undefined, listed);
  return [leader, one, two];
}

Deno.test("elves-heartbeat in two instances bears the loss of the stream's nodes, and both know the same afterwards", async (t) => {
  await using rabbit = await RabbitCluster.start();
  const config = rabbit.config + CONFIG;
  await using a = await startBinary({ config });
  await using b = await startBinary({ config });
  await using atA = new SteadyAgent(a.port, "10.5.0.1");
  await using atB = new SteadyAgent(b.port, "10.5.0.2");
  const step = async (name: string, run: () => Promise<void>) => {
    assert.ok(await t.step(name, run), [...a.logs, "--- the other", ...b.logs].join("\n"));
  };

  await step("each hears of the agents of the other", async () => {
    await areTogether(a, b);
    await Promise.all([knows(a, "10.5.0.2"), knows(b, "10.5.0.1")]);
  });
  const [leader, second] = await leaderOf(rabbit);

  await step("the node that leads the stream is lost: a copy goes on", async () => {
    await leader.kill();
    await beats(a, "10.5.0.3");
    await knows(b, "10.5.0.3");
    await areTogether(a, b);
  });

  await step("most of its nodes are lost: each goes on by itself, says so, and calls nobody offline", async () => {
    await second.kill();
    for (const service of [a, b]) {
      await waitFor(async () => !(await ask(service, "/api/v1/summary")).body.cluster.caught_up, {
        timeoutMs: PATIENCE_MS,
        what: "an instance to say that it is on its own",
      });
    }
    await beats(a, "10.5.0.4");
    await beats(b, "10.5.0.5");
    await Promise.all([knows(a, "10.5.0.4"), knows(b, "10.5.0.5")]);
  });

  await step("the nodes are back: what each heard alone, both know", async () => {
    await Promise.all([leader.start(), second.start()]);
    await areTogether(a, b);
    await Promise.all([knows(a, "10.5.0.5"), knows(b, "10.5.0.4")]);
  });

  await step("whoever beat all the time was never offline", async () => {
    for (const service of [a, b]) {
      for (const ip of ["10.5.0.1", "10.5.0.2"]) {
        const { body } = await ask(service, `/api/v1/events?ip=${ip}&kind=agentOffline`);
        assert.deepEqual(body.events, []);
      }
    }
    assert.equal(atA.unanswered + atB.unanswered, 0);
  });
});
