import assert from "node:assert/strict";
import { beat, beatCall, BeatConnection, type BeatInfo, type BeatReply, concat } from "../support/beat_client.ts";
import * as wire from "./messages.ts";
import { NpmClient } from "./npm_client.ts";

/** Something that serves the beat port with default limits, and from which agents get a map of apps. */
export interface WireTarget {
  /** Begins the names of the tests. */
  readonly name: string;
  start(): Promise<WireServer>;
}

/** A running target. */
export interface WireServer extends AsyncDisposable {
  readonly hostname: string;
  readonly port: number;
  /** The beat that the target took last, when the test can see into it. */
  lastBeat?(): Promise<BeatInfo | undefined>;
}

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: '{"testApp":"1.0.1"}' };
/** In how many pieces agents write a call (PROTOCOL.md section 1). */
const AGENT_WRITES = 28;
const IDLE_CONNECTIONS = 5_000;

/** The wire-level tests of the beat port, for any target. */
export function wireTests(target: WireTarget): void {
  const test = (name: string, run: (server: WireServer) => Promise<void>) =>
    Deno.test(`${target.name} ${name}`, async () => {
      await using server = await target.start();
      await run(server);
    });
  goodCalls(test);
  npmClient(test);
  oddCalls(test);
  badBytes(test);
  manyConnections(test);
}

type Test = (name: string, run: (server: WireServer) => Promise<void>) => void;

function assertAnswered({ text, exception }: BeatReply): void {
  assert.equal(exception, undefined);
  assertApps(text);
}

function assertApps(text: string | undefined): void {
  const { data } = JSON.parse(text ?? "null");
  assert.equal(typeof data, "object");
  assert.ok(Object.values(data).every((version) => typeof version === "string"), text);
}

async function assertSeen(server: WireServer, info: BeatInfo): Promise<void> {
  if (server.lastBeat !== undefined) assert.deepEqual(await server.lastBeat(), info);
}

/** That a well-behaved agent is served, whatever others did. */
async function assertServes(server: WireServer): Promise<void> {
  assertAnswered(await beat(server, AGENT, { pieces: AGENT_WRITES }));
}

function goodCalls(test: Test): void {
  for (const pieces of [1, AGENT_WRITES, 1_000]) {
    test(`answers a beat in ${pieces} writes`, async (server) => {
      assertAnswered(await beat(server, AGENT, { pieces }));
      await assertSeen(server, AGENT);
    });
  }

  test("answers call after call on a kept connection", async (server) => {
    using connection = await BeatConnection.open(server);
    for (let call = 0; call < 100; call++) assertAnswered(await connection.call(AGENT));
  });

  test("answers 2,000 pipelined calls in order", async (server) => {
    using connection = await BeatConnection.open(server);
    const replies = await connection.callAll(Array.from({ length: 2_000 }, () => AGENT));
    for (const reply of replies) assertAnswered(reply);
  });

  test("answers pipelined calls that are cut anywhere", async (server) => {
    using connection = await BeatConnection.open(server);
    const calls = Array.from({ length: 20 }, (_, index) => beatCall({ ...AGENT, seqid: index }));
    await connection.send(concat(calls), { pieces: 333 });
    for (let seqid = 0; seqid < 20; seqid++) assert.equal((await connection.reply()).seqid, seqid);
  });

  test("answers a client that has closed its sending side", async (server) => {
    using connection = await BeatConnection.open(server);
    await connection.send(concat([beatCall({ ...AGENT, seqid: 1 }), beatCall({ ...AGENT, seqid: 2 })]));
    await connection.closeWrite();
    assertAnswered(await connection.reply());
    assertAnswered(await connection.reply());
    assert.equal((await connection.closed()).length, 0);
  });

  test("takes a call close to the limits", async (server) => {
    const apps = `{"a":"${"x".repeat(32_000)}"}`;
    assertAnswered(await beat(server, { ...AGENT, apps }, { pieces: 50 }));
    await assertSeen(server, { ...AGENT, apps });
  });
}

function npmClient(test: Test): void {
  test("answers npm:thrift", async (server) => {
    await using client = new NpmClient(server);
    const info = { ...AGENT, asset: "资产-1 \u{1f600}" };
    assertApps(await client.beat(info));
    await assertSeen(server, info);
  });

  test("answers npm:thrift with the non-strict header", async (server) => {
    await using client = new NpmClient(server, { strict: false });
    assertApps(await client.beat(AGENT));
    await assertSeen(server, AGENT);
  });

  test("answers pipelined calls of npm:thrift", async (server) => {
    await using client = new NpmClient(server);
    const texts = await Promise.all(Array.from({ length: 200 }, () => client.beat(AGENT)));
    texts.forEach(assertApps);
  });

  test("answers npm:thrift with exceptions and keeps the connection", async (server) => {
    await using client = new NpmClient(server);
    await assert.rejects(client.call("agentCount"), { name: "TApplicationException", type: 1 });
    await assert.rejects(client.call("heartbeatPackage"), { name: "TApplicationException", type: 7 });
    assertApps(await client.beat(AGENT));
  });
}

