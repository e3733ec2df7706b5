/** The compiled service with TLS at the beat port and to RabbitMQ (issue D). */
import assert from "node:assert/strict";
import { beat, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { BINARY, type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { balancerConfig, TlsBalancer } from "../support/haproxy.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { TlsFiles } from "../support/tls_files.ts";
import { waitFor } from "../support/wait_for.ts";
import { NpmClient } from "../thrift/npm_client.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.0.0.1", version: "0.3.3", apps: "{}" };
const APPS = '{"data":{"app1":"1.0.1"}}';
const SIMPLE = "auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\n";

/** Without a broker. */
function alone(): string {
  return `mq.ip = 127.0.0.1:${freePort()}\nmq.user = u\nmq.password = p\n${SIMPLE}thrift.heartbeat.host = 127.0.0.1\n`;
}

function read(file: string): string {
  return Deno.readTextFileSync(file);
}

async function tlsAddress(service: BinaryProcess): Promise<{ hostname: string; port: number }> {
  const line = await service.logged(/beats over TLS on \S+:\d+/);
  return { hostname: "127.0.0.1", port: Number(/:(\d+)$/.exec(line)?.[1]) };
}

/** Sends SIGHUP and waits for a line that is new. */
async function reload(service: BinaryProcess, awaited: RegExp): Promise<string> {
  const from = service.logs.length;
  Deno.kill(service.pid, "SIGHUP");
  return await waitFor(() => service.logs.slice(from).find((line) => awaited.test(line)), {
    timeoutMs: 10_000,
    what: `a line like ${awaited}`,
  });
}

/** Beats over a TLS connection of its own, which it takes only with a certificate from that authority. */
async function beatsFor(address: { hostname: string; port: number }, authority: string): Promise<void> {
  const connection = await Deno.connectTls({ ...address, caCerts: [read(authority)] });
  using client = new BeatConnection(connection);
  await connection.handshake();
  assert.equal((await client.call(AGENT)).text, APPS);
}

Deno.test("elves-heartbeat takes beats over TLS beside plain ones, and SIGHUP renews its certificate", async (t) => {
  await using former = await TlsFiles.make();
  await using next = await TlsFiles.make();
  const folder = await Deno.makeTempDir({ prefix: "hb-renewal-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  const [cert, key] = [`${folder}/beats.pem`, `${folder}/beats.key.pem`];
  const put = ({ certificate, key: privateKey }: { certificate: string; key: string }) => {
    Deno.copyFileSync(certificate, cert);
    Deno.copyFileSync(privateKey, key);
  };
  put(former);
  const tls = (files: { cert: string; key: string }) =>
    `thrift.tls.cert = ${files.cert}\nthrift.tls.key = ${files.key}\n`;
  const config = `${alone()}thrift.tls.port = 0\n`;
  await using service = await startBinary({ config: config + tls({ cert, key }) });
  const address = await tlsAddress(service);
  await using early = new NpmClient(address, { ca: read(former.authority) });
  assert.equal(await early.beat(AGENT), APPS);
  const plain = { hostname: "127.0.0.1", port: service.port };

  await t.step("plain agents are served beside", async () => {
    assert.equal((await beat(plain, AGENT)).text, APPS);
  });

  await t.step("other files under the same names", async () => {
    put(next);
    await reload(service, /INF reload: the beat port over TLS has another certificate$/);
    await beatsFor(address, next.authority);
    await assert.rejects(beatsFor(address, former.authority));
    assert.equal(await early.beat(AGENT), APPS, "connections that are there stay");
  });

  await t.step("what is no certificate, or has another's key, is an error and changes nothing", async () => {
    const refused = /ERR reload: the certificate in .*beats\.pem cannot be used, the former one stays: .+/;
    Deno.writeTextFileSync(cert, "no certificate\n");
    await reload(service, refused);
    await beatsFor(address, next.authority);
    put({ certificate: former.certificate, key: next.key });
    await reload(service, refused);
    await beatsFor(address, next.authority);
    Deno.removeSync(cert);
    await reload(service, /ERR reload: the configuration has faults, nothing was changed/);
    assert.ok(service.logs.some((line) => /ERR reload: .*thrift\.tls\.cert cannot be read/.test(line)));
    await beatsFor(address, next.authority);
  });

  await t.step("files of other names are named in the log", async () => {
    const ports = `thrift.heartbeat.port = 0\nhttp.port = 0\ndata.dir = ${
      /data\.dir = (.*)/.exec(read(service.configFile))?.[1]
    }\n`;
    Deno.writeTextFileSync(service.configFile, ports + config + tls({ cert: former.certificate, key: former.key }));
    await reload(service, RegExp(`INF reload: thrift\\.tls\\.key is ${former.key}, was ${key}$`));
    await service.logged(RegExp(`INF reload: thrift\\.tls\\.cert is ${former.certificate}, was ${cert}$`));
    await waitFor(() => beatsFor(address, former.authority).then(() => true, () => false), {
      timeoutMs: 10_000,
      what: "the former certificate",
    });
    assert.doesNotMatch(service.logs.join("\n"), /needs a restart/);
  });
  assert.equal((await beat(plain, AGENT)).text, APPS);
});

Deno.test("elves-heartbeat reaches RabbitMQ over TLS with an own authority and a certificate", async () => {
  await using files = await TlsFiles.make();
  await using rabbit = await startRabbit({
    config: {
      "listeners.ssl.local": `127.0.0.1:${files.port}`,
      "ssl_options.certfile": files.certificate,
      "ssl_options.keyfile": files.key,
      "ssl_options.cacertfile": files.authority,
      "ssl_options.verify": "verify_peer",
      "ssl_options.fail_if_no_peer_cert": "true",
    },
  });
  const login = `mq.user = ${rabbit.user}\nmq.password = ${rabbit.password}\n${SIMPLE}`;
  const config = `mq.ip = 127.0.0.1:${files.port}\nmq.tls = true\nmq.tlsCa = ${files.authority}\n${login}`;
  {
    await using service = await startBinary({
      config: `${config}mq.tlsCert = ${files.clientCertificate}\nmq.tlsKey = ${files.clientKey}\n`,
    });
    await service.logged(RegExp(`INF mq: connected to 127\\.0\\.0\\.1:${files.port}`));
    assert.equal((await beat({ hostname: "127.0.0.1", port: service.port }, AGENT)).text, APPS);
    await using peer = await ModulePeer.connect(rabbit.url);
    assert.equal((await peer.call("agentInfo", { ip: AGENT.ip })).result.asset, AGENT.asset);
    const args = ["check", "--config", service.configFile];
    const { stdout } = await new Deno.Command(BINARY, { args, clearEnv: true, stdin: "null" }).output();
    assert.match(new TextDecoder().decode(stdout), /^ok +rabbitmq /m);
  }
  await using nobody = await startBinary({ config });
  await nobody.logged(/WRN mq: no connection.*wants a certificate.*mq\.tlsCert/);
});

Deno.test("elves-heartbeat behind HAProxy takes agents with a certificate only, and knows their addresses", async () => {
  await using files = await TlsFiles.make();
  await using service = await startBinary({ config: `${alone()}agent.addressCheck = enforce\n` });
  await using balancer = await TlsBalancer.start({
    target: { hostname: "127.0.0.1", port: service.port },
    certificate: files.certificate,
    key: files.key,
    clientAuthority: files.authority,
  });
  const caCerts = [read(files.authority)];
  const known = { cert: read(files.clientCertificate), key: read(files.clientKey) };
  using agent = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts, ...known }));
  assert.equal((await agent.call({ ...AGENT, ip: "127.0.0.1" })).text, APPS);
  assert.equal((await agent.call(AGENT)).exception?.type, 7, "the PROXY header says that it comes from elsewhere");
  await assert.rejects(async () => {
    using stranger = new BeatConnection(await Deno.connectTls({ ...balancer.address, caCerts }));
    await stranger.call(AGENT);
  });
});

Deno.test("README shows the configuration of HAProxy that these tests use", () => {
  const readme = read(new URL("../../README.md", import.meta.url).pathname);
  const shown = /^### TLS$.*?```haproxy\n(.*?)```/ms.exec(readme)?.[1];
  assert.equal(
    shown,
    balancerConfig({
      bind: ":11112",
      certificate: "/etc/haproxy/heartbeat.pem",
      clientAuthority: "/etc/haproxy/agents-ca.pem",
      target: "127.0.0.1:11102",
    }),
  );
});
