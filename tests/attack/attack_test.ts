import { startRabbit } from "../support/rabbitmq.ts";
import { fuzzBeatPort } from "./beat_port.ts";
import type { Attack } from "./stage.ts";

/** In the order in which they run. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  "the beat port, fuzzed": fuzzBeatPort,
};

Deno.test("elves-heartbeat serves others while it is attacked", async (t) => {
  await using rabbit = await startRabbit();
  for (const [name, attack] of Object.entries(ATTACKS)) await t.step(name, () => attack({ rabbit }));
});
