import assert from "node:assert/strict";
import { FaultLog } from "../../src/log.ts";
import { BeatServer, type BeatServerOptions } from "../../src/thrift/server.ts";
import { beat, beatCall, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { TlsBalancer } from "../support/haproxy.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { TlsFiles } from "../support/tls_files.ts";
import { waitFor } from "../support/wait_for.ts";
import { NpmClient } from "./npm_client.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };

/** A server with both ports, and the peers whose beats it took. */
class TlsServer implements AsyncDisposable {
  readonly peers: (string | undefined)[] = [];
  readonly log = new MemoryLog();
  readonly server: BeatServer;

  constructor(files: TlsFiles, options: Partial<BeatServerOptions> = {}) {
    const heartbeatPackage = (_: unknown, peer: string | undefined) => {
      this.peers.push(peer);
      return new TextEncoder().encode('{"data":{}}');
    };
    const faults = new FaultLog(this.log.logger, () => performance.now());
    const tls = { hostname: "127.0.0.1", port: 0, certificate: certificateOf(files) };
    this.server = new BeatServer({ heartbeatPackage }, faults, { hostname: "127.0.0.1", port: 0, tls, ...options });
    this.server.listen();
  }

  get tlsAddress() {
    const address = this.server.tlsAddress;
    assert.ok(address);
    return address;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(1_000);
    this.log[Symbol.dispose]();
  }
}

function certificateOf({ certificate, key }: TlsFiles) {
  return { cert: Deno.readTextFileSync(certificate), key: Deno.readTextFileSync(key) };
}

function authorityOf(files: TlsFiles): string {
  return Deno.readTextFileSync(files.authority);
}

async function refused(test: TlsServer, reason: keyof BeatServer["stats"]["refusals"]): Promise<void> {
  await waitFor(() => test.server.stats.refusals[reason] > 0, { timeoutMs: 10_000, what: `a refusal: ${reason}` });
}

Deno.test("BeatServer answers npm:thrift over TLS and plain agents beside it", async () => {
  await using files = await TlsFiles.make();
  await using test = new TlsServer(files);
  await using secure = new NpmClient(test.tlsAddress, { ca: authorityOf(files) });
  for (let i = 0; i < 3; i++) assert.equal(await secure.beat(AGENT), '{"data":{}}');
  assert.equal((await beat(test.server.address, AGENT)).text, '{"data":{}}');
  assert.equal(test.peers.length, 4);
});

Deno.test("BeatServer closes what is no TLS on its TLS port, counts it and serves the next", async () => {
  await using files = await TlsFiles.make();
  await using test = new TlsServer(files);
  using plain = await BeatConnection.open(test.tlsAddress);
  await plain.send(beatCall(AGENT));
  await refused(test, "bad_tls");
  await using secure = new NpmClient(test.tlsAddress, { ca: authorityOf(files) });
  assert.equal(await secure.beat(AGENT), '{"data":{}}');
});

Deno.test("BeatServer ends a TLS handshake that does not go on", async () => {
  await using files = await TlsFiles.make();
  await using test = new TlsServer(files, { idleTimeoutMs: 300 });
  using silent = await Deno.connect(test.tlsAddress);
  // The beginning of a TLS record: handshake, version, a length of which nothing follows.
  await silent.write(Uint8Array.of(0x16, 3, 1, 0x02, 0));
  await refused(test, "idle_timeout");
  await waitFor(() => test.server.stats.connections.open === 0, {
    timeoutMs: 5_000,
    what: "the end of the connection",
  });
});

Deno.test("BeatServer shows a renewed certificate to new connections and keeps the ones that are there", async () => {
  await using former = await TlsFiles.make();
  await using next = await TlsFiles.make();
  await using test = new TlsServer(former);
  await using early = new NpmClient(test.tlsAddress, { ca: authorityOf(former) });
  await early.beat(AGENT);
  const address = test.tlsAddress;
  await test.server.renew(certificateOf(next));
  assert.deepEqual(test.tlsAddress, address);
  await using late = new NpmClient(test.tlsAddress, { ca: authorityOf(next) });
  assert.equal(await late.beat(AGENT), '{"data":{}}');
  assert.equal(await early.beat(AGENT), '{"data":{}}');
  await assert.rejects(test.server.renew({ cert: "no certificate", key: "" }));
  await using still = new NpmClient(test.tlsAddress, { ca: authorityOf(next) });
  assert.equal(await still.beat(AGENT), '{"data":{}}');
});

Deno.test("BeatServer counts connections of both ports against one limit", async () => {
  await using files = await TlsFiles.make();
  await using test = new TlsServer(files, { maxConnections: 1 });
  using _held = await BeatConnection.open(test.server.address);
  await waitFor(() => test.server.stats.connections.open === 1, { timeoutMs: 5_000, what: "the connection" });
  using _other = await Deno.connect(test.tlsAddress);
  await refused(test, "too_many_connections");
});

Deno.test("BeatServer behind HAProxy takes beats of agents with a certificate only, from their own addresses", async () => {
  await using files = await TlsFiles.make();
  await using test = new TlsServer(files);
  const { certificate, key, authority: clientAuthority } = files;
  await using balancer = await TlsBalancer.start({ target: test.server.address, certificate, key, clientAuthority });
  const caCerts = [authorityOf(files)];
  const known = { cert: Deno.readTextFileSync(files.clientCertificate), key: Deno.readTextFileSync(files.clientKey) };
  using agent = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts, ...known }));
  assert.equal((await agent.call(AGENT)).text, '{"data":{}}');
  assert.deepEqual(test.peers, ["127.0.0.1"]);
  await assert.rejects(async () => {
    using stranger = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts }));
    await stranger.call(AGENT);
  });
  assert.equal(test.peers.length, 1);
});
