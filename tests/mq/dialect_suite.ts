import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { ModulePeer, type PeerReply, type RowJson } from "../support/module_peer.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";

/** A beat as an agent sends it. */
export interface SuiteBeat {
  readonly ip: string;
  readonly asset: string;
  readonly version: string;
  readonly apps: string;
}

/** A running service under test: exchange `elves`, virtual host `/`, mq.maxBodyBytes 1 MiB, local source of apps. */
export interface RunningTarget extends AsyncDisposable {
  /** Makes an agent beat; resolves when the beat is in. */
  beat(beat: SuiteBeat): Promise<void>;
}

/** What the suite runs against. */
export interface DialectTarget {
  readonly name: string;
  start(rabbit: RabbitServer): Promise<RunningTarget>;
}

/** mq.maxBodyBytes of the target. */
export const SUITE_MAX_BODY_BYTES = 1024 * 1024;

interface Bench {
  readonly rabbit: RabbitServer;
  readonly peer: ModulePeer;
  readonly service: RunningTarget;
}

type Case = (bench: Bench) => Promise<void>;

const AGENTS: readonly SuiteBeat[] = [
  { ip: "10.0.0.1", asset: "CX0001", version: "1.0", apps: '{"testApp":"1.0.1"}' },
  { ip: "10.0.0.2", asset: "CX0002", version: "1.1", apps: '{"other":"2"}' },
  { ip: "10.0.0.10", asset: "CX0010", version: "1.1", apps: "{}" },
  { ip: "10.0.1.1", asset: "机架-7", version: "1.1", apps: "no json" },
];
const FIRST = AGENTS[0] as SuiteBeat;

/** Every dialect, every action, every bad input of the bus, with bare amqplib as the peer. */
export function dialectTests(target: DialectTarget): void {
  Deno.test(`Modules are answered in their own dialect (${target.name})`, async (t) => {
    await using rabbit = await startRabbit();
    await using service = await target.start(rabbit);
    await using peer = await ModulePeer.connect(rabbit.url);
    for (const agent of AGENTS) await service.beat(agent);
    const bench = { rabbit, service, peer };
    for (const [name, run] of Object.entries({ ...ANSWERS, ...BAD_INPUT, ...LAST })) {
      await t.step(name, () => run(bench));
    }
  });
}

