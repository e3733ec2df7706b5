import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { getLogger } from "@logtape/logtape";
import { Registrar, type RegistrarOptions } from "../../src/zookeeper/registrar.ts";
import { waitFor } from "../support/wait_for.ts";
import type { Dashboard } from "./dashboard.ts";

/** Short, so that sessions expire within a test; the servers of the tests grant 0.5 s and more. */
export const SESSION_TIMEOUT_MS = 2_000;
/** What is promised: one node for each live instance within this time after a fault. */
export const PROMISE_MS = SESSION_TIMEOUT_MS + 5_000;

/** A registrar that is stopped when its `await using` scope ends. */
export class TestRegistrar extends Registrar implements AsyncDisposable {
  constructor(options: Pick<RegistrarOptions, "connectString"> & Partial<RegistrarOptions> & { instance?: string }) {
    const { instance = "host-a:11102" } = options;
    const startedAt = new Date().toISOString();
    super({
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      root: "/elves",
      data: () => ({ instance, startedAt, host: "host-a", ports: { beats: 11102 }, version: "1.0.0" }),
      log: getLogger("elves-heartbeat"),
      clock: systemClock,
      ...options,
    });
  }

  /** Starts it and waits for its node. */
  static async registered(options: ConstructorParameters<typeof TestRegistrar>[0]): Promise<TestRegistrar> {
    const registrar = new TestRegistrar(options);
    registrar.start();
    try {
      await waitFor(() => registrar.status.state === "registered", {
        timeoutMs: 10_000,
        what: "the first registration",
      });
    } catch (cause) {
      await registrar.stop();
      throw cause;
    }
    return registrar;
  }

  /** Waits until it has seen the fault. */
  async down(): Promise<void> {
    await waitFor(() => this.status.state === "down", { timeoutMs: 10_000, what: "the registrar to see the fault" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/** Waits until the dashboard shows exactly the nodes that these registrars say are theirs. */
export async function onlyNodesOf(dashboard: Dashboard, registrars: readonly Registrar[]): Promise<string[]> {
  let seen: string[] = [];
  try {
    return await waitFor(async () => {
      seen = await dashboard.instances();
      const theirs = registrars.map(({ status }) => status.path ?? status.state).sort();
      return JSON.stringify(seen) === JSON.stringify(theirs) && seen;
    }, { timeoutMs: PROMISE_MS, what: `${registrars.length} registered instances` });
  } catch (cause) {
    assert.fail(`${cause}; seen ${seen}; ${JSON.stringify(registrars.map(({ status }) => status))}`);
  }
}
