import assert from "node:assert/strict";
import zookeeper from "node-zookeeper-client";
import { startZookeeper } from "./zookeeper.ts";

Deno.test("startZookeeper gives a server that keeps nodes over a kill and a start", async () => {
  await using server = await startZookeeper();
  const path = "/smoke";
  {
    await using session = new Session(server.connectString);
    assert.equal(await session.create(path), path);
  }
  await server.kill();
  await server.start();
  await using session = new Session(server.connectString);
  assert.equal(await session.exists(path), true);
});

/** The little of the client that these tests need, with promises. */
class Session implements AsyncDisposable {
  readonly connected: Promise<void>;
  readonly #client;
  readonly #closed: Promise<void>;

  constructor(connectString: string) {
    this.#client = zookeeper.createClient(connectString, { sessionTimeout: 10_000, spinDelay: 50, retries: 3 });
    this.connected = new Promise((resolve) => this.#client.once("connected", resolve));
    this.#closed = new Promise((resolve) => this.#client.once("disconnected", resolve));
    this.#client.connect();
  }

  async create(path: string): Promise<string> {
    await this.connected;
    return await new Promise((resolve, reject) =>
      this.#client.create(path, (error: Error | null, created: string) => error ? reject(error) : resolve(created))
    );
  }

  async exists(path: string): Promise<boolean> {
    await this.connected;
    return await new Promise((resolve, reject) =>
      this.#client.exists(path, (error: Error | null, stat: unknown) => error ? reject(error) : resolve(Boolean(stat)))
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client.close();
    await this.#closed;
  }
}
