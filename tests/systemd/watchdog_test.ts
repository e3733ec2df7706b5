import assert from "node:assert/strict";
import { type Clock, systemClock } from "../../src/clock.ts";
import { NotifySocket } from "../../src/systemd/notify.ts";
import { type Pulse, Watchdog, watchdogPeriodMs } from "../../src/systemd/watchdog.ts";
import { startApp } from "../support/app.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { NotifyListener } from "./notify_listener.ts";

const PERIOD_MS = 50;
const ALIVE = "WATCHDOG=1";
const PATIENCE = { timeoutMs: 20_000 };

/** A watchdog that looks often, on a real socket. */
async function watch(pulse: Pulse, { log, periodMs = PERIOD_MS }: { log: MemoryLog; periodMs?: number }) {
  const listener = await NotifyListener.open();
  const socket = new NotifySocket(listener.name, log.logger);
  const watchdog = new Watchdog(periodMs, { socket, pulse, log: log.logger, clock: systemClock });
  watchdog.start();
  return {
    listener,
    isAlive: (signs: number) =>
      waitFor(() => listener.count(ALIVE) >= signs, { ...PATIENCE, what: `${signs} signs of life` }),
    async [Symbol.asyncDispose]() {
      await watchdog.stop();
      await socket.close();
      await listener[Symbol.asyncDispose]();
    },
  };
}

Deno.test("Watchdog gives signs of life while agents are judged and the beat port accepts", async () => {
  using log = new MemoryLog();
  let judged = 0;
  await using watched = await watch({ judgedUntilMs: () => ++judged, acceptsBeats: () => Promise.resolve(true) }, {
    log,
  });
  await watched.isAlive(3);
  assert.deepEqual(new Set(watched.listener.told), new Set([ALIVE]));
  assert.deepEqual(log.lines, []);
});

Deno.test("Watchdog is silent while the expiry clock stands still or was never seen to move", async () => {
  using log = new MemoryLog();
  let judged: number | undefined = undefined;
  let looks = 0;
  const pulse: Pulse = {
    judgedUntilMs: () => (looks++, judged),
    acceptsBeats: () => Promise.resolve(true),
  };
  await using watched = await watch(pulse, { log });
  await waitFor(() => looks > 5, { ...PATIENCE, what: "looks" });
  assert.equal(watched.listener.count(ALIVE), 0);
  assert.match(log.lines[0] ?? "", /ERR systemd: no sign of life is given, because .* the expiry clock stands still/);

  judged = 1;
  await watched.isAlive(1);
  const seen = looks;
  await waitFor(() => looks > seen + 5, { ...PATIENCE, what: "more looks" });
  assert.equal(watched.listener.count(ALIVE), 1);
});

Deno.test("Watchdog is silent while the beat port does not accept, and asks within the period", async () => {
  using log = new MemoryLog();
  let accepts = false;
  let judged = 0;
  const asked: number[] = [];
  const acceptsBeats = (timeoutMs: number) => Promise.resolve((asked.push(timeoutMs), accepts));
  await using watched = await watch({ judgedUntilMs: () => ++judged, acceptsBeats }, { log });
  await waitFor(() => asked.length > 5, { ...PATIENCE, what: "questions" });
  assert.equal(watched.listener.count(ALIVE), 0);
  assert.match(log.lines[0] ?? "", /the beat port does not accept connections/);
  assert.ok(asked.every((timeoutMs) => timeoutMs < PERIOD_MS));
  accepts = true;
  await watched.isAlive(2);
});

Deno.test("Watchdog of a process whose event loop is blocked is silent", async () => {
  await using blocking = await NotifyListener.open();
  await using healthy = await NotifyListener.open();
  await using _blocks = run(blocking.name, "blocks");
  await using _goesOn = run(healthy.name, "goes on");
  await blocking.next(/^STATUS=blocks$/);
  const before = healthy.count(ALIVE);
  await waitFor(() => healthy.count(ALIVE) >= before + 5, { ...PATIENCE, what: "the signs of life of the other" });
  assert.deepEqual(blocking.told, [ALIVE, ALIVE, "STATUS=blocks"]);
});

Deno.test("App shows a pulse as long as its clock moves, without a count of its own knocks", async () => {
  const clock = new StoppableClock();
  await using service = await startApp("", { clock });
  const { pulse, beats } = service.app;
  const { log } = service;
  await using watched = await watch(pulse, { log, periodMs: 600 });
  await watched.isAlive(2);
  assert.equal(beats.stats.connections.total, 0);

  clock.stop();
  await waitFor(() => log.matching(/no sign of life is given, because agents are not judged any more/).length > 0, {
    ...PATIENCE,
    what: "a log line",
  });
  const signs = watched.listener.count(ALIVE);
  const stood = pulse.judgedUntilMs();
  clock.start();
  await waitFor(() => (pulse.judgedUntilMs() ?? 0) > (stood ?? 0), { ...PATIENCE, what: "agents to be judged again" });
  assert.equal(watched.listener.count(ALIVE), signs);
  await watched.isAlive(signs + 1);
});

Deno.test("watchdogPeriodMs is half of what systemd allows this process", () => {
  const environment = { notifySocket: "/run/systemd/notify", watchdogUsec: "30000000", watchdogPid: "42" };
  assert.equal(watchdogPeriodMs(environment, 42), 15_000);
  assert.equal(watchdogPeriodMs({ ...environment, watchdogPid: undefined }, 42), 15_000);
  assert.equal(watchdogPeriodMs(environment, 43), undefined);
  for (const watchdogUsec of [undefined, "", "0", "-1", "30s", "1e9"]) {
    assert.equal(watchdogPeriodMs({ ...environment, watchdogUsec }, 42), undefined);
  }
});

/** The clocks of this machine, until they are stopped. */
class StoppableClock implements Clock {
  #stoodAt: { monotonic: number; wall: number } | undefined;
  #lostMs = 0;

  monotonic(): number {
    return (this.#stoodAt?.monotonic ?? systemClock.monotonic()) - this.#lostMs;
  }

  wall(): number {
    return (this.#stoodAt?.wall ?? systemClock.wall()) - this.#lostMs;
  }

  stop(): void {
    this.#stoodAt = { monotonic: systemClock.monotonic(), wall: systemClock.wall() };
  }

  start(): void {
    this.#lostMs += systemClock.monotonic() - (this.#stoodAt?.monotonic ?? systemClock.monotonic());
    this.#stoodAt = undefined;
  }
}

/** Runs the watched process; leaving its scope kills it. */
function run(...args: string[]): AsyncDisposable {
  const script = new URL("./watched_process.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-net",
      "--allow-read",
      "--allow-write",
      "--unstable-net",
      script,
      ...args,
    ],
    stdin: "null",
    stdout: "null",
  }).spawn();
  return {
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
    },
  };
}
