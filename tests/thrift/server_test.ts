import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { FaultLog } from "../../src/log.ts";
import { BeatServer, type BeatServerOptions } from "../../src/thrift/server.ts";
import { type AgentInfo, ApplicationError, ApplicationErrorType } from "../../src/thrift/service.ts";
import { beat, beatCall, BeatConnection, type BeatInfo, concat } from "../support/beat_client.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import * as wire from "./messages.ts";
import { proxyHeader2 } from "./proxy_headers.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };
const APPS = new TextEncoder().encode('{"data":{}}');
const NOBODY = { has: () => false };

/** A server on a free port, its log and the beats it took. */
class TestServer implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly beats: { info: AgentInfo; peer: string | undefined }[] = [];
  readonly server: BeatServer;
  /** What the handler does after taking a beat; replaced by tests. */
  answer: () => Uint8Array = () => APPS;

  constructor(options: Partial<BeatServerOptions> = {}) {
    const service = {
      heartbeatPackage: (info: AgentInfo, peer: string | undefined) => {
        this.beats.push({ info, peer });
        return this.answer();
      },
    };
    const faults = new FaultLog(this.log.logger, () => performance.now());
    this.server = new BeatServer(service, faults, { hostname: "127.0.0.1", port: 0, ...options });
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

async function connectionsOpen(test: TestServer, count: number): Promise<void> {
  const what = `${count} open connections`;
  await waitFor(() => test.stats.connections.open === count, { timeoutMs: 5_000, what });
}

Deno.test("BeatServer counts beats and outcomes, and starts all counters at 0", async () => {
  await using test = new TestServer();
  assert.deepEqual(Object.values(test.stats.calls), [0, 0, 0, 0, 0]);
  assert.ok(Object.values(test.stats.refusals).every((count) => count === 0));
  using connection = await BeatConnection.open(test.address);
  await connection.call(AGENT);
  await connection.send(concat([wire.message(wire.struct()), wire.message(wire.struct(), { name: "other" })]));
  await connection.reply();
  await connection.reply();
  assert.equal(test.stats.beats, 1);
  const { answered, missing_info, unknown_method } = test.stats.calls;
  assert.deepEqual([answered, missing_info, unknown_method], [1, 1, 1]);
  assert.deepEqual({ ...test.stats.connections }, { open: 1, total: 1 });
});

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

Deno.test("BeatServer writes replies far larger than a socket's buffer", async () => {
  await using test = new TestServer();
  const large = new TextEncoder().encode(JSON.stringify({ data: { app: "x".repeat(3_000_000) } }));
  test.answer = () => large;
  using connection = await BeatConnection.open(test.address);
  for (const reply of await connection.callAll([AGENT, AGENT])) assert.equal(reply.text?.length, large.length);
});

for (const { what, bytes, reason } of wire.badMessages()) {
  Deno.test(`BeatServer counts ${what} as ${reason}`, async () => {
    await using test = new TestServer();
    using connection = await BeatConnection.open(test.address);
    await connection.send(bytes).catch(() => {});
    await connection.closed();
    const counted = Object.entries(test.stats.refusals).filter(([, count]) => count > 0);
    assert.deepEqual(counted, [[reason, 1]]);
    assert.equal(test.beats.length, 0);
  });
}

Deno.test("BeatServer writes one log line for many bad peers, and none for those that just go away", async () => {
  await using test = new TestServer();
  for (let peer = 0; peer < 30; peer++) {
    using connection = await BeatConnection.open(test.address);
    await connection.send(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
    await connection.closed();
    using leaver = await BeatConnection.open(test.address);
    await leaver.send(beatCall(AGENT).subarray(0, 50));
  }
  const reset = connect(test.address.port, "127.0.0.1");
  await new Promise<void>((resolve) => reset.write(beatCall(AGENT).subarray(0, 50), () => resolve()));
  reset.resetAndDestroy();
  await connectionsOpen(test, 0);
  assert.equal(test.stats.refusals.bad_header, 30);
  assert.equal(test.stats.refusals.truncated + test.stats.refusals.connection_lost, 31);
  assert.equal(test.log.lines.length, 1, test.log.lines.join("\n"));
  assert.match(test.log.lines[0]!, /127\.0\.0\.1.*bad_header/);
});

Deno.test("BeatServer closes a request that is not complete in time, however steadily it comes", async () => {
  await using test = new TestServer({ requestTimeoutMs: 200 });
  using slow = await BeatConnection.open(test.address);
  const bytes = beatCall(AGENT);
  let sent = 0;
  const drip = setInterval(() => slow.send(bytes.subarray(sent, ++sent)).catch(() => {}), 20);
  await slow.closed().finally(() => clearInterval(drip));
  assert.ok(sent < bytes.length, `closed after ${sent} of ${bytes.length} bytes`);
  assert.equal(test.stats.refusals.request_timeout, 1);
  assert.equal(test.beats.length, 0);
});

for (const type of [wire.CALL, wire.ONEWAY]) {
  Deno.test(`BeatServer measures each request of a connection by itself, message type ${type}`, async () => {
    await using test = new TestServer({ requestTimeoutMs: 300 });
    using connection = await BeatConnection.open(test.address);
    const bytes = wire.call([wire.text(2, AGENT.ip)], { type });
    // Each write ends one call and begins the next: no moment is idle, and all take longer than one call may.
    await connection.send(bytes.subarray(0, 40));
    for (let call = 1; call <= 12; call++) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      await connection.send(concat([bytes.subarray(40), bytes.subarray(0, 40)]));
      await waitFor(() => test.beats.length === call, { timeoutMs: 5_000, what: `beat ${call}` });
    }
    assert.equal(test.stats.refusals.request_timeout, 0);
  });
}

Deno.test("BeatServer closes connections that never send and those that send no more, and counts them", async () => {
  await using test = new TestServer({ idleTimeoutMs: 150 });
  using silent = await BeatConnection.open(test.address);
  using former = await BeatConnection.open(test.address);
  await former.call(AGENT);
  await Promise.all([silent.closed(), former.closed()]);
  assert.equal(test.stats.refusals.idle_timeout, 2);
  assert.deepEqual(test.log.lines, []);
});

Deno.test("BeatServer bounds a peer that pipelines calls and does not read the replies", async () => {
  await using test = new TestServer({ requestTimeoutMs: 200 });
  const reply = new Uint8Array(30_000).fill(0x20);
  test.answer = () => reply;
  using greedy = await BeatConnection.open(test.address);
  const calls = concat(Array.from({ length: 20_000 }, () => beatCall(AGENT)));
  const sent = greedy.send(calls).catch(() => {});
  await waitFor(() => test.stats.refusals.write_timeout === 1, { timeoutMs: 5_000, what: "the write deadline" });
  const taken = test.beats.length;
  assert.ok(taken < 2_000, `${taken} calls were answered into nowhere`);
  using other = await BeatConnection.open(test.address);
  assert.equal((await other.call(AGENT)).text?.length, reply.length);
  greedy[Symbol.dispose]();
  await sent;
  assert.equal(test.beats.length, taken + 1, "nothing more was read from it");
  other[Symbol.dispose]();
  await connectionsOpen(test, 0);
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

Deno.test("BeatServer closes connections above its limit at once and takes new ones when some have ended", async () => {
  await using test = new TestServer({ maxConnections: 3 });
  const open = await Promise.all([1, 2, 3].map(() => BeatConnection.open(test.address)));
  await connectionsOpen(test, 3);
  for (let tries = 0; tries < 5; tries++) {
    using refused = await BeatConnection.open(test.address);
    assert.equal((await refused.closed()).length, 0);
  }
  assert.equal(test.stats.refusals.too_many_connections, 5);
  assert.equal(test.log.matching(/too_many_connections/).length, 1);
  assert.equal((await open[0]!.call(AGENT)).text, '{"data":{}}');
  for (const connection of open) connection[Symbol.dispose]();
  await connectionsOpen(test, 0);
  await beat(test.address, AGENT);
});

Deno.test("BeatServer limits the connections of one address, but not those of proxies", async () => {
  const proxies = { has: (address: string) => address === "127.0.0.3" };
  await using test = new TestServer({ maxConnectionsPerIp: 2, proxies });
  await using clients = new AsyncDisposableStack();
  const connectFrom = (localAddress: string) => {
    const socket = connect({ port: test.address.port, host: "127.0.0.1", localAddress });
    clients.defer(() => void socket.destroy());
    return socket;
  };
  for (const address of ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.3"]) {
    await connected(connectFrom(address));
  }
  await connectionsOpen(test, 6);
  await ended(connectFrom("127.0.0.1"));
  assert.equal(test.stats.refusals.too_many_connections_of_address, 1);
  assert.equal(test.stats.connections.open, 6);
  await connected(connectFrom("127.0.0.2"));
  await connectionsOpen(test, 7);
});

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
}

function ended(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.resume().on("error", () => {}).once("close", () => resolve()));
}

Deno.test("BeatServer takes beats only from the addresses it is told", async () => {
  await using test = new TestServer({ allow: { has: (address) => address === "10.7.7.7" }, proxies: NOBODY });
  using connection = await BeatConnection.open(test.address);
  await connection.closed();
  assert.equal(test.stats.refusals.not_allowed, 1);
});

const CLIENT_1 = new TextEncoder().encode("PROXY TCP4 10.7.7.7 10.0.0.1 40000 11102\r\n");
const CLIENT_2 = proxyHeader2(1, 0x11, Uint8Array.of(10, 7, 7, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x2b, 0x5e));

for (const [version, header] of [CLIENT_1, CLIENT_2].entries()) {
  Deno.test(`BeatServer takes the client's address from a proxy, PROXY protocol ${version + 1}`, async () => {
    await using test = new TestServer({ allow: { has: (address) => address === "10.7.7.7" } });
    for (const pieces of [1, 100]) {
      using connection = await BeatConnection.open(test.address);
      await connection.send(concat([header, beatCall(AGENT)]), { pieces });
      assert.equal((await connection.reply()).text, '{"data":{}}');
      await connection.call(AGENT);
    }
    assert.deepEqual(test.beats.map(({ peer }) => peer), ["10.7.7.7", "10.7.7.7", "10.7.7.7", "10.7.7.7"]);
    using direct = await BeatConnection.open(test.address);
    await direct.send(beatCall(AGENT));
    await direct.closed();
    assert.equal(test.stats.refusals.not_allowed, 1, "without a header the proxy's own address counts");
  });

  Deno.test(`BeatServer believes PROXY protocol ${version + 1} from nobody else`, async () => {
    await using test = new TestServer({ proxies: NOBODY });
    using connection = await BeatConnection.open(test.address);
    await connection.send(concat([header, beatCall(AGENT)])).catch(() => {});
    await connection.closed();
    assert.equal(test.stats.refusals.bad_header, 1);
    assert.equal(test.beats.length, 0);
  });
}

Deno.test("BeatServer knows no agent's address behind a proxy without a header, and closes on a bad one", async () => {
  await using test = new TestServer();
  await beat(test.address, AGENT);
  assert.equal(test.beats.length, 1);
  assert.equal(test.beats[0]?.peer, undefined);
  using connection = await BeatConnection.open(test.address);
  await connection.send(new TextEncoder().encode("PROXY TCP4 nonsense\r\n"));
  await connection.closed();
  assert.equal(test.stats.refusals.bad_proxy_header, 1);
});

Deno.test("BeatServer closes a proxy that stops in the middle of its header", async () => {
  await using test = new TestServer({ requestTimeoutMs: 100 });
  using connection = await BeatConnection.open(test.address);
  await connection.send(CLIENT_2.subarray(0, 20));
  await connection.closed();
  assert.equal(test.stats.refusals.request_timeout, 1);
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

Deno.test("BeatServer stop closes idle connections, lets a begun request end, and frees the port", async () => {
  await using test = new TestServer();
  const { address } = test;
  using idle = await BeatConnection.open(address);
  using kept = await BeatConnection.open(address);
  await kept.call(AGENT);
  using begun = await BeatConnection.open(address);
  const bytes = beatCall(AGENT);
  await begun.send(concat([bytes, bytes.subarray(0, 60)]));
  await begun.reply();
  const stopped = test.server.stop(5_000);
  await Promise.all([idle.closed(), kept.closed()]);
  await begun.send(bytes.subarray(60));
  assert.equal((await begun.reply()).text, '{"data":{}}');
  assert.equal((await begun.closed()).length, 0);
  await stopped;
  assert.equal(test.stats.connections.open, 0);
  Deno.listen(address).close();
});

Deno.test("BeatServer stop cuts what does not end in time, and a second stop waits for the first", async () => {
  await using test = new TestServer();
  using begun = await BeatConnection.open(test.address);
  await begun.send(beatCall(AGENT).subarray(0, 60));
  await connectionsOpen(test, 1);
  await Promise.all([test.server.stop(50), test.server.stop(60_000)]);
  await begun.closed();
});

Deno.test("BeatServer says which port is in use and which setting changes it", async () => {
  await using test = new TestServer();
  const { port } = test.address;
  const faults = new FaultLog(test.log.logger, () => performance.now());
  const second = new BeatServer({ heartbeatPackage: () => APPS }, faults, { hostname: "127.0.0.1", port });
  assert.throws(() => second.listen(), (error: Error) => {
    assert.match(error.message, new RegExp(`^beat port 127.0.0.1:${port} is in use \\(thrift.heartbeat.port\\)`));
    assert.ok(error.cause instanceof Deno.errors.AddrInUse);
    return true;
  });
  await second.stop(0);
});

Deno.test("BeatServer keeps accepting after it ran out of file descriptors", async () => {
  const script = new URL("./few_files_server.ts", import.meta.url).pathname;
  const command = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 48; exec "$0" run --no-prompt --allow-net "$1"', Deno.execPath(), script],
    stdin: "piped",
    stdout: "piped",
  });
  const child = command.spawn();
  const output = new Output(child.stdout);
  try {
    const port = Number(await output.until(/^listening (\d+)$/m));
    const address = { hostname: "127.0.0.1", port };
    const connections = await Promise.all(Array.from({ length: 60 }, () => BeatConnection.open(address)));
    await output.until(/(cannot accept connections.*)$/m);
    for (const connection of connections) connection[Symbol.dispose]();
    assert.equal((await beat(address, AGENT)).text, '{"data":{}}');
  } finally {
    await child.stdin.close();
    await output.end();
    await child.status;
  }
});

/** What a child process prints. */
class Output {
  #text = "";
  readonly #ended: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#ended = this.#collect(stream);
  }

  /** Waits until the output matches; returns the first group. */
  until(pattern: RegExp): Promise<string> {
    return waitFor(() => pattern.exec(this.#text)?.[1], { timeoutMs: 20_000, what: String(pattern) });
  }

  /** Waits for the end of the output. */
  end(): Promise<void> {
    return this.#ended;
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#text += text;
  }
}
