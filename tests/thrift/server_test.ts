import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { catalogForAll } from "../../src/apps/catalog.ts";
import { Cidrs } from "../../src/fleet/address.ts";
import { beat, beatCall, BeatConnection, type BeatInfo, concat } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import * as wire from "./messages.ts";
import { proxyHeader2 } from "./proxy_headers.ts";
import { named, TestPort, type TestPortOptions, WORKERS } from "./test_port.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };
const NOBODY = new Cidrs("");
const CLIENT = new Cidrs("10.7.7.7");

const CLIENT_1 = new TextEncoder().encode("PROXY TCP4 10.7.7.7 10.0.0.1 40000 11102\r\n");
const CLIENT_2 = proxyHeader2(1, 0x11, Uint8Array.of(10, 7, 7, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x2b, 0x5e));

/** Starts a port that the test is about. */
type Start = (options?: TestPortOptions) => Promise<TestPort>;

for (const workers of WORKERS) {
  const test = (name: string, run: (start: Start) => Promise<void>) =>
    Deno.test(`${named(workers)} ${name}`, () => run((options) => TestPort.start(workers, options)));
  calls(test);
  deadlines(test);
  limits(test);
  proxies(test);
  stops(test);
}

type Test = (name: string, run: (start: Start) => Promise<void>) => void;

function calls(test: Test): void {
  test("counts beats and outcomes, and starts all counters at 0", async (start) => {
    await using port = await start();
    assert.deepEqual(Object.values(port.stats.calls), [0, 0, 0, 0, 0]);
    assert.ok(Object.values(port.stats.refusals).every((count) => count === 0));
    using connection = await BeatConnection.open(port.address);
    await connection.call(AGENT);
    await connection.send(concat([wire.message(wire.struct()), wire.message(wire.struct(), { name: "other" })]));
    await connection.reply();
    await connection.reply();
    assert.equal(port.stats.beats, 1);
    const { answered, missing_info, unknown_method } = port.stats.calls;
    assert.deepEqual([answered, missing_info, unknown_method], [1, 1, 1]);
    assert.deepEqual({ ...port.stats.connections }, { open: 1, total: 1 });
    const measured = () => port.stats.latency.counts.reduce((sum, count) => sum + count);
    await waitFor(() => measured() === 3, { timeoutMs: 5_000, what: "three latencies" });
    assert.ok(port.stats.latency.sumMs > 0);
  });

  test("takes what an agent says to the fleet, in the order in which it came", async (start) => {
    await using port = await start();
    using connection = await BeatConnection.open(port.address);
    const infos = Array.from({ length: 500 }, (_, i) => ({ ...AGENT, asset: `CX${i}`, apps: `{"a":"${i} 资产"}` }));
    await connection.callAll(infos);
    await port.taken(500);
    assert.deepEqual(port.beats.map(({ beat }) => beat), infos);
  });

  test("writes replies far larger than a socket's buffer", async (start) => {
    await using port = await start({ catalog: catalogForAll({ app: "x".repeat(3_000_000) }) });
    using connection = await BeatConnection.open(port.address);
    for (const { text } of await connection.callAll([AGENT, AGENT])) {
      assert.equal(text, JSON.stringify({ data: { app: "x".repeat(3_000_000) } }));
    }
  });

  for (const { what, bytes, reason } of wire.badMessages()) {
    test(`counts ${what} as ${reason}`, async (start) => {
      await using port = await start();
      using connection = await BeatConnection.open(port.address);
      await connection.send(bytes).catch(() => {});
      await connection.closed();
      const counted = Object.entries(port.stats.refusals).filter(([, count]) => count > 0);
      assert.deepEqual(counted, [[reason, 1]]);
      assert.equal(port.stats.beats, 0);
    });
  }

  test("writes one log line for many bad peers, and none for those that just go away", async (start) => {
    await using port = await start();
    for (let peer = 0; peer < 30; peer++) {
      using connection = await BeatConnection.open(port.address);
      await connection.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      await connection.closed();
      using leaver = await BeatConnection.open(port.address);
      await leaver.send(beatCall(AGENT).subarray(0, 50));
    }
    const reset = connect(port.address.port, "127.0.0.1");
    await new Promise<void>((resolve) => reset.write(beatCall(AGENT).subarray(0, 50), () => resolve()));
    reset.resetAndDestroy();
    // Who has gone already may still wait to be accepted.
    const left = () => port.stats.refusals.truncated + port.stats.refusals.connection_lost;
    await waitFor(() => left() >= 31, { timeoutMs: 10_000, what: "those that went away to be counted" });
    await port.connectionsOpen(0);
    assert.deepEqual([port.stats.refusals.bad_header, left()], [30, 31]);
    // By then all is told.
    await port.port.stop(1_000);
    assert.equal(port.log.lines.length, 1, port.log.lines.join("\n"));
    assert.match(port.log.lines[0]!, /127\.0\.0\.1.*bad_header/);
  });
}

