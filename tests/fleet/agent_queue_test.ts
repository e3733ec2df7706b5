import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey } from "../../src/fleet/address.ts";
import { Agent, AgentQueue } from "../../src/fleet/agent.ts";

function agentAt(lastBeatMs: number): Agent {
  const agent = new Agent(addressKey(`10.0.${lastBeatMs >> 8}.${lastBeatMs & 255}`));
  agent.lastBeatMs = lastBeatMs;
  return agent;
}

Deno.test("AgentQueue inserts agents by their last beats, whoever is taken out in between", () => {
  const step = fc.record({ atMs: fc.nat(1_000), isInserted: fc.boolean(), taken: fc.option(fc.nat(50)) });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const queue = new AgentQueue();
    let newestMs = 0;
    for (const { atMs, isInserted, taken } of steps) {
      if (isInserted) assert.equal(queue.insert(agentAt(atMs)), true);
      else queue.push(agentAt(Math.max(atMs, newestMs)));
      newestMs = Math.max(atMs, newestMs);
      const out = taken === null ? undefined : queue.toArray()[taken];
      if (out !== undefined) queue.remove(out);
      const times = queue.toArray().map(({ lastBeatMs }) => lastBeatMs);
      assert.deepEqual(times, times.toSorted((a, b) => a - b));
      assert.equal(queue.size, times.length);
    }
  }));
});

Deno.test("AgentQueue passes over 2,048 agents to find a place and no more, and goes on from the last one's", () => {
  const queue = new AgentQueue();
  for (let ms = 0; ms < 10_000; ms++) queue.push(agentAt(ms));
  assert.equal(queue.insert(agentAt(7_951)), true);
  assert.equal(queue.insert(agentAt(5_904)), true);
  assert.equal(queue.insert(agentAt(7_951)), true);
  assert.equal(queue.insert(agentAt(5_900)), false);
  assert.equal(queue.toArray().at(-1)?.lastBeatMs, 5_900);
  queue.sort();
  const times = queue.toArray().map(({ lastBeatMs }) => lastBeatMs);
  assert.deepEqual(times, times.toSorted((a, b) => a - b));
});
