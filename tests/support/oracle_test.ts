import assert from "node:assert/strict";
import { type ListedAgent, type Moment, now, Oracle } from "./oracle.ts";

const IP = "10.0.0.1";

/** An oracle that has seen one acknowledged beat. */
function afterBeat(): Oracle {
  const oracle = new Oracle(10_000);
  oracle.sent(IP);
  oracle.ended(IP, { acknowledged: true });
  return oracle;
}

function later(ms: number): Moment {
  const { monotonic, wall } = now();
  return { monotonic: monotonic + ms, wall: wall + ms };
}

function faultsOf(oracle: Oracle, row: Partial<ListedAgent> | undefined, afterMs: number): readonly string[] {
  const rows = row === undefined ? [] : [{ ip: IP, state: "online", last_hb_ms: Date.now(), ...row }];
  oracle.judge(rows, { asked: later(afterMs), answered: later(afterMs + 1), wallStepMs: 0 });
  return oracle.faults;
}

Deno.test("Oracle finds who is called offline early, or late, or is missing, and beats that are lost", () => {
  assert.deepEqual(faultsOf(afterBeat(), {}, 100), []);
  assert.deepEqual(faultsOf(afterBeat(), { state: "offline" }, 10_100), []);
  assert.match(faultsOf(afterBeat(), { state: "offline" }, 9_000).join(), /was called offline 900\d ms after a beat/);
  assert.match(faultsOf(afterBeat(), {}, 14_000).join(), /is not called offline/);
  assert.match(faultsOf(afterBeat(), undefined, 100).join(), /is not listed/);
  assert.match(
    faultsOf(afterBeat(), { last_hb_ms: Date.now() - 500 }, 100).join(),
    /before its last acknowledged beat/,
  );
  assert.match(faultsOf(afterBeat(), { last_hb_ms: Date.now() + 500 }, 100).join(), /after its last beat/);
});

Deno.test("Oracle demands nothing while agents may be held, and no beat of the second before a crash", () => {
  const held = afterBeat();
  held.holds(60_000);
  assert.deepEqual(faultsOf(held, { state: "suspect" }, 14_000), []);
  const crashed = afterBeat();
  crashed.crashed();
  assert.deepEqual(faultsOf(crashed, undefined, 100), []);
});