const ANSWERS: Record<string, Case> = {
  "seed dialect: agentInfo answers under the call id, as the seed prints it": async ({ peer }) => {
    const { json, message } = await seedCall(peer, "agentInfo", { ip: "10.0.0.1", asset: "CX0001" });
    assert.equal(message.fields.exchange, "elves");
    assert.equal(json.mqkey, "heartbeat.openapi");
    assertReadableByBoth(json);
    const [row, ...more] = json.mqbody.result;
    assert.deepEqual(more, []);
    assertFirstRow(row);
  },
  "seed dialect: agentInfo of an unknown agent is an empty list": async ({ peer }) => {
    const { json } = await seedCall(peer, "agentInfo", { ip: "10.9.9.9", asset: "" });
    assert.deepEqual(json.mqbody, { result: [] });
  },
  "v0.3.3 dialect: agentInfo answers the object to reply_to, flag and error beside it": async ({ peer }) => {
    const { json, message } = await v033Call(peer, "agentInfo", { ip: "10.0.0.1" });
    assert.equal(message.fields.exchange, "");
    assert.equal(message.properties.correlationId, "c-1");
    assert.equal(json.mqkey, "heartbeat.openapi");
    assertReadableByBoth(json);
    assert.equal(json.mqbody.flag, "true");
    assert.equal(json.mqbody.error, "");
    assertFirstRow(json.mqbody.result);
  },
  "v0.3.3 dialect: agentInfo of an unknown agent says so as peers expect it": async ({ peer }) => {
    for (const mqbody of [{ ip: "10.9.9.9" }, { ip: "10.0.0.1", asset: "CX0002" }, {}, null, { ip: "", asset: null }]) {
      const { json } = await v033Call(peer, "agentInfo", mqbody);
      assert.deepEqual(json.mqbody, { flag: "false", error: "[414.1]Agent Info Not Found", result: {} });
    }
  },
  "keyed dialect: agentInfo keeps mqkey and answers under info": async ({ peer }) => {
    const { json, message } = await keyedCall(peer, "agentInfo", { ip: "10.0.0.1" });
    assert.equal(message.fields.exchange, "elves");
    assert.deepEqual(Object.keys(json).sort(), ["info", "mqflag", "mqkey"]);
    assert.equal(json.mqkey, "openapi.heartbeat.agentInfo.EC0EF718FCC41307");
    assert.equal(json.mqflag, 1);
    assert.equal(json.info.length, 1);
    assertFirstRow(json.info[0]);
  },
  "keyed dialect: parameters of mqbody count too": async ({ peer }) => {
    const { json } = await keyedCall(peer, "agentInfo", { mqbody: { asset: "CX0002" } });
    assert.deepEqual(json.info.map((row) => row.ip), ["10.0.0.2"]);
  },
  "agentList gives the whole fleet by address, in every dialect": async ({ peer }) => {
    const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.10", "10.0.1.1"];
    const seed = (await seedCall(peer, "agentList", {})).json.mqbody;
    const v033 = (await v033Call(peer, "agentList", undefined)).json.mqbody;
    const keyed = (await keyedCall(peer, "agentList", {})).json;
    const answers = [seed, v033, { count: keyed.count, result: keyed.info }];
    for (const { count, result } of answers) {
      assert.equal(count, 4);
      assert.deepEqual(result.map((row) => row.ip), ips);
    }
    assert.deepEqual(Object.keys(seed).sort(), ["count", "result"]);
    assert.equal(v033.flag, "true");
    assertFirstRow(v033.result[0]);
  },
  "agentList pages from 1, with numbers and with numbers in text": async ({ peer }) => {
    const page = async (mqbody: unknown) => {
      const { count, result } = (await v033Call(peer, "agentList", mqbody)).json.mqbody;
      return [count, ...result.map((row) => row.ip)];
    };
    assert.deepEqual(await page({ pagesize: 3, pagenumber: 1 }), [4, "10.0.0.1", "10.0.0.2", "10.0.0.10"]);
    assert.deepEqual(await page({ pagesize: "3", pagenumber: "2" }), [4, "10.0.1.1"]);
    assert.deepEqual(await page({ pagesize: "2", pagenumber: "" }), [4, "10.0.0.1", "10.0.0.2"]);
    assert.deepEqual(await page({ pagesize: 2, pagenumber: 99 }), [4]);
    assert.equal((await page({ pagesize: 0, pagenumber: 0 })).length, 5);
    assert.equal((await page({ pagesize: "", pagenumber: null })).length, 5);
  },
  "agentList filters by ip, asset, id and the extra parameters": async ({ peer }) => {
    const ips = async (mqbody: unknown) => {
      const { count, result } = (await v033Call(peer, "agentList", mqbody)).json.mqbody;
      assert.equal(count, result.length);
      return result.map((row) => row.ip);
    };
    assert.deepEqual(await ips({ ip: " 10.0.0.2 " }), ["10.0.0.2"]);
    assert.deepEqual(await ips({ asset: "机架-7" }), ["10.0.1.1"]);
    assert.deepEqual(await ips({ id: "CX0010" }), ["10.0.0.10"]);
    assert.deepEqual(await ips({ cidr: "10.0.0.0/24", app: "other" }), ["10.0.0.2"]);
    assert.deepEqual(await ips({ q: "cx00", sort: "-asset", pagesize: "" }), ["10.0.0.10", "10.0.0.2", "10.0.0.1"]);
    assert.deepEqual(await ips({ state: "offline" }), []);
  },
  "agentInfo finds by an extra parameter alone": async ({ peer }) => {
    const { json } = await seedCall(peer, "agentInfo", { cidr: "10.0.1.0/24" });
    assert.deepEqual(json.mqbody.result.map((row) => row.asset), ["机架-7"]);
  },
  "an asset on two addresses: lists give both, the object the newest beat": async ({ peer, service }) => {
    await service.beat({ ip: "10.5.0.9", asset: "TWIN", version: "1", apps: "{}" });
    await service.beat({ ip: "10.5.0.1", asset: "TWIN", version: "1", apps: "{}" });
    await service.beat({ ip: "10.5.0.9", asset: "TWIN", version: "1", apps: "{}" });
    assert.equal((await v033Call(peer, "agentInfo", { asset: "TWIN" })).json.mqbody.result.ip, "10.5.0.9");
    const { result } = (await seedCall(peer, "agentInfo", { asset: "TWIN" })).json.mqbody;
    assert.deepEqual(result.map((row) => row.ip).sort(), ["10.5.0.1", "10.5.0.9"]);
  },
  "an id and reply_to together: the answer goes to reply_to in the dialect of the id": async ({ peer }) => {
    const mqkey = "openapi.heartbeat.agentInfo";
    const seed = await peer.ask({ mqkey, mqtype: "call.ABC", mqbody: { ip: "10.0.0.1" } }, { replyTo: true });
    assert.equal(seed.message.fields.exchange, "");
    assertFirstRow(seed.json.mqbody.result[0]);
    const keyed = await peer.ask({ mqkey: `${mqkey}.ABC`, mqtype: "call", ip: "10.0.0.1" }, { replyTo: true });
    assert.equal(keyed.message.fields.exchange, "");
    assertFirstRow(keyed.json.info[0]);
  },
  "a direct reply-to caller is answered": async ({ rabbit }) => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await peer.channel.consume("amq.rabbitmq.reply-to", (message) => {
      if (message !== null) peer.replies.push({ message, json: JSON.parse(message.content.toString()) });
    }, { noAck: true });
    const { json } = await peer.ask(v033("agentInfo", { ip: "10.0.0.1" }), { replyTo: "amq.rabbitmq.reply-to" });
    assertFirstRow(json.mqbody.result);
  },
  "updateAppInfo as a call is refused where the apps are local": async ({ peer }) => {
    const { json } = await v033Call(peer, "updateAppInfo", { result: [] });
    assertError(json.mqbody, "[409]", {});
  },
};

