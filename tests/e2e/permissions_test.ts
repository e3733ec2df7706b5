import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { Supervisor } from "../demo/supervisor.ts";
import { beat } from "../support/beat_client.ts";
import { startBinary } from "../support/binary.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";

const README = new URL("../../README.md", import.meta.url);
const AGENT = { asset: "CX1", ip: "10.0.0.1", version: "1", apps: "{}" };

/** The three patterns that the README prints, in the order of `rabbitmqctl set_permissions`. */
async function documentedPermissions(): Promise<string[]> {
  const text = (await Deno.readTextFile(README)).replaceAll(/\s+/g, " ");
  const found = /configure `(\S+)`, write `(\S+)`, read `(\S+)`/.exec(text);
  assert.ok(found !== null, "the README has the patterns");
  return found.slice(1);
}

/** Beats, calls, casts, events and supervisor's catalog, for a user who may only do what is documented. */
async function allItsWork(more: string): Promise<void> {
  await using rabbit = await startRabbit();
  await using supervisor = await Supervisor.open(rabbit.url, {
    exchange: "elves",
    catalog: [{ app: "testApp", version: "1.0.1", agentList: [AGENT.ip] }],
    onAsked: () => {},
  });
  await rabbit.rabbitmqctl(["add_user", "least", "least-secret"]);
  await rabbit.rabbitmqctl(["set_permissions", "-p", "/", "least", ...await documentedPermissions()]);
  await using peer = await ModulePeer.connect(rabbit.url);
  const { queue } = await peer.channel.assertQueue("", { exclusive: true });
  await peer.channel.bindQueue(queue, "elves", "heartbeat.event");
  await using service = await startBinary({
    config: `mq.ip = ${rabbit.host}\nmq.port = ${rabbit.port}\nmq.user = least\nmq.password = least-secret\n` +
      `auth.mode = supervisor\n${more}`,
  });
  const told = async () => (await beat({ hostname: "127.0.0.1", port: service.port }, AGENT)).text;
  await waitFor(async () => await told() !== undefined, { timeoutMs: 20_000, what: "supervisor's catalog" });
  assert.equal(await told(), '{"data":{"testApp":"1.0.1"}}');

  assert.equal((await peer.call("agentInfo", { ip: AGENT.ip })).flag, "true");
  await peer.send({ mqkey: "openapi.heartbeat.agentInfo", mqtype: "call.ID1", mqbody: { ip: AGENT.ip } }, {
    callId: "ID1",
  });
  await waitFor(() => peer.replies.length === 1, { timeoutMs: 10_000, what: "the answer under the call id" });
  supervisor.update([{ app: "testApp", version: "1.0.2", agentList: [AGENT.ip] }]);
  await waitFor(async () => await told() === '{"data":{"testApp":"1.0.2"}}', { timeoutMs: 10_000, what: "the cast" });
  const kinds: string[] = [];
  await peer.channel.consume(queue, (message) => {
    kinds.push(JSON.parse(Buffer.from(message?.content ?? "{}").toString()).mqkey);
  }, { noAck: true });
  await waitFor(
    () => kinds.includes("heartbeat.event.agentOnline") && kinds.includes("heartbeat.event.catalogChanged"),
    {
      timeoutMs: 10_000,
      what: "events",
    },
  );
  assert.deepEqual(service.logs.filter((line) => /lacks a permission|refused|cannot be used/.test(line)), []);
}

Deno.test("elves-heartbeat does all its work with the RabbitMQ permissions that the README prints", async () => {
  await allItsWork("");
});

Deno.test("elves-heartbeat needs no other permissions with cluster.enabled", async () => {
  // It tells events only where it leads, which takes the stream and the queue of leaders.
  await allItsWork("cluster.enabled = true\n");
});
