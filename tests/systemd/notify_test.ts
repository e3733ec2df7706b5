import assert from "node:assert/strict";
import { NotifySocket } from "../../src/systemd/notify.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { NotifyListener } from "./notify_listener.ts";

const WARNING = /WRN systemd: it cannot be told about this service on .*NOTIFY_SOCKET/;

Deno.test("NotifySocket sends one datagram for each message, in order", async () => {
  using log = new MemoryLog();
  await using listener = await NotifyListener.open();
  const socket = new NotifySocket(listener.name, log.logger);
  void socket.send("READY=1", "STATUS=42 online");
  void socket.send("WATCHDOG=1");
  void socket.send("STOPPING=1");
  await socket.close();
  await listener.next(/STOPPING/);
  assert.deepEqual(listener.told, ["READY=1", "STATUS=42 online", "WATCHDOG=1", "STOPPING=1"]);
  assert.deepEqual(log.lines, []);
});

Deno.test("NotifySocket says that nobody listens on an abstract socket, or that this Deno cannot reach it", async () => {
  using log = new MemoryLog();
  const name = `@${crypto.randomUUID()}`;
  const socket = new NotifySocket(name, log.logger);
  await socket.send("READY=1");
  await socket.close();
  assert.equal(log.matching(WARNING).length, 1);
  assert.ok(log.lines[0]?.includes(name));
});

Deno.test({
  name: "NotifySocket reaches an abstract socket",
  // Deno 2.4 takes no abstract address, neither here nor in the product.
  ignore: Deno.version.deno.startsWith("2.4."),
  async fn() {
    using log = new MemoryLog();
    await using listener = await NotifyListener.open({ isAbstract: true });
    const socket = new NotifySocket(listener.name, log.logger);
    await socket.send("READY=1");
    assert.equal(await listener.next(/./), "READY=1");
    await socket.close();
    assert.deepEqual(log.lines, []);
  },
});

Deno.test("NotifySocket says once that nobody listens, and goes on when somebody does", async () => {
  using log = new MemoryLog();
  const folder = await Deno.makeTempDir();
  const name = `${folder}/notify`;
  const socket = new NotifySocket(name, log.logger);
  await socket.send("READY=1");
  await socket.send("STATUS=a");
  assert.equal(log.matching(WARNING).length, 1);
  {
    await using listener = await NotifyListener.open({ name });
    await socket.send("STATUS=b");
    assert.equal(await listener.next(/./), "STATUS=b");
  }
  await socket.close();
  await Deno.remove(folder, { recursive: true });
});

Deno.test("NotifySocket drops messages for somebody who does not read", async () => {
  using log = new MemoryLog();
  await using deaf = await NotifyListener.open({ isDeaf: true });
  const socket = new NotifySocket(deaf.name, log.logger);
  // The kernel keeps net.unix.max_dgram_qlen messages: 10 by default, 512 where systemd has set it.
  for (let i = 0; i < 1_000 && log.lines.length === 0; i++) await socket.send(`STATUS=${i}`);
  assert.match(log.lines[0] ?? "", WARNING);
  assert.match(log.lines[0] ?? "", /not taken within/);
  await socket.close();
});

Deno.test("NotifySocket is closed for good without NOTIFY_SOCKET and with one that is no address", async () => {
  using log = new MemoryLog();
  const outside = new NotifySocket(undefined, log.logger);
  assert.equal(outside.isOpen, false);
  await outside.send("READY=1");
  await outside.close();
  assert.deepEqual(log.lines, []);
  for (const name of ["", "@", "notify", "vsock:2:1234"]) {
    const socket = new NotifySocket(name, log.logger);
    assert.equal(socket.isOpen, false);
    await socket.send("READY=1");
    await socket.close();
    assert.match(log.lines.at(-1) ?? "", WARNING);
  }
});
