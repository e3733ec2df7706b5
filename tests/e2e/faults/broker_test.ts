/** The compiled service while RabbitMQ stops, dies, stands still or takes nothing (issue D, "Fault suite"). */
import assert from "node:assert/strict";
import { startRabbit } from "../../support/rabbitmq.ts";
import { waitFor } from "../../support/wait_for.ts";
import { Stage } from "./stage.ts";

Deno.test("elves-heartbeat knows who is there and tells it once, whatever becomes of RabbitMQ", async (t) => {
  await using rabbit = await startRabbit();
  await using stage = await Stage.open({ rabbit });
  const connections = () => stage.service.logs.filter((line) => /mq: connected/.test(line)).length;
  const connected = (count: number) =>
    waitFor(() => connections() >= count, { timeoutMs: 60_000, what: "the connection to RabbitMQ" });

  await t.step("stopped, and started again", async () => {
    stage.disturb();
    await rabbit.stop();
    stage.off(0, 1);
    await stage.settled();
    stage.on(0);
    await stage.settled();
    await rabbit.start();
    await connected(2);
    await stage.answers();
  });

  await t.step("killed while events are told", async () => {
    stage.disturb();
    stage.off(2, 3);
    await stage.settled();
    await rabbit.kill();
    stage.on(2);
    await stage.settled();
    await rabbit.start();
    await connected(3);
    stage.on(1, 3);
    await stage.settled();
    await stage.answers();
  });

  await t.step("standing still", async () => {
    stage.disturb();
    rabbit.pause();
    stage.off(4, 5);
    await stage.settled();
    stage.on(4);
    await stage.settled();
    rabbit.resume();
    await stage.answers();
  });

  await t.step("taking no messages", async () => {
    stage.disturb();
    await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.0000001"]);
    try {
      stage.off(6, 7);
      stage.on(5);
      await stage.settled();
      await stage.service.logged(/mq: RabbitMQ takes no messages at the moment|events: mq takes no events/);
      stage.on(6);
      await stage.settled();
    } finally {
      await rabbit.rabbitmqctl(["set_vm_memory_high_watermark", "0.4"]);
    }
    await stage.answers();
  });

  await t.step("every event was told once, no beat is lost", async () => {
    await stage.verdict();
    assert.ok(connections() <= 4, "not one connection more than there were faults");
  });
});
