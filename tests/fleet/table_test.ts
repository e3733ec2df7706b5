import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey, canonicalAddress } from "../../src/fleet/address.ts";
import { Agent, type AgentState } from "../../src/fleet/agent.ts";
import { AgentTable } from "../../src/fleet/table.ts";
import { finished } from "../support/finished.ts";
import { address } from "./scene.ts";

const EXTREMES = ["0.0.0.0", "0.0.0.1", "127.255.255.255", "128.0.0.0", "255.255.255.255", "::", "::1"];
const addresses = fc.uniqueArray(
  fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom(...EXTREMES)).map((text) => canonicalAddress(text) ?? text),
);

Deno.test("AgentTable finds each row by its address and no other, until it is deleted", () => {
  fc.assert(fc.property(addresses, fc.nat(), (ips, at) => {
    const table = new AgentTable();
    for (const ip of ips) table.add(new Agent(addressKey(ip)));
    assert.deepEqual(ips.map((ip) => table.get(ip)?.ip), ips);
    assert.equal(table.size, ips.length);
    const gone = ips[at % ips.length];
    const row = gone === undefined ? undefined : table.get(gone);
    if (row === undefined) return;
    table.delete(row);
    assert.deepEqual(ips.filter((ip) => table.get(ip) === undefined), [row.ip]);
    assert.equal(table.size, ips.length - 1);
  }));
});

const ONLINE = new Set<AgentState>(["online"]);
const step = fc.record({
  what: fc.constantFrom("add", "rename", "delete"),
  n: fc.nat(20),
  asset: fc.constantFrom("", "A", "B", "C"),
});

Deno.test("AgentTable finds the rows of an asset however they come, are renamed and go", () => {
  fc.assert(fc.property(fc.array(step, { minLength: 10, maxLength: 60 }), (steps) => {
    const table = new AgentTable();
    for (const { what, n, asset } of steps) {
      const agent = table.get(address(n));
      if (agent === undefined) table.add(Object.assign(new Agent(addressKey(address(n))), { asset }));
      else if (what === "rename") table.rename(agent, asset);
      else if (what === "delete") table.delete(agent);
      for (const wanted of ["A", "B", "C"]) {
        const expected = [...table.all()].filter((each) => each.asset === wanted).map(({ ip }) => ip).sort();
        assert.deepEqual(table.find({ states: ONLINE, asset: wanted }).map(({ ip }) => ip).sort(), expected);
        assert.equal(table.countNamed({ states: ONLINE, asset: wanted }), expected.length);
      }
    }
  }));
});

/** More than are looked at in one piece. */
const MANY = 1_300;

Deno.test("AgentTable lists what matches, in order, whoever comes and goes while it is listed", () => {
  const gone = fc.uniqueArray(fc.nat(MANY - 1), { maxLength: 5 });
  fc.assert(
    fc.property(gone, fc.boolean(), fc.nat(2), (offline, later, steps) => {
      const table = new AgentTable();
      for (let i = 0; i < MANY; i++) table.add(new Agent(addressKey(address(i))));
      const inOrder = [...table.inOrder()];
      for (const at of offline) inOrder[at]!.state = "offline";
      const expected = inOrder.filter(({ state }) => state === "online");
      const job = table.list({ states: ONLINE });
      for (let i = 0; i <= steps; i++) job.next();
      if (later) {
        table.add(new Agent(addressKey("192.0.2.1")));
        table.delete(inOrder[MANY - 1]!);
      }
      assert.deepEqual(finished(job).map(({ ip }) => ip), expected.map(({ ip }) => ip));
      assert.equal(table.inOrder().length, MANY);
    }),
    { numRuns: 30 },
  );
});
