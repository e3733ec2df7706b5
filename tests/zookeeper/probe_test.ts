import assert from "node:assert/strict";
import { probeZookeeper } from "../../src/zookeeper/probe.ts";
import { freePort } from "../support/free_port.ts";
import { startZookeeper } from "../support/zookeeper.ts";

Deno.test("probeZookeeper is content with one server of several and changes nothing", async () => {
  await using server = await startZookeeper();
  const hosts = `127.0.0.1:${freePort()},${server.connectString}/not/there`;
  await probeZookeeper({ hosts, timeoutMs: 10_000 });
});

Deno.test("probeZookeeper says for each server what happened", async () => {
  using mute = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const closed = freePort();
  const hosts = `127.0.0.1:${closed},127.0.0.1:${mute.addr.port}`;
  await assert.rejects(probeZookeeper({ hosts, timeoutMs: 500 }), ({ message }: Error) => {
    assert.match(message, new RegExp(`^127.0.0.1:${closed}: .*ECONNREFUSED`));
    assert.match(message, new RegExp(`; no session at 127.0.0.1:${mute.addr.port}: no answer within 500 ms$`));
    return true;
  });
});

Deno.test("probeZookeeper reports that the authentication was refused", async () => {
  await using server = await startZookeeper();
  const auth = { scheme: "unheard-of", auth: "user:secret" };
  await assert.rejects(
    probeZookeeper({ hosts: server.connectString, timeoutMs: 10_000, auth }),
    { message: `${server.connectString} refused zookeeper.auth` },
  );
});

Deno.test("probeZookeeper rejects a connect string that is none", async () => {
  await assert.rejects(probeZookeeper({ hosts: "a:b", timeoutMs: 500 }), SyntaxError);
});
