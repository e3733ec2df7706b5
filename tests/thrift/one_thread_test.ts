import assert from "node:assert/strict";
import { FaultLog } from "../../src/log.ts";
import { BeatServer } from "../../src/thrift/server.ts";
import { type AgentInfo, ApplicationError, ApplicationErrorType } from "../../src/thrift/service.ts";
import { beat, beatCall, BeatConnection, type BeatInfo, concat } from "../support/beat_client.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import * as wire from "./messages.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };
const APPS = new TextEncoder().encode('{"data":{}}');

/** A server on a free port, its log and the beats it took. */
class TestServer implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly beats: { info: AgentInfo; peer: string | undefined }[] = [];
  readonly server: BeatServer;
  /** What the handler does after taking a beat; replaced by tests. */
  answer: () => Uint8Array | Promise<Uint8Array> = () => APPS;

  constructor() {
    const service = {
      heartbeatPackage: (info: AgentInfo, peer: string | undefined) => {
        this.beats.push({ info, peer });
        return this.answer();
      },
    };
    const faults = new FaultLog(this.log.logger, () => performance.now());
    this.server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0 });
    this.server.listen();
  }

  get address() {
    return this.server.address;
  }

  get stats() {
    return this.server.stats;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(1_000);
    this.log[Symbol.dispose]();
  }
}

Deno.test("BeatServer answers what the service throws, and keeps the connection", async () => {
  await using test = new TestServer();
  using connection = await BeatConnection.open(test.address);
  test.answer = () => {
    throw new ApplicationError(ApplicationErrorType.PROTOCOL_ERROR, "no ip: 资产");
  };
  assert.deepEqual((await connection.call(AGENT)).exception, { type: 7, message: "no ip: 资产" });
  test.answer = () => {
    throw new Error("a secret detail");
  };
  for (let call = 0; call < 3; call++) {
    assert.deepEqual((await connection.call(AGENT)).exception, { type: 6, message: "internal error" });
  }
  test.answer = () => APPS;
  assert.equal((await connection.call(AGENT)).text, '{"data":{}}');
  assert.equal(test.log.matching(/a secret detail/).length, 1, "one line for a fault that repeats");
  const { refused, internal_error } = test.stats.calls;
  assert.deepEqual([refused, internal_error], [1, 3]);
});

Deno.test("BeatServer handles oneway calls, also those that fail, without a reply", async () => {
  await using test = new TestServer();
  using connection = await BeatConnection.open(test.address);
  test.answer = () => {
    throw new Error("fails");
  };
  const oneway = wire.call([wire.text(2, "10.0.0.1")], { type: wire.ONEWAY });
  await connection.send(concat([oneway, wire.message(wire.struct(), { name: "other", seqid: 8 })]));
  assert.equal((await connection.reply()).seqid, 8);
  assert.equal(test.beats[0]?.info.ip, "10.0.0.1");
});

for (const [what, makes] of [["at once", false], ["later", true]] as const) {
  Deno.test(`BeatServer answers pipelined calls in order, some of which are answered ${what}`, async () => {
    await using test = new TestServer();
    test.answer = () => {
      const number = test.beats.length;
      const text = new TextEncoder().encode(`{"data":{"n":"${number}"}}`);
      if (!makes || number % 3 > 0) return text;
      if (number % 6 === 0) return Promise.reject(new ApplicationError(ApplicationErrorType.INTERNAL_ERROR, "full"));
      return new Promise((resolve) => setTimeout(() => resolve(text), number % 4));
    };
    using connection = await BeatConnection.open(test.address);
    const replies = await connection.callAll(Array(60).fill(AGENT));
    const expected = replies.map((_, i) => makes && (i + 1) % 6 === 0 ? "full" : `{"data":{"n":"${i + 1}"}}`);
    assert.deepEqual(replies.map(({ text, exception }) => text ?? exception?.message), expected);
    const { answered, refused } = test.stats.calls;
    assert.deepEqual([answered, refused], makes ? [50, 10] : [60, 0]);
    assert.equal(test.stats.latency.counts.reduce((sum, count) => sum + count), 60);
  });
}

Deno.test("BeatServer stop waits for a reply that is still to come", async () => {
  await using test = new TestServer();
  let answer: (text: Uint8Array) => void = () => {};
  test.answer = () => new Promise((resolve) => answer = resolve);
  using connection = await BeatConnection.open(test.address);
  const reply = connection.call(AGENT);
  await waitFor(() => test.beats.length === 1, { timeoutMs: 5_000, what: "the beat" });
  const stopped = test.server.stop(5_000);
  answer(APPS);
  assert.equal((await reply).text, '{"data":{}}');
  await stopped;
});

Deno.test("BeatServer serves others between the calls of a connection that pipelines without end", async () => {
  await using test = new TestServer();
  using busy = await BeatConnection.open(test.address);
  using other = await BeatConnection.open(test.address);
  await Promise.all([busy.call(AGENT), other.call(AGENT)]);
  let sent: Promise<void> | undefined;
  test.answer = () => {
    if (test.beats.length > 10) sent ??= other.send(beatCall({ ...AGENT, ip: "10.9.9.9" }));
    return APPS;
  };
  // More than the server reads at once, and less than its socket holds of replies that nobody reads.
  const flood = busy.send(concat(Array.from({ length: 12_000 }, () => beatCall(AGENT))));
  await other.reply();
  const position = test.beats.findIndex(({ info }) => info.ip === "10.9.9.9");
  assert.ok(position < 1_500, `served as number ${position} of 12,001`);
  await flood;
  await sent;
});

/** Connects and resets at once, in Perl (part of every Debian), since Deno cannot set SO_LINGER. */
const RESETS = `use IO::Socket::INET; use Socket qw(SOL_SOCKET SO_LINGER); for (1 .. $ARGV[1]) {
  my $peer = IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => $ARGV[0]) or die $!;
  setsockopt($peer, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0)) or die $!; close $peer; }`;

Deno.test("BeatServer serves others at once behind peers that were reset before they are accepted", async () => {
  await using test = new TestServer();
  // This thread accepts nobody meanwhile.
  const { success } = new Deno.Command("perl", { args: ["-e", RESETS, String(test.address.port), "60"] }).outputSync();
  assert.ok(success);
  // The agent waits 5 s; each of the others used to cost it 0.1 s.
  assert.equal((await beat(test.address, AGENT)).text, '{"data":{}}');
  assert.ok(test.stats.refusals.connection_lost > 50);
  assert.deepEqual(test.log.lines, []);
});