const BAD_INPUT: Record<string, Case> = {
  "the seed's infoQueue example gets the keyed error answer": async ({ peer }) => {
    const callId = "EC0EF718FCC41307";
    const mqkey = `openapi.queue.infoQueue.${callId}`;
    const { json } = await peer.ask(
      { mqkey, mqtype: "call", json_queue_ids: ["BF0EE718FCC41307", callId] },
      { callId },
    );
    assert.equal(json.mqkey, mqkey);
    assert.equal(json.mqflag, 0);
    assert.deepEqual(json.info, []);
    assert.match(json.error, /^\[404\]/);
  },
  "an unknown action is [404] in every dialect": async ({ peer }) => {
    assertError((await seedCall(peer, "reboot", {})).json.mqbody, "[404]", []);
    assertError((await v033Call(peer, "reboot", {})).json.mqbody, "[404]", {});
    assertError((await v033Call(peer, "constructor", {})).json.mqbody, "[404]", {});
    const { json } = await keyedCall(peer, "reboot", {});
    assert.deepEqual([json.mqflag, json.info], [0, []]);
    assert.match(json.error, /^\[404\]/);
  },
  "a message for another module is [404]": async ({ peer }) => {
    const { json } = await peer.ask({ mqkey: "openapi.cron.agentInfo", mqtype: "call" }, { replyTo: true });
    assert.equal(json.mqkey, "heartbeat.openapi");
    assertError(json.mqbody, "[404]", {});
  },
  "a body that is no JSON object is [400] to whoever names a reply queue": async ({ peer }) => {
    const invalidUtf8 = Buffer.concat([
      Buffer.from('{"mqkey":"a.heartbeat.agentInfo","mqtype":"call","x":"'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('"}'),
    ]);
    const bodies = [
      Buffer.alloc(0),
      Buffer.from("ping"),
      Buffer.from('{"mqkey":'),
      Buffer.from("{'mqkey':'a.heartbeat.agentInfo'}"),
      invalidUtf8,
      Buffer.from("[".repeat(100_000)),
      [1, 2],
      null,
      7,
      "text",
    ];
    for (const body of bodies) {
      const { json, message } = await peer.ask(body, { replyTo: true, correlationId: "bad" });
      assert.equal(message.properties.correlationId, "bad");
      assert.equal(json.mqkey, "heartbeat.");
      assertReadableByBoth(json);
      assertError(json.mqbody, "[400]", {});
    }
  },
  "an oversized body is [413], whatever is in it": async ({ peer }) => {
    const body = { mqkey: "openapi.heartbeat.agentInfo", mqtype: "call", pad: "x".repeat(2 * 1024 * 1024) };
    const { json } = await peer.ask(body, { replyTo: true });
    assert.equal(json.mqkey, "heartbeat.");
    assertError(json.mqbody, "[413]", {});
  },
  "an mqkey of 0, 1, 2, 5 parts or of another type is [400]": async ({ peer }) => {
    const keys = [undefined, null, 7, {}, [], "", "openapi", "openapi.heartbeat", "a.heartbeat.agentInfo.ID.x"];
    for (const mqkey of keys) {
      const v033 = await peer.ask({ mqkey, mqtype: "call" }, { replyTo: true });
      assertError(v033.json.mqbody, "[400]", {});
      const seed = await peer.ask({ mqkey, mqtype: "call.K1" }, { callId: "K1" });
      assertError(seed.json.mqbody, "[400]", []);
      assert.equal(seed.json.mqkey, `heartbeat.${typeof mqkey === "string" ? mqkey.split(".")[0] : ""}`);
    }
    const mqkey = "a.heartbeat.agentInfo.ID.x";
    const keyed = await peer.ask({ mqkey, mqtype: "call" }, { callId: "x" });
    assert.deepEqual([keyed.json.mqkey, keyed.json.mqflag, keyed.json.info], [mqkey, 0, []]);
  },
  "an mqtype that is none is [400]": async ({ peer }) => {
    for (const mqtype of [undefined, null, 7, "", "CALL", "call.", "call.a b", `call.${"x".repeat(65)}`, "event"]) {
      const { json } = await peer.ask({ mqkey: "openapi.heartbeat.agentInfo", mqtype }, { replyTo: true });
      assertError(json.mqbody, "[400]");
    }
  },
  "an mqbody that is no object is [400]": async ({ peer }) => {
    for (const mqbody of [[], "text", 7, true]) {
      assertError((await v033Call(peer, "agentInfo", mqbody)).json.mqbody, "[400]", {});
      assertError((await seedCall(peer, "agentInfo", mqbody)).json.mqbody, "[400]", []);
      assertError((await v033Call(peer, "agentList", mqbody)).json.mqbody, "[400]", []);
    }
  },
  "a parameter of the wrong kind is [400] and named": async ({ peer }) => {
    const wrong = { pagesize: "ten", pagenumber: -1, ip: {}, asset: [1], state: "gone", cidr: "10/99", sort: "random" };
    for (const [name, value] of Object.entries(wrong)) {
      const body = (await v033Call(peer, "agentList", { [name]: value })).json.mqbody;
      assertError(body, "[400]", []);
      assert.equal(body.count, 0);
      assert.match(body.error, new RegExp(`\\b${name}\\b`));
    }
  },
  "names that JavaScript objects have are no agents and no parameters": async ({ peer }) => {
    for (const name of ["__proto__", "constructor", "hasOwnProperty"]) {
      assert.deepEqual((await seedCall(peer, "agentInfo", { asset: name })).json.mqbody, { result: [] });
      const body = Buffer.from(`{"mqkey":"a.heartbeat.agentInfo.P1","mqtype":"call","${name}":{"ip":"10.0.0.1"}}`);
      assert.deepEqual((await peer.ask(body, { callId: "P1" })).json.info, []);
    }
  },
  "calls without an address, to module queues or to queues that are gone hurt nobody": async ({ peer }) => {
    const call = v033("agentInfo", { ip: "10.0.0.1" });
    await assertSilent(peer, () => peer.send(call));
    await assertSilent(peer, () => peer.send(Buffer.from("{")));
    await assertSilent(peer, () => peer.send({ ...call, mqtype: "call.a b" }));
    for (const replyTo of ["heartbeat", "heartbeat.x", "supervisor", "gone-by-now", "amq.rabbitmq.reply-to.nonsense"]) {
      await assertSilent(peer, () => peer.send(call, { replyTo }));
    }
  },
  "casts get no answer, good or bad": async ({ peer }) => {
    for (const mqkey of ["supervisor.heartbeat.updateAppInfo", "a.heartbeat.agentInfo", "a.cron.x", "a", null]) {
      for (const mqbody of [{ result: [] }, [], undefined]) {
        await assertSilent(peer, () => peer.send({ mqkey, mqtype: "cast", mqbody }, { replyTo: true }));
      }
    }
  },
};

/** After everything else: what the cases above must not have left behind. */
const LAST: Record<string, Case> = {
  "everything is acknowledged": async ({ rabbit }) => {
    await waitFor(async () => {
      const queues = await rabbit.rabbitmqctl(["list_queues", "name", "messages", "--no-table-headers"]);
      return /^heartbeat\s+0$/m.test(queues);
    }, { timeoutMs: 10_000, what: "an empty queue" });
  },
};

function v033(action: string, mqbody: unknown) {
  return { mqkey: `openapi.heartbeat.${action}`, mqtype: "call", mqbody };
}

function v033Call(peer: ModulePeer, action: string, mqbody: unknown): Promise<PeerReply> {
  return peer.ask(v033(action, mqbody), { replyTo: true, correlationId: "c-1" });
}

function seedCall(peer: ModulePeer, action: string, mqbody: unknown): Promise<PeerReply> {
  const callId = "CCCEF718FCC41307";
  return peer.ask({ mqkey: `openapi.heartbeat.${action}`, mqtype: `call.${callId}`, mqbody }, { callId });
}

function keyedCall(peer: ModulePeer, action: string, fields: Record<string, unknown>): Promise<PeerReply> {
  const callId = "EC0EF718FCC41307";
  return peer.ask({ mqkey: `openapi.heartbeat.${action}.${callId}`, mqtype: "call", ...fields }, { callId });
}

/** Messages are handled in order, so what is not answered before the next call never will be. */
async function assertSilent(peer: ModulePeer, send: () => Promise<void>): Promise<void> {
  await send();
  const { message } = await peer.ask(v033("agentInfo", {}), { replyTo: true, correlationId: "after" });
  assert.equal(message.properties.correlationId, "after");
  assert.deepEqual(peer.replies, []);
}

/** Readers of the documentation look for mqtype, the modules' code for mqflag. */
function assertReadableByBoth(json: { mqtype: unknown; mqflag: unknown }): void {
  assert.deepEqual([json.mqtype, json.mqflag], ["cast", "cast"]);
}

function assertError(body: { flag: unknown; error: string; result: unknown }, code: string, result?: unknown): void {
  assert.equal(body.flag, "false");
  assert.ok(body.error.startsWith(`${code} `), body.error);
  if (result !== undefined) assert.deepEqual(body.result, result);
}

function assertFirstRow(row: RowJson | undefined): void {
  assert.ok(row !== undefined);
  assert.equal(row.ip, FIRST.ip);
  assert.equal(row.asset, FIRST.asset);
  assert.deepEqual(row.apps, JSON.parse(FIRST.apps));
  assert.match(String(row.last_hb_time), /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert.equal(row.state, "online");
  assert.equal(row.version, FIRST.version);
  assert.equal(typeof row.silent_seconds, "number");
  assert.ok(Math.abs(Date.now() - Number(row.last_hb_ms)) < 60_000);
  assert.ok(!Number.isNaN(Date.parse(String(row.since))));
}
