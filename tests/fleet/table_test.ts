import assert from "node:assert/strict";
import fc from "fast-check";
import { Agent, type AgentState } from "../../src/fleet/agent.ts";
import { AgentTable } from "../../src/fleet/table.ts";
import { address } from "./scene.ts";

/** More rows than are indexed in one step. */
const RESTORED = 1_100;
const ALL = new Set<AgentState>(["online"]);
const ASSETS = ["", "A", "B", "C"];

function made(n: number, asset: string): Agent {
  const agent = new Agent(address(n));
  agent.asset = asset;
  return agent;
}

const row = fc.nat(RESTORED + 20);
const step = fc.oneof(
  fc.record({ do: fc.constant("rename"), n: row, asset: fc.constantFrom(...ASSETS) }),
  fc.record({ do: fc.constant("add"), n: row, asset: fc.constantFrom(...ASSETS) }),
  fc.record({ do: fc.constant("delete"), n: row, asset: fc.constant("") }),
  fc.record({ do: fc.constant("index"), n: row, asset: fc.constant("") }),
);

Deno.test("AgentTable finds rows by asset before, while and after restored ones are indexed", () => {
  let indexed = 0;
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 60 }), (steps) => {
      const table = new AgentTable();
      for (let n = 0; n < RESTORED; n++) table.restore(made(n, ASSETS[n % 7] ?? `own ${n}`));
      const indexing = table.indexAssets();
      for (const { do: what, n, asset } of steps) {
        const agent = table.get(address(n));
        if (what === "index") indexed += Number(indexing.next().done);
        else if (agent === undefined) table.add(made(n, asset));
        else if (what === "rename") table.rename(agent, asset);
        else table.delete(agent);
        for (const wanted of ["A", "B", "own 5"]) {
          const expected = [...table.all()].filter((each) => each.asset === wanted).map(({ ip }) => ip).sort();
          assert.deepEqual(table.find({ states: ALL, asset: wanted }).map(({ ip }) => ip).sort(), expected);
          assert.equal(table.countNamed({ states: ALL, asset: wanted }), expected.length);
        }
      }
    }),
    { numRuns: 30 },
  );
  assert.ok(indexed > 0, "some were indexed to the end");
});
