import assert from "node:assert/strict";
import fc from "fast-check";
import { addressKey } from "../../src/fleet/address.ts";
import { AddressMap } from "../../src/fleet/address_map.ts";

const address = fc.oneof(fc.ipV4(), fc.constantFrom("0.0.0.0", "128.0.0.0", "255.255.255.255", "fd00::1", "fd00::2"));

Deno.test("AddressMap is a map: it finds, gives back and forgets every address", () => {
  const steps = fc.array(fc.record({ ip: address, value: fc.option(fc.nat(), { nil: undefined }) }));
  fc.assert(fc.property(steps, (steps) => {
    const actual = new AddressMap<number>();
    const expected = new Map<number | string, number>();
    for (const { ip, value } of steps) {
      const key = addressKey(ip);
      if (value === undefined) {
        actual.delete(key);
        expected.delete(key);
      } else {
        actual.set(key, value);
        expected.set(key, value);
      }
      assert.equal(actual.size, expected.size);
    }
    for (const { ip } of steps) {
      const key = addressKey(ip);
      assert.equal(actual.get(key), expected.get(key));
      assert.equal(actual.has(key), expected.has(key));
    }
    assert.deepEqual([...actual], [...expected]);
    assert.deepEqual([...actual.values()], [...expected.values()]);
  }));
});
