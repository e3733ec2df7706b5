import assert from "node:assert/strict";
import { MemoryLog } from "../support/memory_log.ts";
import { freePort } from "../support/free_port.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import { startZookeeper } from "../support/zookeeper.ts";
import { Dashboard, NO_AUTH, OK } from "./dashboard.ts";
import { onlyNodesOf, PROMISE_MS, TestRegistrar } from "./harness.ts";

Deno.test("Registrar creates a deep root, shows its data to zkCli and leaves at once when stopped", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server, "/cluster/prod/elves/heartbeat");
  // A session so long that its end by itself would fail the test.
  const connectString = `${server.connectString}/cluster`;
  await using registrar = await TestRegistrar.registered({
    connectString,
    root: "/prod/elves",
    sessionTimeoutMs: 60_000,
  });

  const [path] = await onlyNodesOf(dashboard, [registrar]);
  assert.match(path!, /^\/cluster\/prod\/elves\/heartbeat\/instance-\d{10}$/);
  const { startedAt: _, ...data } = await dashboard.data(path!);
  assert.deepEqual(data, { instance: "host-a:11102", host: "host-a", ports: { beats: 11102 }, version: "1.0.0" });
  const zkCli = await new Deno.Command("/usr/share/zookeeper/bin/zkCli.sh", {
    args: ["-server", server.connectString, "ls", "/cluster/prod/elves/heartbeat"],
    stdin: "null",
  }).output();
  assert.match(new TextDecoder().decode(zkCli.stdout), /^\[agent, instance-\d{10}\]$/m);

  await registrar.stop();
  assert.deepEqual(await dashboard.instances(), []);
  assert.equal(registrar.status.state, "off");
});

Deno.test("Registrar counts as one beside a second instance and a node of somebody else", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  await using first = await TestRegistrar.registered({ connectString: server.connectString });
  await using second = await TestRegistrar.registered({
    connectString: server.connectString,
    instance: "host-b:11102",
  });
  await onlyNodesOf(dashboard, [first, second]);
  await second.stop();
  assert.deepEqual(await dashboard.instances(), [first.status.path]);

  const foreign = "/elves/heartbeat/instance-of-somebody-else";
  assert.equal(await dashboard.create(foreign, "not JSON"), OK);
  second.start();
  await waitFor(() => second.status.state === "registered", { timeoutMs: PROMISE_MS, what: "the second again" });
  assert.deepEqual(await dashboard.instances(), [first.status.path, second.status.path, foreign]);
});

Deno.test("Registrar waits for a server that is down at its start", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  await server.stop();
  await using registrar = new TestRegistrar({ connectString: server.connectString, log: log.logger });
  registrar.start();
  await waitFor(() => registrar.status.fault, { timeoutMs: 5_000, what: "a fault" });
  assert.equal(registrar.status.state, "down");
  assert.match(registrar.status.fault!, new RegExp(`^127.0.0.1:${server.port}: .*ECONNREFUSED`));
  await server.start();
  await onlyNodesOf(new Dashboard(server), [registrar]);
  assert.equal(log.matching(/WRN zookeeper: not registered, trying until it works: .*ECONNREFUSED/).length, 1);
  assert.equal(log.matching(/zookeeper: registered as \/elves\/heartbeat\/instance-\d{10}$/).length, 1);
});

Deno.test("Registrar has one node after a server that was killed and started again", async () => {
  await using server = await startZookeeper();
  await using registrar = await TestRegistrar.registered({ connectString: server.connectString });
  await server.kill();
  await registrar.down();
  await server.start();
  await onlyNodesOf(new Dashboard(server), [registrar]);
});

Deno.test("Registrar goes on with its session and node when only its connection is cut", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  await using proxy = new TcpProxy({ hostname: server.host, port: server.port });
  const options = { connectString: `${proxy.host}:${proxy.port}`, log: log.logger, sessionTimeoutMs: 10_000 };
  await using registrar = await TestRegistrar.registered(options);
  const { path } = registrar.status;
  for (let cuts = 1; cuts <= 3; cuts++) {
    proxy.cut();
    await registrar.down();
    assert.deepEqual(await onlyNodesOf(new Dashboard(server), [registrar]), [path]);
  }
  assert.deepEqual(registrar.stats, { sessions: 1, registrations: 1 });
  assert.equal(log.matching(/WRN zookeeper: connection lost, trying to get back: .* closed the connection/).length, 3);
});

Deno.test("Registrar has one node after a server that stood still for longer than the session", async () => {
  await using server = await startZookeeper();
  await using registrar = await TestRegistrar.registered({ connectString: server.connectString });
  const { path } = registrar.status;
  await server.pause();
  await registrar.down();
  // Its second fault: no session within the connect timeout, which is the session's.
  await waitFor(() => registrar.status.fault?.startsWith("no session"), { timeoutMs: PROMISE_MS, what: "the timeout" });
  server.resume();
  await onlyNodesOf(new Dashboard(server), [registrar]);
  assert.notEqual(registrar.status.path, path);
});

Deno.test("Registrar sees a network that went silent and registers anew when its session expired", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  await using proxy = new TcpProxy({ hostname: server.host, port: server.port });
  const options = { connectString: `${proxy.host}:${proxy.port}`, log: log.logger };
  await using registrar = await TestRegistrar.registered(options);
  const dashboard = new Dashboard(server);
  proxy.stall();
  await registrar.down();
  await waitFor(async () => (await dashboard.instances()).length === 0, { timeoutMs: PROMISE_MS, what: "the expiry" });
  proxy.resume();
  await onlyNodesOf(dashboard, [registrar]);
  assert.deepEqual(registrar.stats, { sessions: 2, registrations: 2 });
  assert.match(registrar.status.fault!, /no answer within \d+ ms$/);
});

