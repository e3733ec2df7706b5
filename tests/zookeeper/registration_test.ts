import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
// @ts-types="../../src/zookeeper/node_zookeeper_client.d.ts"
import zookeeper from "node-zookeeper-client";
import { ZookeeperConnection, ZookeeperError } from "../../src/zookeeper/connection.ts";
import { register } from "../../src/zookeeper/registration.ts";
import { startZookeeper } from "../support/zookeeper.ts";
import { Dashboard } from "./dashboard.ts";
import { onlyNodesOf, TestRegistrar } from "./harness.ts";
import { LosingProxy } from "./losing_proxy.ts";

Deno.test("register finds the node whose creation was done but not answered", async () => {
  await using server = await startZookeeper();
  await using proxy = new LosingProxy(server);
  await using registrar = await TestRegistrar.registered({
    connectString: proxy.connectString,
    sessionTimeoutMs: 60_000,
  });
  assert.equal(proxy.lost, true);
  await onlyNodesOf(new Dashboard(server), [registrar]);
  // The same session, and no second creation.
  assert.deepEqual(registrar.stats, { sessions: 1, registrations: 0 });
});

Deno.test("register removes what a creation that was done twice left", async () => {
  await using server = await startZookeeper();
  const options = { sessionTimeoutMs: 10_000, connectTimeoutMs: 10_000 };
  const connection = await ZookeeperConnection.open(server, options);
  const data = () => ({ instance: "host-a", startedAt: "2026-01-02T03:04:05.006Z" });
  const registration = { folder: "/elves/heartbeat", protect: false, data, onChange: () => {} };
  const first = await register(connection, registration);
  const json = Buffer.from(JSON.stringify(data()));
  const path = "/elves/heartbeat/instance-";
  const second = await connection.createEphemeralSequential(path, json, zookeeper.ACL.OPEN_ACL_UNSAFE);

  const again = await register(connection, registration);
  assert.deepEqual(again, { path: first.path, created: false, removed: [second] });
  assert.deepEqual(await new Dashboard(server).instances(), [first.path]);
  await connection.close(5_000);
});

Deno.test("ZookeeperConnection ends at an error code that the library does not know", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = { host: "127.0.0.1", port: listener.addr.port };
  const opening = ZookeeperConnection.open(server, { sessionTimeoutMs: 10_000, connectTimeoutMs: 10_000 });
  using peer = await listener.accept();
  const request = new Uint8Array(1_024);
  await peer.read(request);
  // protocol version, granted timeout, session id, password of 16 bytes
  await peer.write(packet([0, 10_000, 0, 1, 16, 0, 0, 0, 0]));
  const connection = await opening;
  const reading = connection.read("/");
  const refused = assert.rejects(
    reading,
    (cause) => cause instanceof ZookeeperError && cause.code === "CONNECTION_LOSS",
  );
  await peer.read(request);
  // xid, zxid, QUOTA_EXCEEDED of ZooKeeper 3.7
  await peer.write(packet([0, 0, 1, -125]));
  await refused;
  assert.match((await connection.ended).message, /sent what is not understood$/);
});

function packet(ints: readonly number[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 + ints.length * 4));
  view.setInt32(0, ints.length * 4);
  ints.forEach((value, index) => view.setInt32(4 + index * 4, value));
  return new Uint8Array(view.buffer);
}
