import assert from "node:assert/strict";
import { print } from "../e2e/print.ts";
import { BeatConnection } from "../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { residentBytes } from "../support/process_stats.ts";
import { SteadyAgent } from "../support/steady_agent.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { attackedSettings, figuresOf, type Stage } from "./stage.ts";

const MAX = 20_000;
const WAVES = 5;
/** How many calls are pipelined at a time. */
const AT_ONCE = 500;
/** Agents that beat all the time. */
const KNOWN = ["198.51.100.1", "198.51.100.2", "198.51.100.3"];

/** Five times as many forged addresses as there may be agents, on kept connections. */
export async function forgedAgents({ rabbit }: Stage): Promise<void> {
  const limits = `agent.max = ${MAX}\nagent.timeout = 3s\nagent.grace = 0\nguard.share = 1\n`;
  await using service = await startBinary({ config: attackedSettings(rabbit) + limits });
  const address = { hostname: "127.0.0.1", port: service.port };
  await using bystanders = await Bystanders.join(address, rabbit);
  await using known = new AsyncDisposableStack();
  for (const ip of KNOWN) known.use(new SteadyAgent(service.port, ip));
  const since = await waitFor(() => sinceOf(service), { timeoutMs: 10_000, what: "the known agents" });
  const resident: number[] = [];
  for (let wave = 0; wave < WAVES; wave++) {
    await flood(address, wave);
    await offline(service);
    resident.push(await residentBytes(service.pid));
  }
  await bystanders.served("beats of 100,000 forged addresses");
  const figures = await figuresOf(service);
  const [first = 0, last = 0] = [resident[0], resident.at(-1)];
  print(
    `agent.max = ${MAX}, RSS after each of ${WAVES} floods: ${resident.map((each) => Math.round(each / 2 ** 20))} MiB`,
  );
  assert.ok(last < 1.5 * first, `${first} bytes at first, at last ${last}`);
  assert.equal(agents(figures), MAX);
  const evicted = figures.value("elves_heartbeat_agents_evicted_total");
  // The bystander and the known ones have their places all the time.
  assert.equal(evicted, (WAVES - 1) * MAX + KNOWN.length + 1 - refusedIn(figures));
  assert.deepEqual(await sinceOf(service), since);
}

/** New agents until the table is full of them; those for which no room is left are refused, not the known ones. */
async function flood(address: { hostname: string; port: number }, wave: number): Promise<void> {
  const ips = Array.from({ length: MAX }, (_, i) => `10.${wave}.${Math.floor(i / 250)}.${i % 250}`);
  const infos = ips.map((ip) => ({ ip, asset: `forged-${ip}`, version: "1", apps: "{}" }));
  using connection = await BeatConnection.open(address, { timeoutMs: 30_000 });
  for (let at = 0; at < infos.length; at += AT_ONCE) await connection.callAll(infos.slice(at, at + AT_ONCE));
}

/** Waits until all but the agents that go on are offline. */
async function offline(service: BinaryProcess): Promise<void> {
  const isOver = async () =>
    (await figuresOf(service)).value('elves_heartbeat_agents{state="online"}') === KNOWN.length + 1;
  await waitFor(isOver, { timeoutMs: 30_000, what: "forged agents to go offline" });
}

function agents(figures: Awaited<ReturnType<typeof figuresOf>>): number {
  return ["online", "suspect", "offline"].reduce(
    (sum, state) => sum + figures.value(`elves_heartbeat_agents{state="${state}"}`),
    0,
  );
}

/** How many beats were refused, because all rows were of agents that are online. */
function refusedIn(figures: Awaited<ReturnType<typeof figuresOf>>): number {
  return figures.value('elves_heartbeat_beat_calls_total{outcome="refused"}');
}

/** Since when each known agent is online; undefined while one is not there. */
async function sinceOf(service: BinaryProcess): Promise<string[] | undefined> {
  const rows: { state: string; since: string }[] = [];
  for (const ip of KNOWN) {
    const answer = await fetch(`http://127.0.0.1:${service.httpPort}/api/v1/agents/${ip}`);
    const row = await answer.json();
    if (!answer.ok || row.state !== "online") return undefined;
    rows.push(row);
  }
  return rows.map(({ since }) => since);
}