function deadlines(test: Test): void {
  test("closes a request that is not complete in time, however steadily it comes", async (start) => {
    await using port = await start({ requestTimeoutMs: 200 });
    using slow = await BeatConnection.open(port.address);
    const bytes = beatCall(AGENT);
    let sent = 0;
    const drip = setInterval(() => slow.send(bytes.subarray(sent, ++sent)).catch(() => {}), 20);
    await slow.closed().finally(() => clearInterval(drip));
    assert.ok(sent < bytes.length, `closed after ${sent} of ${bytes.length} bytes`);
    assert.equal(port.stats.refusals.request_timeout, 1);
    assert.equal(port.stats.beats, 0);
  });

  for (const type of [wire.CALL, wire.ONEWAY]) {
    test(`measures each request of a connection by itself, message type ${type}`, async (start) => {
      await using port = await start({ requestTimeoutMs: 300 });
      using connection = await BeatConnection.open(port.address);
      const bytes = wire.call([wire.text(2, AGENT.ip)], { type });
      // Each write ends one call and begins the next: no moment is idle, and all take longer than one call may.
      await connection.send(bytes.subarray(0, 40));
      for (let call = 1; call <= 12; call++) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        await connection.send(concat([bytes.subarray(40), bytes.subarray(0, 40)]));
        await port.taken(call);
      }
      assert.equal(port.stats.refusals.request_timeout, 0);
    });
  }

  test("closes connections that never send and those that send no more, and counts them", async (start) => {
    await using port = await start({ idleTimeoutMs: 150 });
    using silent = await BeatConnection.open(port.address);
    using former = await BeatConnection.open(port.address);
    await former.call(AGENT);
    await Promise.all([silent.closed(), former.closed()]);
    assert.equal(port.stats.refusals.idle_timeout, 2);
    await port.port.stop(1_000);
    assert.deepEqual(port.log.lines, []);
  });

  test("bounds a peer that pipelines calls and does not read the replies", async (start) => {
    const catalog = catalogForAll({ app: "x".repeat(30_000) });
    await using port = await start({ requestTimeoutMs: 200, catalog });
    using greedy = await BeatConnection.open(port.address);
    const calls = concat(Array.from({ length: 20_000 }, () => beatCall(AGENT)));
    const sent = greedy.send(calls).catch(() => {});
    await waitFor(() => port.stats.refusals.write_timeout === 1, { timeoutMs: 5_000, what: "the write deadline" });
    const taken = port.stats.beats;
    assert.ok(taken < 2_000, `${taken} calls were answered into nowhere`);
    using other = await BeatConnection.open(port.address);
    assert.ok((await other.call(AGENT)).text);
    greedy[Symbol.dispose]();
    await sent;
    assert.equal(port.stats.beats, taken + 1, "nothing more was read from it");
    other[Symbol.dispose]();
    await port.connectionsOpen(0);
  });
}

function limits(test: Test): void {
  test("closes connections above its limit at once and takes new ones when some have ended", async (start) => {
    await using port = await start({ maxConnections: 3 });
    const open = await Promise.all([1, 2, 3].map(() => BeatConnection.open(port.address)));
    await port.connectionsOpen(3);
    for (let tries = 0; tries < 5; tries++) {
      using refused = await BeatConnection.open(port.address);
      assert.equal((await refused.closed()).length, 0);
    }
    assert.equal(port.stats.refusals.too_many_connections, 5);
    assert.equal((await open[0]!.call(AGENT)).text, '{"data":{}}');
    for (const connection of open) connection[Symbol.dispose]();
    await port.connectionsOpen(0);
    await beat(port.address, AGENT);
    await port.port.stop(1_000);
    assert.equal(port.log.matching(/too_many_connections/).length, 1);
  });

  test("limits the connections of one address, but not those of proxies", async (start) => {
    await using port = await start({ maxConnectionsPerIp: 2, proxies: new Cidrs("127.0.0.3") });
    await using clients = new AsyncDisposableStack();
    const connectFrom = (localAddress: string) => {
      const socket = connect({ port: port.address.port, host: "127.0.0.1", localAddress });
      clients.defer(() => void socket.destroy());
      return socket;
    };
    for (const address of ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3"]) {
      await connected(connectFrom(address));
    }
    await port.connectionsOpen(6);
    await ended(connectFrom("127.0.0.1"));
    assert.equal(port.stats.refusals.too_many_connections_of_address, 1);
    assert.equal(port.stats.connections.open, 6);
    await connected(connectFrom("127.0.0.2"));
    await port.connectionsOpen(7);
  });

  test("takes beats only from the addresses it is told", async (start) => {
    await using port = await start({ allow: CLIENT, proxies: NOBODY });
    using connection = await BeatConnection.open(port.address);
    await connection.closed();
    assert.equal(port.stats.refusals.not_allowed, 1);
  });
}

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().on("error", () => {}).once("close", () => resolve()));
}

