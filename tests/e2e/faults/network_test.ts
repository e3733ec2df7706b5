/** Faults of the network between agents, the compiled service and RabbitMQ (issue D, "Fault suite"). */
import { startRabbit } from "../../support/rabbitmq.ts";
import { waitFor } from "../../support/wait_for.ts";
import { Stage } from "./stage.ts";

Deno.test("elves-heartbeat calls nobody offline or online wrongly, whatever the network does", async (t) => {
  await using rabbit = await startRabbit();
  await using stage = await Stage.open({ rabbit });
  const { beats, broker } = stage.network;

  await t.step("connections of agents are cut in the middle of a beat, again and again", async () => {
    const before = stage.oracle.beats.failed;
    stage.off(0, 1);
    await waitFor(() => {
      beats.cut();
      return stage.oracle.beats.failed > before + 20;
    }, { timeoutMs: 60_000, what: "broken beats" });
    // Both are seen to go, however quick that was.
    await stage.settled();
    stage.on(1);
    await stage.settled();
    stage.on(0);
    await stage.settled();
  });

  await t.step("beats arrive byte by byte", async () => {
    beats.dribble(true);
    stage.off(2, 3);
    await stage.settled();
    stage.on(2, 3);
    await stage.settled();
    beats.dribble(false);
  });

  await t.step("beats arrive, and their answers do not", async () => {
    const before = stage.oracle.beats.acknowledged;
    stage.off(4);
    beats.stall("answers");
    await stage.watched(20);
    beats.resume();
    await waitFor(() => stage.oracle.beats.acknowledged > before + 50, { timeoutMs: 60_000, what: "answers" });
    await stage.settled();
    stage.on(4);
    await stage.settled();
  });

  await t.step("little throughput to the agents and to RabbitMQ", async () => {
    beats.throttle(2_000);
    broker.throttle(20_000);
    stage.off(5, 6);
    await stage.settled();
    await stage.answers();
    stage.on(5, 6);
    await stage.settled();
    beats.throttle();
    broker.throttle();
  });

  await t.step("RabbitMQ is reached byte by byte", async () => {
    stage.disturb();
    broker.dribble(true);
    stage.off(7);
    await stage.settled();
    await stage.answers();
    stage.on(7);
    await stage.settled();
    broker.dribble(false);
    await stage.answers();
  });

  await t.step("the connection to RabbitMQ is cut while events are told", async () => {
    stage.disturb();
    stage.off(8, 9);
    for (let cuts = 1; cuts <= 3; cuts++) {
      broker.cut();
      const count = () => stage.service.logs.filter((line) => /mq: connected/.test(line)).length;
      await waitFor(() => count() > cuts, { timeoutMs: 60_000, what: "the next connection" });
    }
    await stage.settled();
    stage.on(8, 9);
    broker.cut();
    await stage.settled();
    await stage.answers();
  });

  await t.step("the connection to RabbitMQ stalls while events are told", async () => {
    stage.disturb();
    broker.stall();
    stage.off(10, 11);
    await stage.settled();
    stage.on(10);
    await stage.settled();
    broker.resume();
    stage.on(11);
    await stage.settled();
    await stage.answers();
  });

  await t.step("every event was told once, no beat is lost", () => stage.verdict());
});
