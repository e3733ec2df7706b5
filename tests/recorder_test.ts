import { strict as assert } from "node:assert";
import { startApp } from "./support/app.ts";
import { beat } from "./support/beat_client.ts";
import { FakeClock } from "./support/fake_clock.ts";
import { waitFor } from "./support/wait_for.ts";

const WARNING = /WRN agents: they beat every \d+ s on average/;
const AGENT = { ip: "10.0.0.1", asset: "web-1", version: "0.3.3", apps: "{}" };

Deno.test("Recorder warns once of an interval that is too long, however it moves about the limit", async () => {
  const clock = new FakeClock();
  await using app = await startApp("agent.timeout = 90s\nagent.grace = 0", { clock });
  const { fleet } = app.app;
  /** The agent beats so often, and the recorder looks; its looks are timed by the real clock. */
  const beats = async (intervalMs: number, count: number) => {
    for (let i = 0; i < count; i++) {
      clock.advance(intervalMs);
      fleet.beat(AGENT, clock.now);
    }
    // A new agent's line in the log shows that it has looked.
    const ip = `10.9.0.${newcomers++}`;
    await beat(app.beatAddress, { ...AGENT, ip, asset: ip });
    await waitFor(() => app.log.matching(new RegExp(`${ip.replaceAll(".", "\\.")}\\b`)).length > 0, {
      timeoutMs: 10_000,
      what: "the recorder to look",
    });
  };
  let newcomers = 1;
  await beats(31_000, 3);
  assert.equal(app.log.matching(WARNING).length, 1);
  await beats(29_000, 300);
  await beats(31_000, 300);
  assert.equal(app.log.matching(WARNING).length, 1, app.log.lines.join("\n"));
  await beats(10_000, 600);
  await beats(40_000, 600);
  assert.equal(app.log.matching(WARNING).length, 2);
});
