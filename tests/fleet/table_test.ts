import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalAddress } from "../../src/fleet/address.ts";
import { Agent } from "../../src/fleet/agent.ts";
import { AgentTable } from "../../src/fleet/table.ts";

const EXTREMES = ["0.0.0.0", "0.0.0.1", "127.255.255.255", "128.0.0.0", "255.255.255.255", "::", "::1"];
const addresses = fc.uniqueArray(
  fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom(...EXTREMES)).map((text) => canonicalAddress(text) ?? text),
);

Deno.test("AgentTable finds each row by its address and no other, until it is deleted", () => {
  fc.assert(fc.property(addresses, fc.nat(), (ips, at) => {
    const table = new AgentTable();
    for (const ip of ips) table.add(new Agent(ip));
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
