import assert from "node:assert/strict";
import { Cidrs } from "../../src/fleet/address.ts";
import { beat } from "../support/beat_client.ts";
import { named, TestPort, WORKERS } from "../thrift/test_port.ts";

const AGENT = { asset: "CX1", ip: "10.0.0.1", version: "1", apps: "{}" };
const TIMEOUT_MS = 10_000;
const NOBODY = new Cidrs("");

for (const workers of WORKERS) {
  Deno.test(`${named(workers)} accepts says so in an idle fleet, without a trace in counts and log`, async () => {
    for (const hostname of ["127.0.0.1", "0.0.0.0", "::1", "::"]) {
      // Who may not beat is told so in the log; the service itself is not.
      await using test = await TestPort.start(workers, { hostname, allow: NOBODY, proxies: NOBODY });
      for (let i = 0; i < 3; i++) assert.equal(await test.port.accepts(TIMEOUT_MS), true, hostname);
      assert.equal(test.stats.connections.total, 0);
      assert.deepEqual(Object.values(test.stats.refusals).filter((count) => count > 0), []);
      await test.port.stop(TIMEOUT_MS);
      assert.deepEqual(test.log.lines, []);
    }
  });

  Deno.test(`${named(workers)} accepts serves agents that connect at the same time`, async () => {
    await using test = await TestPort.start(workers);
    for (let i = 0; i < 20; i++) {
      const beats = Array.from({ length: 5 }, () => beat(test.address, AGENT));
      const [accepts, ...replies] = await Promise.all([test.port.accepts(TIMEOUT_MS), ...beats]);
      assert.equal(accepts, true);
      assert.deepEqual(replies.map(({ text }) => text), Array(5).fill('{"data":{}}'));
    }
    assert.equal(test.stats.connections.total, 100);
  });

  Deno.test(`${named(workers)} accepts is false when the port is closed`, async () => {
    await using test = new TestPort(workers);
    assert.equal(await test.port.accepts(TIMEOUT_MS), false);
    await test.port.listen();
    assert.equal(await test.port.accepts(TIMEOUT_MS), true);
    await test.port.stop(TIMEOUT_MS);
    assert.equal(await test.port.accepts(TIMEOUT_MS), false);
  });
}
