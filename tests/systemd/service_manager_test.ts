import assert from "node:assert/strict";
import { systemClock } from "../../src/clock.ts";
import { ServiceManager } from "../../src/systemd/service_manager.ts";
import type { SystemdEnvironment } from "../../src/systemd/notify.ts";
import type { StatusFacts } from "../../src/systemd/status_line.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { NotifyListener } from "./notify_listener.ts";

const PATIENCE = { timeoutMs: 20_000 };
/** Shorter than any: what is told at these intervals comes at once. */
const OFTEN = { statusMs: 20, extendMs: 20 };

/** A service of one room, whose fleet a test may change. */
class Service {
  online = 0;
  judged = 0;
  summaries = 0;
  readonly pulse = {
    judgedUntilMs: () => ++this.judged,
    acceptsBeats: () => Promise.resolve(true),
  };

  summary(): StatusFacts {
    this.summaries++;
    return {
      agents: { online: this.online, suspect: 0, offline: 0 },
      beats: { per_second: 0 },
      warming: false,
      guard: { on: false },
      catalog: { known: true, held: null },
      mq: { state: "up" },
      zookeeper: { state: "disabled" },
      store: { state: "ok" },
    };
  }
}

function environment(notifySocket: string | undefined, watchdogUsec?: string): SystemdEnvironment {
  return { notifySocket, watchdogUsec, watchdogPid: undefined };
}

const line = (online: number) => `STATUS=${online} online, 0 suspect, 0 offline; 0 beats/s; RabbitMQ up`;

Deno.test("ServiceManager asks for more time while the service starts, and not when it is ready", async () => {
  using log = new MemoryLog();
  await using listener = await NotifyListener.open();
  const manager = new ServiceManager(environment(listener.name), {
    log: log.logger,
    clock: systemClock,
    intervals: OFTEN,
  });
  manager.starting();
  assert.equal(await listener.next(/./), "STATUS=starting");
  assert.equal(await listener.next(/EXTEND/), "EXTEND_TIMEOUT_USEC=30000000");
  const service = new Service();
  manager.ready(service);
  await listener.next(/^READY=1$/);
  const ready = listener.told.indexOf("READY=1");
  await waitFor(() => service.summaries > 5, { ...PATIENCE, what: "five looks at the fleet" });
  await manager.close();
  assert.deepEqual(listener.told.slice(ready), ["READY=1", line(0)]);
});

Deno.test("ServiceManager tells the fleet when it has changed", async () => {
  using log = new MemoryLog();
  await using listener = await NotifyListener.open();
  const manager = new ServiceManager(environment(listener.name), {
    log: log.logger,
    clock: systemClock,
    intervals: OFTEN,
  });
  const service = new Service();
  manager.ready(service);
  service.online = 1_204;
  await listener.next(/1,204 online/);
  const { summaries } = service;
  await waitFor(() => service.summaries > summaries + 5, { ...PATIENCE, what: "more looks at the fleet" });
  await manager.close();
  assert.equal(listener.told.filter((text) => text.startsWith("STATUS=1,204")).length, 1);
});

Deno.test("ServiceManager puts a reload between RELOADING and READY, but not before the service is ready", async () => {
  using log = new MemoryLog();
  await using listener = await NotifyListener.open();
  const manager = new ServiceManager(environment(listener.name), { log: log.logger, clock: systemClock });
  let reloads = 0;
  manager.reloading(() => reloads++);
  manager.ready(new Service());
  manager.reloading(() => reloads++);
  assert.throws(() =>
    manager.reloading(() => {
      throw new Error("bad file");
    }), /bad file/);
  await manager.stopping("SIGTERM");
  manager.reloading(() => reloads++);
  await manager.close();
  await listener.next(/^STATUS=stopping/);
  assert.equal(reloads, 3);
  const reload = ["RELOADING=1", "READY=1"];
  assert.deepEqual(listener.told, [
    ...["READY=1", line(0), ...reload, ...reload],
    ...["STOPPING=1", "STATUS=stopping: SIGTERM"],
  ]);
});

Deno.test("ServiceManager gives signs of life until the service stops", async () => {
  using log = new MemoryLog();
  await using listener = await NotifyListener.open();
  const manager = new ServiceManager(environment(listener.name, "40000"), { log: log.logger, clock: systemClock });
  const service = new Service();
  manager.ready(service);
  await waitFor(() => listener.count("WATCHDOG=1") >= 3, { ...PATIENCE, what: "signs of life" });
  await manager.stopping("SIGTERM");
  await manager.close();
  await listener.next(/^STATUS=stopping/);
  assert.deepEqual(listener.told.slice(-2), ["STOPPING=1", "STATUS=stopping: SIGTERM"]);
});

Deno.test("ServiceManager does nothing outside of systemd but reload", async () => {
  using log = new MemoryLog();
  const manager = new ServiceManager(environment(undefined, "40000"), { log: log.logger, clock: systemClock });
  const service = new Service();
  let reloads = 0;
  manager.starting();
  manager.ready(service);
  manager.reloading(() => reloads++);
  await manager.stopping("SIGINT");
  await manager.close();
  assert.deepEqual({ reloads, judged: service.judged, summaries: service.summaries, lines: log.lines }, {
    ...{ reloads: 1, judged: 0, summaries: 0 },
    lines: [],
  });
});
