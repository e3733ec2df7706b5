import assert from "node:assert/strict";
import { print } from "../e2e/print.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { beat } from "../support/beat_client.ts";
import { seededRandom } from "../support/fleet_simulator.ts";
import { residentBytes } from "../support/process_stats.ts";
import { type Entry, ScriptedSupervisor } from "../support/scripted_supervisor.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { attackedSettings, type Stage } from "./stage.ts";

/** What the well-behaved agent may run, whatever else stands in a list. */
const OWN: Entry = { app: "app1", version: "1.0.1", agentList: ["192.0.2.1"] };
/** The most memory that a list may leave the service with, bytes; before the sets were shared, one took 1.5 GB. */
const MAX_RESIDENT = 700 * 2 ** 20;

/** How many large lists come at once. */
const BURST = 5;

/** Lists that are large in one way each, and the address and app by which it is seen that one is in force. */
const BOMBS: Readonly<Record<string, { list: () => Entry[]; ip: string; app: string; version: string }>> = {
  "all kinds of sets": { list: manySets, ip: "10.0.0.1", app: "kinds", version: "1" },
  "49,000 apps for one agent": {
    list: () => many((i) => ({ app: `a${i}`, version: "1" })),
    ip: "10.0.0.1",
    app: "a0",
    version: "1",
  },
  "49,000 versions of one app": {
    list: () => many((i) => ({ app: "one", version: `${i}` })),
    ip: "10.0.0.1",
    app: "one",
    version: "48999",
  },
  "49,000 apps for 40 agents": {
    list: () => many((i) => ({ app: `b${i}`, version: "1" }), 40),
    ip: "10.0.0.40",
    app: "b0",
    version: "1",
  },
  "one entry of 500,000 agents": {
    list: () => [{ app: "large", version: "2", agentList: addresses(500_000) }],
    ip: "10.0.0.1",
    app: "large",
    version: "2",
  },
};

/** Texts that are no catalogs, however large, deep or odd they are; the catalog in force stays. */
const DUDS: readonly (() => string)[] = [
  () => `{"mqkey":"supervisor.heartbeat.updateAppInfo","mqtype":"cast","mqbody":{"result":${"[".repeat(4_000_000)}`,
  () => cast(`[${"{},".repeat(3_000_000)}{}]`),
  () => cast(`[{${Array.from({ length: 400_000 }, (_, i) => `"k${i}":1`).join(",")}}]`),
  () => cast(`[{"app":"${"x".repeat(8_000_000)}","version":"1","agentList":["192.0.2.1"]}]`),
  () => cast('{"length":4294967295,"0":{}}'),
  () => cast("null"),
];

/** Sends catalogs that take much to read, from somebody who may publish to the exchange. */
export async function catalogBombs({ rabbit }: Stage): Promise<void> {
  await using supervisor = await ScriptedSupervisor.open(rabbit.url, { exchange: "elves", word: [OWN] });
  // Each takes from all agents what the one before gave them, which would be held back otherwise.
  const config = `${attackedSettings(rabbit).replace("= simple", "= supervisor")}auth.emptyShare = 1\n`;
  await using service = await startBinary({ config });
  await service.logged(/catalog: in force/);
  await using bystanders = await Bystanders.join({ hostname: "127.0.0.1", port: service.port }, rabbit);
  for (const dud of DUDS) await supervisor.publish(dud());
  for (const [what, { list, ip, app, version }] of Object.entries(BOMBS)) {
    const begun = performance.now();
    await supervisor.cast([OWN, ...list()]);
    await waitFor(async () => (await toldApps(service, ip))[app] === version, { timeoutMs: 60_000, what });
    const resident = await residentBytes(service.pid);
    print(`${what}: in force after ${Math.round(performance.now() - begun)} ms, ${Math.round(resident / 2 ** 20)} MiB`);
    assert.ok(resident < MAX_RESIDENT, `${resident} bytes with ${what}`);
  }
  // All at once, and a small one behind them, which counts.
  const large = JSON.stringify([OWN, { app: "large", version: "3", agentList: addresses(250_000) }]);
  for (let i = 0; i < BURST; i++) await supervisor.publish(cast(large));
  await supervisor.cast([OWN, { app: "small", version: "1", agentList: ["10.0.0.1"] }]);
  await waitFor(async () => (await toldApps(service, "10.0.0.1")).small === "1", {
    timeoutMs: 60_000,
    what: "the last",
  });
  const resident = await residentBytes(service.pid);
  print(`${BURST} catalogs of 250,000 agents at once: ${Math.round(resident / 2 ** 20)} MiB`);
  assert.ok(resident < 2 * MAX_RESIDENT, `${resident} bytes`);
  await bystanders.served("catalogs that take much to read");
  assert.equal(service.logs.filter((line) => line.includes("a message is ignored")).length, 1);
  assert.deepEqual(service.logs.filter((line) => /mq: no connection|a fault in/.test(line)), []);
}

function cast(result: string): string {
  return `{"mqkey":"supervisor.heartbeat.updateAppInfo","mqtype":"cast","mqbody":{"result":${result}}}`;
}

function many(pair: (i: number) => { app: string; version: string }, agents = 1): Entry[] {
  const agentList = addresses(agents);
  return Array.from({ length: 49_000 }, (_, i) => ({ ...pair(i), agentList }));
}

/** 100 apps, each for half of 20,000 agents, so that hardly two agents may run the same. */
function manySets(): Entry[] {
  const random = seededRandom(7);
  const all = addresses(20_000);
  const some = Array.from({ length: 100 }, (_, i) => ({
    app: `s${i}`,
    version: "1",
    agentList: all.filter(() => random() < 0.5),
  }));
  return [{ app: "kinds", version: "1", agentList: all }, ...some];
}

/** 10.0.0.1 and on. */
function addresses(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `10.${(i + 1) >> 16}.${(i + 1) >> 8 & 255}.${i + 1 & 255}`);
}

async function toldApps(service: BinaryProcess, ip: string): Promise<Record<string, string>> {
  const info = { ip, asset: "", version: "1", apps: "{}" };
  const { text } = await beat({ hostname: "127.0.0.1", port: service.port }, info, { timeoutMs: 20_000 });
  return JSON.parse(text ?? '{"data":{}}').data;
}
