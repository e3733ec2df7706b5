import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { Store } from "../../src/store/store.ts";
import { Receiver } from "../events/receiver.ts";
import { beat } from "../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { EventLog } from "./event_consumer.ts";
import { print } from "./print.ts";

const AGENTS = 100_000;
const GRACE_MS = 2_000;
const MINUTE_MS = 60_000;

function configuration(folder: string, more = ""): string {
  return `mq.ip = 127.0.0.1\nmq.port = ${freePort()}\nmq.user = u\nmq.password = p\nevents.enabled = false\n` +
    "auth.mode = simple\nauth.localAppInfo = {}\n" +
    `data.dir = ${folder}\nagent.timeout = 1m\nagent.grace = ${GRACE_MS}ms\n${more}`;
}

/** Leaves a data folder as a service with a large fleet does that was ended 1 to 5 minutes ago. */
async function fillStore(dir: string): Promise<void> {
  const { store } = await Store.open({ dir, log: new MemoryLog().logger, clock: systemClock, instance: "filler" });
  const nowMs = Date.now();
  const apps = (i: number) =>
    JSON.stringify({ [`app${i % 41}`]: "1.0.1", [`app${i % 37 + 41}`]: "2.3.4", base: "1.0" });
  const agents = Array.from({ length: AGENTS }, (_, i) => ({
    ip: `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`,
    asset: `CX${String(i).padStart(7, "0")}`,
    version: "0.3.3",
    apps: apps(i),
    online: i % 20 !== 0,
    lastSeenMs: nowMs - MINUTE_MS - (i * 7919) % (4 * MINUTE_MS),
    sinceMs: nowMs - 60 * MINUTE_MS,
  }));
  assert.equal(await store.write({ agents, forgotten: [], events: [] }), true);
  await store.close();
}

/** Starts the service and says how long it took until it took beats, by the times in its log, ms. */
async function timedStart(config: string): Promise<{ service: BinaryProcess; tookMs: number; spawnedMs: number }> {
  const spawnedMs = Date.now();
  const service = await startBinary({ config });
  const line = await service.logged(/beats on/);
  return { service, spawnedMs, tookMs: Date.parse(line.slice(0, line.indexOf(" "))) - spawnedMs };
}

async function startTimes(config: string, starts: number): Promise<string> {
  const times: number[] = [];
  for (let i = 0; i < starts; i++) {
    const { service, tookMs } = await timedStart(config);
    await service[Symbol.asyncDispose]();
    times.push(tookMs);
  }
  return `${times.join(", ")} ms`;
}

Deno.test("elves-heartbeat with a large memory starts quickly and tells nothing of a fleet that stays silent", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "hb-start-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  await fillStore(`${folder}/full`);

  await t.step("the time until beats are taken", async () => {
    const full = await startTimes(configuration(`${folder}/full`), 3);
    const empty = await startTimes(configuration(`${folder}/empty`), 1);
    print(`from the start to beats with ${AGENTS} remembered agents: ${full}; with none: ${empty}`);
  });

  await t.step("one guardOn at the end of grace, and no agentOffline", async () => {
    await using receiver = new Receiver();
    const config = configuration(`${folder}/full`, `events.webhook = http://${receiver.host}/hook\n`);
    const { service, spawnedMs } = await timedStart(config);
    await using _stopped = service;
    assert.match(await service.logged(/agents: .* remembered/), new RegExp(`agents: ${AGENTS} remembered`));
    const told = () => {
      const log = new EventLog();
      for (const { body } of receiver.received) log.add(JSON.parse(body).events);
      return log.events;
    };
    const guard = await waitFor(() => told()[0], { timeoutMs: 30_000, what: "the first event" });
    assert.equal(guard.kind, "guardOn");
    assert(guard.at_ms >= spawnedMs + GRACE_MS);
    // Everybody has been due for a second and more when this one appears, and events are told in order.
    await waitFor(() => Date.now() > guard.at_ms + 1_500, { timeoutMs: 10_000, what: "the guard to hold for a while" });
    await beat({ hostname: "127.0.0.1", port: service.port }, {
      ...{ asset: "new", ip: "192.0.2.1", version: "0.3.3", apps: "{}" },
    });
    const marker = () => told().some(({ ip }) => ip === "192.0.2.1");
    await waitFor(marker, { timeoutMs: 30_000, what: "an event of a later moment" });
    assert.deepEqual(told().map(({ kind }) => kind), ["guardOn", "agentOnline"]);
  });
});