Deno.test("Registrar creates its node again when somebody deleted it, or the whole tree", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  // A session so long that only the watch can tell in time.
  const options = { connectString: server.connectString, log: log.logger, sessionTimeoutMs: 60_000 };
  await using registrar = await TestRegistrar.registered(options);
  const { path } = registrar.status;
  assert.equal(await dashboard.remove(path!), OK);
  await waitFor(() => registrar.stats.registrations === 2, { timeoutMs: PROMISE_MS, what: "another node" });
  await onlyNodesOf(dashboard, [registrar]);
  assert.equal(log.matching(/somebody removed \/elves\/heartbeat\/instance-0000000001$/).length, 1);

  const removal = await new Deno.Command("/usr/share/zookeeper/bin/zkCli.sh", {
    args: ["-server", server.connectString, "deleteall", "/elves"],
    stdin: "null",
  }).output();
  assert.equal(removal.success, true);
  await waitFor(() => registrar.stats.registrations >= 3, { timeoutMs: PROMISE_MS, what: "a node in a new tree" });
  await onlyNodesOf(dashboard, [registrar]);
});

Deno.test("Registrar finds the live one of its servers behind one that refuses and one that is mute", async () => {
  await using server = await startZookeeper();
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using registrar = new TestRegistrar({
    connectString: `127.0.0.1:${freePort()},127.0.0.1:${mute.addr.port},${server.connectString}`,
    random: () => 0,
  });
  registrar.start();
  await onlyNodesOf(new Dashboard(server), [registrar]);
});

Deno.test("Registrar protects its nodes by zookeeper.auth and leaves the shared root to everybody", async () => {
  await using server = await startZookeeper();
  const dashboard = new Dashboard(server);
  const auth = { scheme: "digest", auth: "elves:secret" };
  await using registrar = await TestRegistrar.registered({ connectString: server.connectString, auth });
  const path = registrar.status.path!;
  assert.equal((await dashboard.data(path)).instance, "host-a:11102");
  assert.equal(await dashboard.write(path, "{}"), NO_AUTH);
  assert.equal(await dashboard.remove(path), NO_AUTH);
  assert.equal(await dashboard.create("/elves/other"), OK);
  assert.deepEqual(await dashboard.acl("/elves"), ["31 world"]);
  assert.deepEqual(await dashboard.acl(path), ["5 world", "31 digest"]);

  await using without = await TestRegistrar.registered({
    connectString: server.connectString,
    instance: "host-b:11102",
  });
  await onlyNodesOf(dashboard, [registrar, without]);
});

Deno.test("Registrar says that its authentication was refused and goes on trying", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  await using proxy = new TcpProxy({ hostname: server.host, port: server.port });
  const auth = { scheme: "unheard-of", auth: "elves:secret" };
  await using registrar = new TestRegistrar({ connectString: `${proxy.host}:${proxy.port}`, auth, log: log.logger });
  registrar.start();
  await waitFor(() => proxy.accepted >= 3, { timeoutMs: 10_000, what: "further tries" });
  assert.equal(registrar.status.state, "down");
  assert.match(registrar.status.fault!, /refused zookeeper\.auth$/);
  assert.equal(log.matching(/refused zookeeper\.auth/).length, 1);
  assert.deepEqual(log.matching(/secret/), []);
});

Deno.test("Registrar outlives a peer that is no ZooKeeper", async () => {
  const answers = [
    new TextEncoder().encode("HTTP/1.1 400 Bad Request\r\n\r\n"),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 1, 2, 3),
    Uint8Array.of(0, 0, 0, 0),
    Uint8Array.of(0, 0, 0, 2, 1, 2),
    new Uint8Array(64).fill(0x7f),
  ];
  let accepted = 0;
  using peer = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    for await (const connection of peer) {
      await connection.write(answers[accepted++ % answers.length]!);
      connection.close();
    }
  })();
  await using registrar = new TestRegistrar({ connectString: `127.0.0.1:${peer.addr.port}`, random: () => 0 });
  registrar.start();
  await waitFor(() => accepted > answers.length, { timeoutMs: 10_000, what: "a try of each answer" });
  assert.equal(registrar.status.state, "down");
  await registrar.stop();
  peer.close();
  await serving;
});

Deno.test("Registrar stops at once while a mute server keeps it waiting", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using registrar = new TestRegistrar({
    connectString: `127.0.0.1:${mute.addr.port}`,
    sessionTimeoutMs: 600_000,
  });
  registrar.start();
  const connection = await mute.accept();
  await registrar.stop();
  connection.close();
  assert.equal(registrar.status.state, "off");
});

Deno.test("Registrar gives up on a server that does not answer at the stop, and says what stays", async () => {
  using log = new MemoryLog();
  await using server = await startZookeeper();
  const options = { connectString: server.connectString, log: log.logger, sessionTimeoutMs: 60_000 };
  await using registrar = await TestRegistrar.registered(options);
  await server.pause();
  await registrar.stop();
  assert.equal(registrar.status.state, "off");
  const line =
    /WRN zookeeper: the node stays until its session times out: close session at .*: no answer within 1500 ms$/;
  assert.equal(log.matching(line).length, 1);
});