function proxies(test: Test): void {
  for (const [version, header] of [CLIENT_1, CLIENT_2].entries()) {
    test(`takes the client's address from a proxy, PROXY protocol ${version + 1}`, async (start) => {
      await using port = await start({ allow: CLIENT });
      for (const pieces of [1, 100]) {
        using connection = await BeatConnection.open(port.address);
        await connection.send(concat([header, beatCall(AGENT)]), { pieces });
        assert.equal((await connection.reply()).text, '{"data":{}}');
        await connection.call(AGENT);
      }
      await port.taken(4);
      assert.deepEqual(port.beats.map(({ peer }) => peer), ["10.7.7.7", "10.7.7.7", "10.7.7.7", "10.7.7.7"]);
      using direct = await BeatConnection.open(port.address);
      await direct.send(beatCall(AGENT));
      await direct.closed();
      assert.equal(port.stats.refusals.not_allowed, 1, "without a header the proxy's own address counts");
    });

    test(`believes PROXY protocol ${version + 1} from nobody else`, async (start) => {
      await using port = await start({ proxies: NOBODY });
      using connection = await BeatConnection.open(port.address);
      await connection.send(concat([header, beatCall(AGENT)])).catch(() => {});
      await connection.closed();
      assert.equal(port.stats.refusals.bad_header, 1);
      assert.equal(port.stats.beats, 0);
    });
  }

  test("knows no agent's address behind a proxy without a header, and closes on a bad one", async (start) => {
    await using port = await start();
    await beat(port.address, AGENT);
    await port.taken(1);
    assert.equal(port.beats[0]?.peer, undefined);
    using connection = await BeatConnection.open(port.address);
    await connection.send(new TextEncoder().encode("PROXY TCP4 nonsense\r\n"));
    await connection.closed();
    assert.equal(port.stats.refusals.bad_proxy_header, 1);
  });

  test("closes a proxy that stops in the middle of its header", async (start) => {
    await using port = await start({ requestTimeoutMs: 100 });
    using connection = await BeatConnection.open(port.address);
    await connection.send(CLIENT_2.subarray(0, 20));
    await connection.closed();
    assert.equal(port.stats.refusals.request_timeout, 1);
  });
}

function stops(test: Test): void {
  test("stop closes idle connections, lets a begun request end, and frees the port", async (start) => {
    await using port = await start();
    const { address } = port;
    using idle = await BeatConnection.open(address);
    using kept = await BeatConnection.open(address);
    await kept.call(AGENT);
    using begun = await BeatConnection.open(address);
    const bytes = beatCall(AGENT);
    await begun.send(concat([bytes, bytes.subarray(0, 60)]));
    await begun.reply();
    const stopped = port.port.stop(5_000);
    await Promise.all([idle.closed(), kept.closed()]);
    await begun.send(bytes.subarray(60));
    assert.equal((await begun.reply()).text, '{"data":{}}');
    assert.equal((await begun.closed()).length, 0);
    await stopped;
    assert.equal(port.stats.connections.open, 0);
    Deno.listen(address).close();
  });

  test("stop cuts what does not end in time, and a second stop waits for the first", async (start) => {
    await using port = await start();
    using begun = await BeatConnection.open(port.address);
    await begun.send(beatCall(AGENT).subarray(0, 60));
    await port.connectionsOpen(1);
    await Promise.all([port.port.stop(50), port.port.stop(60_000)]);
    await begun.closed();
  });

  test("stop leaves no beat on the way that was answered", async (start) => {
    await using port = await start();
    const connections = await Promise.all([1, 2, 3, 4].map(() => BeatConnection.open(port.address)));
    await Promise.all(connections.map((connection) => connection.callAll(Array(250).fill(AGENT))));
    await port.port.stop(1_000);
    assert.equal(port.beats.length, 1_000);
    for (const connection of connections) connection[Symbol.dispose]();
  });

  test("says which port is in use and which setting changes it", async (start) => {
    await using port = await start();
    const { port: number } = port.address;
    await assert.rejects(async () => await start({ port: number }), (error: Error) => {
      assert.match(error.message, new RegExp(`^beat port 127.0.0.1:${number} is in use \\(thrift.heartbeat.port\\)`));
      assert.ok(error.cause instanceof Deno.errors.AddrInUse);
      return true;
    });
    assert.equal((await beat(port.address, AGENT)).text, '{"data":{}}');
  });
}
