import assert from "node:assert/strict";
import { Guard } from "../../src/fleet/guard.ts";

const OPTIONS = { guardShare: 0.2, guardMinAgents: 20, guardMaxHoldMs: 1_000 };

function at(monotonic: number): { monotonic: number; wall: number } {
  return { monotonic, wall: monotonic };
}

Deno.test("Guard begins above its share of silent agents and not at it, with enough agents and not with fewer", () => {
  const cases: [silent: number, agents: number, begins: boolean][] = [
    [20, 100, false],
    [21, 100, true],
    [5, 20, true],
    [19, 19, false],
  ];
  for (const [silent, agents, begins] of cases) {
    const guard = new Guard(() => OPTIONS);
    assert.equal(guard.begin({ silent, agents }, at(500)), begins, `${silent} of ${agents}`);
    assert.equal(guard.isOn, begins);
    assert.equal(guard.sinceMs, begins ? 500 : undefined);
    assert.equal(guard.endsByMs, begins ? 1_500 : undefined);
  }
});

Deno.test("Guard ends below half its share, when nobody is silent, or when it has held for as long as it may", () => {
  const guard = new Guard(() => OPTIONS);
  assert.ok(guard.begin({ silent: 50, agents: 100 }, at(0)));
  assert.equal(guard.ending({ silent: 10, agents: 100 }, at(999)), undefined);
  assert.equal(guard.ending({ silent: 9, agents: 100 }, at(999)), "recovered");
  assert.equal(guard.ending({ silent: 0, agents: 0 }, at(999)), "recovered");
  assert.equal(guard.ending({ silent: 10, agents: 100 }, at(1_000)), "maxHold");
  assert.equal(guard.end(at(1_000)), 1_000);
  assert.equal(guard.isOn, false);
});
