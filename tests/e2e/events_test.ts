import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { hang, type Received, Receiver } from "../events/receiver.ts";
import { seededRandom } from "../support/fleet_simulator.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { EventConsumer, EventLog, type EventRow } from "./event_consumer.ts";
import { type Outage, OutageScene, TIMEOUT_MS } from "./outages.ts";
import { print } from "./print.ts";

const AGENTS = 6;
const SECRET = "hb-webhook-secret";
const PATIENCE_MS = 60_000;
/** Both clocks of the service are read to the millisecond, and each run maps one to the other anew. */
const ROUNDING_MS = 5;

Deno.test("elves-heartbeat tells every outage once, whatever is killed when", async (t) => {
  await using rabbit = await startRabbit();
  await using proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
  await using receiver = new Receiver();
  await using consumer = await EventConsumer.open(rabbit.url);
  await using scene = await OutageScene.open({
    agents: AGENTS,
    config:
      `mq.ip = ${proxy.host}\nmq.port = ${proxy.port}\nmq.user = ${rabbit.user}\nmq.password = ${rabbit.password}\n` +
      "auth.mode = simple\nauth.localAppInfo = {}\n" +
      `events.webhook = http://${receiver.host}/hook\nevents.webhookSecret = ${SECRET}\n`,
  });

  await t.step("killed when the decision is not stored yet", async () => {
    await using peer = await ModulePeer.connect(rabbit.url);
    await scene.service.logged(/mq: connected/);
    const away = scene.begin(0);
    const { ip } = away.agent;
    await waitFor(async () => (await peer.call("agentInfo", { ip, state: "offline" })).flag === "true", {
      timeoutMs: PATIENCE_MS,
      what: "the agent to be offline",
    });
    await scene.kill();
    await scene.start();
    await scene.end(await scene.known(away));
  });

  await t.step("killed when it is stored and nobody took it yet", async () => {
    await scene.service.logged(/mq: connected/);
    proxy.stall();
    receiver.script.push(hang);
    const outage = await scene.known(scene.begin(1));
    await scene.kill();
    proxy.cut();
    proxy.resume();
    assert.deepEqual(consumer.log.of("agentOffline", outage.ip), []);
    await scene.start();
    await scene.end(outage);
  });

  await t.step("killed when others have it and the service does not know", async () => {
    await settled();
    proxy.stall("answers");
    const outage = await scene.known(scene.begin(2));
    const { repeated } = consumer.log;
    await waitFor(() => consumer.log.of("agentOffline", outage.ip).length > 0, {
      timeoutMs: PATIENCE_MS,
      what: "the event, unconfirmed",
    });
    assert(scene.journal.unsent > 0);
    await scene.kill();
    proxy.cut();
    proxy.resume();
    await scene.start();
    await waitFor(() => consumer.log.repeated > repeated, { timeoutMs: PATIENCE_MS, what: "the same event again" });
    await scene.end(outage);
  });

  await t.step("the broker is killed in the middle of an outage, and the service while it is gone", async () => {
    const away = [scene.begin(3), scene.begin(4)] as const;
    const [first, second] = await Promise.all(away.map((each) => scene.known(each))) as [Outage, Outage];
    await rabbit.kill();
    await scene.end(first);
    const third = scene.begin(5);
    await scene.kill();
    await scene.start();
    const back = rabbit.start();
    await Promise.all([scene.end(second), scene.known(third).then((outage) => scene.end(outage)), back]);
  });

  await t.step("killed at random moments", async () => {
    const random = seededRandom(20_170_602);
    const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, random() * ms));
    let busy = AGENTS;
    const outages = async (index: number) => {
      for (let i = 0; i < 2; i++) {
        await pause(800);
        const outage = await scene.known(scene.begin(index));
        await pause(300);
        await scene.end(outage);
      }
      busy--;
    };
    const kills = async () => {
      for (; busy > 0; await pause(900)) {
        await pause(1_500);
        await scene.kill();
        await scene.start();
        await scene.service.logged(/agents: .* remembered/);
      }
    };
    await Promise.all([...scene.fleet.agents.map((_, index) => outages(index)), kills()]);
  });

  await t.step("a reader of the exchange has seen each outage once, in order, with its length", async () => {
    await settled();
    for (const { ip } of scene.fleet.agents) expectOutages(scene.outages, consumer.log, ip);
    assert.deepEqual(new Set(consumer.log.events.map(({ kind }) => kind)), new Set(["agentOnline", "agentOffline"]));
  });

  await t.step("a reader of the signed webhook has seen the same", () => {
    const posted = new EventLog();
    for (const request of receiver.received) posted.add(verifiedRows(request));
    for (const { ip } of scene.fleet.agents) {
      assert.deepEqual(
        posted.events.filter((row) => row.ip === ip),
        consumer.log.events.filter((row) => row.ip === ip),
      );
    }
    print(
      `${scene.outages.length} outages, ${scene.kills} kills of the service; told again: ${consumer.log.repeated} ` +
        `events on the exchange, ${posted.repeated} to the webhook`,
    );
  });

  async function settled(): Promise<void> {
    await waitFor(() => scene.journal.unsent === 0, { timeoutMs: PATIENCE_MS, what: "every event to be taken" });
    // What is confirmed stands in the reader's queue.
    await waitFor(() => consumer.log.of("agentOnline").length >= AGENTS + scene.outages.length, {
      timeoutMs: PATIENCE_MS,
      what: "the reader to read its queue",
    });
  }
});

