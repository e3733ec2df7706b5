import assert from "node:assert/strict";
import type { BeatStats } from "../../src/thrift/stats.ts";
import { beat, beatCall, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { TlsBalancer } from "../support/haproxy.ts";
import { TlsFiles } from "../support/tls_files.ts";
import { waitFor } from "../support/wait_for.ts";
import { NpmClient } from "./npm_client.ts";
import { named, TestPort, type TestPortOptions, WORKERS } from "./test_port.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };

/** Starts both ports; the certificate is of these files. */
type Start = (files: TlsFiles, options?: TestPortOptions) => Promise<TestPort>;

function tlsAddress({ port }: TestPort) {
  const address = port.tlsAddress;
  assert.ok(address);
  return address;
}

function certificateOf({ certificate, key }: TlsFiles) {
  return { cert: Deno.readTextFileSync(certificate), key: Deno.readTextFileSync(key) };
}

function authorityOf(files: TlsFiles): string {
  return Deno.readTextFileSync(files.authority);
}

async function refused(test: TestPort, reason: keyof BeatStats["refusals"]): Promise<void> {
  await waitFor(() => test.stats.refusals[reason] > 0, { timeoutMs: 10_000, what: `a refusal: ${reason}` });
}

for (const workers of WORKERS) {
  const start: Start = (files, options) => {
    const tls = { hostname: "127.0.0.1", port: 0, certificate: certificateOf(files) };
    return TestPort.start(workers, { tls, ...options });
  };

  Deno.test(`${named(workers)} answers npm:thrift over TLS and plain agents beside it`, async () => {
    await using files = await TlsFiles.make();
    await using test = await start(files);
    await using secure = new NpmClient(tlsAddress(test), { ca: authorityOf(files) });
    for (let i = 0; i < 3; i++) assert.equal(await secure.beat(AGENT), '{"data":{}}');
    assert.equal((await beat(test.address, AGENT)).text, '{"data":{}}');
    await test.taken(4);
  });

  Deno.test(`${named(workers)} closes what is no TLS on its TLS port, counts it and serves the next`, async () => {
    await using files = await TlsFiles.make();
    await using test = await start(files);
    using plain = await BeatConnection.open(tlsAddress(test));
    await plain.send(beatCall(AGENT));
    await refused(test, "bad_tls");
    await using secure = new NpmClient(tlsAddress(test), { ca: authorityOf(files) });
    assert.equal(await secure.beat(AGENT), '{"data":{}}');
  });

  Deno.test(`${named(workers)} ends a TLS handshake that does not go on`, async () => {
    await using files = await TlsFiles.make();
    await using test = await start(files, { idleTimeoutMs: 300 });
    using silent = await Deno.connect(tlsAddress(test));
    // The beginning of a TLS record: handshake, version, a length of which nothing follows.
    await silent.write(Uint8Array.of(0x16, 3, 1, 0x02, 0));
    await refused(test, "idle_timeout");
    await waitFor(() => test.stats.connections.open === 0, {
      timeoutMs: 5_000,
      what: "the end of the connection",
    });
  });

  Deno.test(`${named(workers)} shows a renewed certificate to new connections and keeps the ones that are there`, async () => {
    await using former = await TlsFiles.make();
    await using next = await TlsFiles.make();
    await using test = await start(former);
    await using early = new NpmClient(tlsAddress(test), { ca: authorityOf(former) });
    await early.beat(AGENT);
    const address = tlsAddress(test);
    await test.port.renew(certificateOf(next));
    assert.deepEqual(tlsAddress(test), address);
    await using late = new NpmClient(tlsAddress(test), { ca: authorityOf(next) });
    assert.equal(await late.beat(AGENT), '{"data":{}}');
    assert.equal(await early.beat(AGENT), '{"data":{}}');
    await assert.rejects(test.port.renew({ cert: "no certificate", key: "" }));
    await using still = new NpmClient(tlsAddress(test), { ca: authorityOf(next) });
    assert.equal(await still.beat(AGENT), '{"data":{}}');
  });

  Deno.test(`${named(workers)} counts connections of both ports against one limit`, async () => {
    await using files = await TlsFiles.make();
    await using test = await start(files, { maxConnections: 1 });
    using _held = await BeatConnection.open(test.address);
    await waitFor(() => test.stats.connections.open === 1, { timeoutMs: 5_000, what: "the connection" });
    using _other = await Deno.connect(tlsAddress(test));
    await refused(test, "too_many_connections");
  });

  Deno.test(`${named(workers)} behind HAProxy takes beats of agents with a certificate only, from their own addresses`, async () => {
    await using files = await TlsFiles.make();
    await using test = await start(files);
    const { certificate, key, authority: clientAuthority } = files;
    await using balancer = await TlsBalancer.start({ target: test.address, certificate, key, clientAuthority });
    const caCerts = [authorityOf(files)];
    const known = { cert: Deno.readTextFileSync(files.clientCertificate), key: Deno.readTextFileSync(files.clientKey) };
    using agent = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts, ...known }));
    assert.equal((await agent.call(AGENT)).text, '{"data":{}}');
    await test.taken(1);
    assert.deepEqual(test.beats.map(({ peer }) => peer), ["127.0.0.1"]);
    await assert.rejects(async () => {
      using stranger = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts }));
      await stranger.call(AGENT);
    });
    assert.equal(test.beats.length, 1);
  });
}
