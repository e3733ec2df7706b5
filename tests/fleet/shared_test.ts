import assert from "node:assert/strict";
import { Shared } from "../../src/fleet/shared.ts";

Deno.test("Shared gives equal texts one value, and looks up no long ones", () => {
  const shared = new Shared((text) => ({ text }));
  const text = (length: number) => "x".repeat(length);
  assert.equal(shared.of(text(2_048)), shared.of(text(2_048)));
  assert.notEqual(shared.of(text(2_049)), shared.of(text(2_049)));
});

Deno.test("Shared keeps a thousand values", () => {
  const shared = new Shared((text) => ({ text }));
  const first = shared.of("0");
  for (let i = 1; i < 1_000; i++) shared.of(String(i));
  assert.equal(shared.of("0"), first);
  shared.of("1000");
  assert.notEqual(shared.of("0"), first);
});
