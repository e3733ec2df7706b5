import assert from "node:assert/strict";
import { parseConnectString, serverName } from "../../src/zookeeper/connect_string.ts";

Deno.test("parseConnectString reads servers, default port, IPv6 and the path behind them", () => {
  assert.deepEqual(parseConnectString("192.168.0.1"), { servers: [{ host: "192.168.0.1", port: 2181 }], chroot: "" });
  assert.deepEqual(parseConnectString("zk-a:2182, zk-b,[::1]:2183/prod/"), {
    servers: [{ host: "zk-a", port: 2182 }, { host: "zk-b", port: 2181 }, { host: "::1", port: 2183 }],
    chroot: "/prod",
  });
  assert.equal(parseConnectString("a:1/").chroot, "");
});

Deno.test("parseConnectString quotes the part that is wrong", () => {
  for (const [text, quoted] of [["", ""], ["a,,b", ""], ["a:b", "a:b"], ["a,b:0", "b:0"], ["a:65536", "a:65536"]]) {
    assert.throws(() => parseConnectString(text!), {
      name: "SyntaxError",
      message: `a ZooKeeper server must be host or host:port, not "${quoted}"`,
    });
  }
  assert.throws(() => parseConnectString("a//b"), /must be one such as \/prod, not "\/\/b"/);
});

Deno.test("serverName brackets an IPv6 address", () => {
  assert.equal(serverName({ host: "::1", port: 2181 }), "[::1]:2181");
  assert.equal(serverName({ host: "zk-a", port: 2181 }), "zk-a:2181");
});
