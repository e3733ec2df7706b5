import type { FleetEvent } from "../../src/fleet/events.ts";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { Store, type StoreOptions } from "../../src/store/store.ts";
import { systemClock } from "../../src/clock.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

/** A data folder with a log, and the stores that are opened in it; leaving the scope closes and removes everything. */
export class Place implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly dir: string;
  readonly #root: string;
  readonly #stores: Store[] = [];

  constructor() {
    this.#root = Deno.makeTempDirSync({ prefix: "hb-store-" });
    this.dir = `${this.#root}/data`;
  }

  /** The database. */
  get file(): string {
    return `${this.dir}/elves-heartbeat.db`;
  }

  async open(options: Partial<StoreOptions> = {}) {
    const opened = await Store.open({
      dir: this.dir,
      log: this.log.logger,
      clock: systemClock,
      instance: crypto.randomUUID(),
      ...options,
    });
    this.#stores.push(opened.store);
    return opened;
  }

  /** What is remembered after a close, in the order of addresses. */
  async remembered(): Promise<StoredAgent[]> {
    const { store, memory } = await this.open();
    await store.close();
    return byAddress(memory.agents);
  }

  /** The names of the files that were set aside, their logs not counted. */
  setAside(): string[] {
    return [...Deno.readDirSync(this.dir)].map(({ name }) => name).filter((name) =>
      /damaged-[0-9TZ]+(-\d+)?$/.test(name)
    );
  }

  /** Closes every store. */
  async closeAll(): Promise<void> {
    await Promise.all(this.#stores.map((store) => store.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
    this.log[Symbol.dispose]();
    await Deno.remove(this.#root, { recursive: true });
  }
}

/** Waits until a store is as it shall be. */
export function becomes(store: Store, status: "ok" | "failing"): Promise<unknown> {
  return waitFor(() => store.state.status === status, { timeoutMs: 20_000, what: `the store to be ${status}` });
}

/** An agent, all of it told by its number but what is given. */
export function agent(number: number, more: Partial<StoredAgent> = {}): StoredAgent {
  return {
    ip: `10.0.${number >> 8}.${number & 255}`,
    asset: `CX${number}`,
    version: "3.2.1",
    apps: '{"testApp":"1.0.1"}',
    online: true,
    lastSeenMs: 1_767_323_045_000,
    sinceMs: 1_767_300_000_000,
    ...more,
  };
}

/** So many agents. */
export function agents(count: number, more: Partial<StoredAgent> = {}): StoredAgent[] {
  return Array.from({ length: count }, (_, number) => agent(number, more));
}

/** An event, all of it told by its number but what is given. */
export function event(number: number, more: Partial<FleetEvent> = {}): FleetEvent {
  const { ip, asset } = agent(number);
  return {
    id: `agentOffline:${ip}:${number}`,
    kind: "agentOffline",
    ip,
    asset,
    atMs: Date.now(),
    sinceMs: 1_767_300_000_000,
    lastSeenMs: 1_767_323_045_000,
    awaySeconds: 600,
    details: {},
    ...more,
  };
}

/** A batch of what is given and nothing else. */
export function batch(content: { agents?: StoredAgent[]; forgotten?: string[]; events?: FleetEvent[] }) {
  return { agents: [], forgotten: [], events: [], ...content };
}

/** In the order of addresses, so that lists can be compared. */
export function byAddress(list: readonly StoredAgent[]): StoredAgent[] {
  return [...list].sort((one, other) => one.ip < other.ip ? -1 : 1);
}
