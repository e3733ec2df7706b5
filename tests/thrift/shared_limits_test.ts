import assert from "node:assert/strict";
import fc from "fast-check";
import { OwnLimits } from "../../src/thrift/connection_limits.ts";
import { SharedLimits } from "../../src/thrift/workers/shared_limits.ts";

const WORKERS = 3;

function limits(maxConnections: number, maxConnectionsPerIp: number): SharedLimits[] {
  const options = SharedLimits.options({ workers: WORKERS, maxConnections, maxConnectionsPerIp });
  return Array.from({ length: WORKERS }, (_, worker) => new SharedLimits(options, worker));
}

Deno.test("SharedLimits of several workers decide as one server does", () => {
  const step = fc.record({
    worker: fc.nat(WORKERS - 1),
    address: fc.nat(4).map((n) => `10.0.0.${n}`),
    isProxy: fc.boolean(),
    leaves: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const shared = limits(1_000, 3);
    const own = new OwnLimits({ maxConnections: 1_000, maxConnectionsPerIp: 3 });
    const open: typeof steps = [];
    for (const next of steps) {
      const last = next.leaves ? open.pop() : undefined;
      if (last !== undefined) {
        shared[last.worker]!.release(last.address, last.isProxy);
        own.release(last.address, last.isProxy);
        continue;
      }
      const decided = shared[next.worker]!.admit(next.address, next.isProxy);
      assert.equal(decided, own.admit(next.address, next.isProxy));
      if (decided === undefined) open.push(next);
    }
  }));
});

Deno.test("SharedLimits hold in all, and what a crashed worker had is free again", () => {
  const [first, second] = limits(4, 10);
  assert.ok(first && second);
  assert.deepEqual(["a", "b", "c"].map((address) => first.admit(address, false)), [undefined, undefined, undefined]);
  assert.deepEqual([second.admit("d", true), second.admit("e", false)], [undefined, "too_many_connections"]);
  first.clear();
  assert.deepEqual(["a", "b", "c"].map((address) => second.admit(address, false)), [undefined, undefined, undefined]);
  assert.equal(first.admit("x", false), "too_many_connections");
});

Deno.test("SharedLimits rarely mistake one address for another where 20,000 are connected", () => {
  const [first, second] = limits(20_001, 1);
  assert.ok(first && second);
  let refused = 0;
  for (let i = 0; i < 20_000; i++) {
    const worker = i % 2 === 0 ? first : second;
    if (worker.admit(`10.${i >> 16}.${i >> 8 & 255}.${i & 255}`, false) !== undefined) refused++;
  }
  assert.ok(refused < 100, `${refused} of 20,000 were refused`);
  assert.equal(second.admit("10.0.0.0", false), "too_many_connections_of_address");
});
