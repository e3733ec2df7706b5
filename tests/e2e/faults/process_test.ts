/** The compiled service itself: stopped clockwork, a wall clock that steps, no more files (issue D, "Fault suite"). */
import assert from "node:assert/strict";
import { freePort } from "../../support/free_port.ts";
import { startRabbit } from "../../support/rabbitmq.ts";
import { statusOf } from "../../support/status_of.ts";
import { elapsed, waitFor } from "../../support/wait_for.ts";
import { GRACE_MS, Stage, TIMEOUT_MS } from "./stage.ts";

/** Debian's package faketime; the file is read again at each look at the clock. */
const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
const HOUR_MS = 3_600_000;

Deno.test("elves-heartbeat calls nobody offline because it stood still itself", async (t) => {
  await using rabbit = await startRabbit();
  await using stage = await Stage.open({ rabbit });

  for (const [i, standstillMs] of [TIMEOUT_MS / 2, TIMEOUT_MS * 2].entries()) {
    await t.step(`for ${standstillMs / TIMEOUT_MS} of agent.timeout`, async () => {
      stage.disturb();
      stage.off(3 * i);
      Deno.kill(stage.service.pid, "SIGSTOP");
      stage.off(3 * i + 1);
      await elapsed(standstillMs);
      stage.oracle.holds(GRACE_MS);
      Deno.kill(stage.service.pid, "SIGCONT");
      await stage.settled();
      stage.on(3 * i, 3 * i + 1);
      await stage.settled();
      await stage.answers();
    });
  }

  await t.step("every event was told once, no beat is lost", () => stage.verdict());
});

Deno.test("elves-heartbeat calls nobody offline or online because the wall clock steps", async (t) => {
  const clock = await Deno.makeTempFile({ prefix: "hb-clock-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(clock) };
  const step = (ms: number) => Deno.writeTextFileSync(clock, `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1000}\n`);
  step(0);
  await using rabbit = await startRabbit();
  await using stage = await Stage.open({
    rabbit,
    env: {
      LD_PRELOAD: FAKETIME,
      FAKETIME_TIMESTAMP_FILE: clock,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  });

  for (const [i, [name, ms]] of Object.entries({ "an hour on": HOUR_MS, "an hour back": -HOUR_MS }).entries()) {
    await t.step(name, async () => {
      stage.off(2 * i);
      // Times that were taken before the step are of the former clock.
      stage.wallStepMs = undefined;
      stage.oracle.holds(TIMEOUT_MS + GRACE_MS);
      step(ms);
      await waitFor(async () => Math.abs(await wallClock(stage) - Date.now() - ms) < 60_000, {
        timeoutMs: 20_000,
        what: "the service's wall clock to step",
      });
      await stage.settled();
      stage.on(2 * i);
      stage.off(2 * i + 1);
      await stage.settled();
      await stage.answers();
    });
  }

  await t.step("every event was told once", () => stage.verdict());
});

async function wallClock({ service }: Stage): Promise<number> {
  const summary = await (await fetch(`http://127.0.0.1:${service.httpPort}/api/v1/summary`)).json();
  return summary.now_ms;
}

Deno.test("elves-heartbeat without file descriptors refuses beats, dies of nothing and recovers", async () => {
  await using rabbit = await startRabbit();
  // Beats that are refused for seconds make nobody offline.
  const config = `thrift.idleTimeout = 60s\nhttp.port = ${freePort()}\n`;
  await using stage = await Stage.open({ rabbit, timeoutMs: 20_000, config });
  const { service } = stage;
  const limit = async (count: string) => {
    const args = ["--pid", String(service.pid), `--nofile=${count}:`];
    const { success, stderr } = await new Deno.Command("prlimit", { args }).output();
    assert.ok(success, new TextDecoder().decode(stderr));
  };
  const open = [...Deno.readDirSync(`/proc/${service.pid}/fd`)].length;
  await limit(String(open + 20));
  const held: Deno.Conn[] = [];
  try {
    for (let i = 0; i < 60; i++) held.push(await Deno.connect({ hostname: "127.0.0.1", port: service.port }));
    await service.logged(/WRN beat port: cannot accept connections at the moment/);
    stage.disturb();
    stage.network.broker.cut();
    await service.logged(/WRN mq: no connection/);
    const { failed } = stage.oracle.beats;
    await waitFor(() => stage.oracle.beats.failed > failed, { timeoutMs: 20_000, what: "a beat without an answer" });
  } finally {
    for (const connection of held) connection.close();
  }
  await waitFor(() => service.logs.filter((line) => /mq: connected/.test(line)).length === 2, {
    timeoutMs: 60_000,
    what: "the next connection to RabbitMQ",
  });
  await stage.settled();
  await stage.answers();
  assert.equal(
    await statusOf(`http://127.0.0.1:${service.httpPort}/readyz`, { headers: { connection: "close" } }),
    200,
  );
  await stage.verdict();
  assert.equal(stage.events.log.of("agentOffline").length, 0);
});