function oddCalls(test: Test): void {
  const exchange = async (server: WireServer, bytes: Uint8Array): Promise<BeatReply> => {
    using connection = await BeatConnection.open(server);
    await connection.send(bytes);
    const reply = await connection.reply();
    assertAnswered(await connection.call(AGENT));
    return reply;
  };
  const ip = wire.text(2, AGENT.ip);

  test("echoes method and seqid", async (server) => {
    for (const seqid of [0, -1, 0x7fffffff, -0x80000000]) {
      const { text: _, ...reply } = await exchange(server, beatCall({ ...AGENT, seqid }));
      assert.deepEqual(reply, { method: "heartbeatPackage", seqid });
    }
  });

  test("answers the non-strict header with the strict one", async (server) => {
    assertAnswered(await exchange(server, beatCall({ ...AGENT, strict: false })));
  });

  test("answers the old IDL", async (server) => {
    const old = [wire.field(wire.I32, 1, wire.i32(4711)), ip, wire.text(3, AGENT.apps)];
    assertAnswered(await exchange(server, wire.call(old)));
  });

  test("skips unknown fields of every type", async (server) => {
    const unknown = wire.unknownFields();
    assertAnswered(await exchange(server, wire.call([...unknown.slice(0, 8), ip, ...unknown.slice(8)])));
  });

  test("answers an unknown method with exception 1 and reads on behind its arguments", async (server) => {
    const args = wire.struct(...wire.unknownFields());
    const { exception, ...reply } = await exchange(server, wire.message(args, { name: "other:method", seqid: 9 }));
    assert.deepEqual(reply, { method: "other:method", seqid: 9 });
    assert.equal(exception?.type, 1);
  });

  test("answers a missing info and an ip of another type with exception 7", async (server) => {
    const noIp = [wire.text(1, "CX1"), wire.field(wire.I32, 2, wire.i32(1))];
    for (const bytes of [wire.message(wire.struct()), wire.call(noIp), wire.call([])]) {
      assert.equal((await exchange(server, bytes)).exception?.type, 7);
    }
  });

  test("takes a oneway call without a reply", async (server) => {
    const oneway = (name: string) => wire.message(wire.struct(), { name, type: wire.ONEWAY });
    const taken = wire.call([ip], { type: wire.ONEWAY, seqid: 77 });
    const bytes = concat([taken, oneway("heartbeatPackage"), oneway("other"), beatCall({ ...AGENT, seqid: 78 })]);
    assert.equal((await exchange(server, bytes)).seqid, 78);
  });
}

function badBytes(test: Test): void {
  test("closes on each bad message, answers the good call before it, and serves on", async (server) => {
    for (const { what, bytes } of wire.badMessages()) {
      using connection = await BeatConnection.open(server);
      await connection.send(concat([beatCall({ ...AGENT, seqid: 5 }), bytes])).catch(assertReset);
      assert.equal((await connection.reply()).seqid, 5, what);
      assert.equal((await connection.closed()).length, 0, `${what} is not answered`);
    }
    await assertServes(server);
  });

  test("serves on after clients that leave in the middle of a call", async (server) => {
    const bytes = beatCall(AGENT);
    for (let length = 0; length < bytes.length; length += 7) {
      using connection = await BeatConnection.open(server);
      await connection.send(bytes.subarray(0, length));
    }
    await assertServes(server);
  });

  test("serves on after clients that never read their replies", async (server) => {
    const bytes = concat(Array.from({ length: 50 }, () => beatCall(AGENT)));
    for (let client = 0; client < 50; client++) {
      using connection = await BeatConnection.open(server);
      await connection.send(bytes);
    }
    await assertServes(server);
  });
}

/** A server that closed before it had read everything resets the connection; the sender may see that first. */
function assertReset(error: unknown): void {
  assert.ok(error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe, String(error));
}

function manyConnections(test: Test): void {
  test(`serves agents beside ${IDLE_CONNECTIONS} idle connections`, async (server) => {
    await using idle = new AsyncDisposableStack();
    for (let opened = 0; opened < IDLE_CONNECTIONS; opened += 100) {
      const connections = await Promise.all(Array.from({ length: 100 }, () => BeatConnection.open(server)));
      for (const connection of connections) idle.use(connection);
      // Connections are accepted in order, so none of them is left in the listen backlog, which holds 128 in Deno 2.4.
      await assertServes(server);
    }
  });
}
