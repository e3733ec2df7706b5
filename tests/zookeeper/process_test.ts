import assert from "node:assert/strict";
import { waitFor } from "../support/wait_for.ts";
import { startZookeeper } from "../support/zookeeper.ts";
import { Dashboard, OK } from "./dashboard.ts";
import { onlyNodesOf, PROMISE_MS, SESSION_TIMEOUT_MS, TestRegistrar } from "./harness.ts";

Deno.test("Registrar removes the node that its killed predecessor left, long before that one's session ends", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  await using predecessor = new Instance(server.connectString, 60_000);
  const [left] = await waitForCount(dashboard, 1);
  await predecessor.kill();
  assert.deepEqual(await dashboard.instances(), [left]);

  await using registrar = await TestRegistrar.registered({ connectString: server.connectString });
  assert.notEqual(registrar.status.path, left);
  await onlyNodesOf(dashboard, [registrar]);
});

Deno.test("Registrar leaves a younger run of its instance alone", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  await using older = await TestRegistrar.registered({ connectString: server.connectString });
  const { path } = older.status;
  await using younger = new Instance(server.connectString, SESSION_TIMEOUT_MS);
  // The younger takes the older for dead; the older comes back beside it, however often.
  await waitFor(() => older.stats.registrations === 2, { timeoutMs: 10_000, what: "the older's second node" });
  const nodes = await waitForCount(dashboard, 2);
  assert.equal(nodes.includes(path!), false);
  const ofYounger = nodes.filter((node) => node !== older.status.path);
  assert.equal(await dashboard.remove(older.status.path!), OK);
  await waitFor(() => older.stats.registrations === 3, { timeoutMs: 10_000, what: "the older's third node" });
  assert.deepEqual(await waitForCount(dashboard, 2), [...ofYounger, older.status.path]);
  await younger.kill();
  await onlyNodesOf(dashboard, [older]);
  assert.equal(older.stats.registrations, 3);
});

Deno.test("Registrar has one node again after its own process stood still for longer than the session", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  await using instance = new Instance(server.connectString, SESSION_TIMEOUT_MS);
  const [before] = await waitForCount(dashboard, 1);
  instance.pause();
  await waitForCount(dashboard, 0);
  instance.resume();
  const [after] = await waitForCount(dashboard, 1);
  assert.notEqual(after, before);
});

function waitForCount(dashboard: Dashboard, count: number): Promise<string[]> {
  return waitFor(async () => {
    const nodes = await dashboard.instances();
    return nodes.length === count && nodes;
  }, { timeoutMs: PROMISE_MS, what: `${count} instances` });
}

/** A registrar in a process of its own, with the permissions of the service and no environment. */
class Instance implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  #ended = false;

  constructor(connectString: string, sessionTimeoutMs: number) {
    const program = new URL("./instance.ts", import.meta.url).pathname;
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-prompt",
        "--no-check",
        "--allow-net",
        "--allow-read",
        "--deny-env",
        program,
        connectString,
        String(sessionTimeoutMs),
      ],
      stdin: "null",
    }).spawn();
  }

  pause(): void {
    this.#process.kill("SIGSTOP");
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  async kill(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    this.#process.kill("SIGKILL");
    await this.#process.status;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
