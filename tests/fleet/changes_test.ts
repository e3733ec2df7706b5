import assert from "node:assert/strict";
import fc from "fast-check";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

/** What a store has that takes each change as it is told: whole rows, or nothing but the time of the last beat. */
class Mirror {
  readonly rows = new Map<string, StoredAgent>();

  take(scene: Scene): void {
    const { agents, seen, forgotten } = scene.fleet.takeChanges();
    for (const ip of forgotten) this.rows.delete(ip);
    for (const agent of agents) this.rows.set(agent.ip, scene.fleet.stored(agent));
    for (const { ip, lastSeenMs } of seen) {
      const row = this.rows.get(ip);
      assert.ok(row !== undefined, `${ip} was seen before it was told of`);
      this.rows.set(ip, { ...row, lastSeenMs });
    }
  }
}

const AGENTS = 4;
const agentNumber = fc.nat(AGENTS - 1);

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("beat"), n: agentNumber }) },
  fc.record({
    do: fc.constant("change"),
    n: agentNumber,
    asset: fc.constantFrom("A", "B"),
    version: fc.constantFrom("1.0", "1.1"),
    apps: fc.constantFrom("{}", '{"a":"1"}', "no JSON"),
  }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass"), ms: fc.constantFrom(500, 10_000, 70_000, 4_000_000) }) },
  fc.record({ do: fc.constant("silence"), ms: fc.constantFrom(1_000, 100_000) }),
  fc.record({ do: fc.constant("forget"), n: agentNumber }),
  fc.record({ do: fc.constant("prune") }),
  { weight: 3, arbitrary: fc.record({ do: fc.constant("take") }) },
);

Deno.test("Fleet tells a store all that changes, whatever happens in whatever order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const scene = new Scene({ flap: { count: 3, windowMs: 100_000 } });
      const mirror = new Mirror();
      for (const each of steps) {
        if ("asset" in each) scene.beat({ ...each, ip: address(each.n) });
        else if (each.do === "beat" && "n" in each) scene.beat({ ip: address(each.n) });
        else if (each.do === "forget" && "n" in each) scene.fleet.forget(address(each.n), scene.clock.now);
        else if (each.do === "pass" && "ms" in each) {
          each.ms > OPTIONS.timeoutMs ? scene.jump(each.ms) : scene.pass(each.ms);
        } else if (each.do === "silence" && "ms" in each) scene.silence(each.ms);
        else if (each.do === "prune") scene.fleet.prune(0, scene.clock.now);
        else mirror.take(scene);
      }
      const rows = scene.rows();
      mirror.take(scene);
      assert.deepEqual([...mirror.rows.values()].sort((a, b) => a.ip < b.ip ? -1 : 1), rows);
    }),
    { numRuns: 500 },
  );
});
