import assert from "node:assert/strict";
import fc from "fast-check";
import { utcTime } from "../../src/fleet/row.ts";

Deno.test("utcTime writes what Date.toISOString writes", () => {
  const moments = fc.integer({ min: 0, max: Date.UTC(2100, 0) });
  fc.assert(fc.property(moments, (ms) => assert.equal(utcTime(ms), new Date(ms).toISOString())));
  // More minutes than are kept.
  for (let ms = 1; ms < 3e8; ms += 59_999) assert.equal(utcTime(ms + 0.5), new Date(ms).toISOString());
});