/** Compares what a reader saw of one agent with what the test did to it. */
function expectOutages(outages: readonly Outage[], log: EventLog, ip: string): void {
  const own = outages.filter((outage) => outage.ip === ip);
  const rows = log.events.filter((row) => row.ip === ip);
  const kinds = ["agentOnline", ...own.flatMap(() => ["agentOffline", "agentOnline"])];
  assert.deepEqual(rows.map(({ kind }) => kind), kinds, `${ip}: ${JSON.stringify(rows)}`);
  assert.deepEqual(rows.map(({ first }) => first), [true, ...kinds.slice(1).map(() => undefined)]);
  for (const [i, outage] of own.entries()) {
    const [offline, online] = rows.slice(1 + 2 * i, 3 + 2 * i) as [EventRow, EventRow];
    const lastBeatMs = offline.last_hb_ms ?? 0;
    assert(lastBeatMs >= outage.lastBeat.earliestMs, `${ip}: a beat was forgotten`);
    assert(lastBeatMs <= outage.lastBeat.latestMs, `${ip}: a beat was made up`);
    assert(offline.at_ms >= lastBeatMs + TIMEOUT_MS - ROUNDING_MS, `${ip} went before its timeout`);
    assert.equal(online.last_hb_ms, lastBeatMs);
    assert(online.at_ms >= outage.onMs && online.at_ms <= outage.backMs, `${ip} came back at another time`);
    for (const row of [offline, online]) expectAway(row, lastBeatMs);
  }
}

/** `away_seconds` is the time since the last beat in whole seconds. */
function expectAway({ ip, kind, at_ms, away_seconds }: EventRow, lastBeatMs: number): void {
  const possible = [-ROUNDING_MS, ROUNDING_MS].map((error) => Math.floor((at_ms - lastBeatMs + error) / 1000));
  assert(possible.includes(away_seconds ?? -1), `${kind} of ${ip}: ${away_seconds} s after ${at_ms - lastBeatMs} ms`);
}

/** What was posted, after checking the signature as the README tells receivers to. */
function verifiedRows({ headers, body }: Received): EventRow[] {
  const expected = createHmac("sha256", SECRET).update(`${headers.get("x-elves-timestamp")}.${body}`).digest("hex");
  assert.equal(headers.get("x-elves-signature"), `sha256=${expected}`);
  return JSON.parse(body).events;
}
