/** Data folders as a run of the service leaves them behind. */
import { systemClock } from "../../src/clock.ts";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { Store } from "../../src/store/store.ts";
import { MemoryLog } from "../support/memory_log.ts";

/** A fleet that beats once a minute, ms. */
const INTERVAL_MS = 60_000;
const DAY_MS = 86_400_000;

/** The row of an agent with an asset name and three apps, whose last beat came within the minute before `nowMs`. */
export function storedAgent(agent: number, nowMs: number): StoredAgent {
  const apps = [0, 1, 2].map((i) => [`app${(agent * 7 + i * 13) % 41}`, `1.${agent % 10}.${(agent * 31 + i) % 97}`]);
  return {
    ip: `10.${agent >> 16}.${(agent >> 8) & 0xff}.${agent & 0xff}`,
    asset: `CX${String(agent).padStart(7, "0")}`,
    version: "0.3.3",
    apps: JSON.stringify(Object.fromEntries(apps)),
    online: true,
    lastSeenMs: nowMs - agent * 7919 % INTERVAL_MS,
    sinceMs: nowMs - DAY_MS,
  };
}

/** The rows of so many agents. */
export function storedAgents(count: number): StoredAgent[] {
  const nowMs = Date.now();
  return Array.from({ length: count }, (_, agent) => storedAgent(agent, nowMs));
}

/** The product's own store in a folder; leaving the scope closes it. */
export async function openStore(dir: string) {
  const log = new MemoryLog();
  const options = { dir, log: log.logger, clock: systemClock, instance: crypto.randomUUID(), closeTimeoutMs: 60_000 };
  const { store, memory } = await Store.open({ ...options, openTimeoutMs: 60_000, stallMs: 60_000 });
  return {
    store,
    memory,
    async [Symbol.asyncDispose]() {
      await store.close();
      log[Symbol.dispose]();
    },
  };
}

/** Makes a data folder with so many agents. */
export async function makeStoredFleet(dir: string, agents: number): Promise<void> {
  await using opened = await openStore(dir);
  const stored = await opened.store.write({ agents: storedAgents(agents), forgotten: [], events: [] });
  if (!stored) throw new Error(`${agents} agents could not be stored: ${opened.store.state.fault}`);
}
