import assert from "node:assert/strict";
import { quoted } from "../src/quoted.ts";

Deno.test("quoted shows any value of JSON in a short line", () => {
  assert.equal(quoted({ a: [1, "x\ny"] }), '{"a":[1,"x\\ny"]}');
  assert.equal(quoted("\x9b31m\x7f\u2028\u202e\u200f"), String.raw`"\u009b31m\u007f\u2028\u202e\u200f"`);
  assert.equal(quoted(undefined), "nothing");
  assert.equal(quoted("x".repeat(100)), `"${"x".repeat(79)}...`);
  // Whether V8 can write this again depends on its version.
  const nested = JSON.parse("[".repeat(200_000) + "]".repeat(200_000));
  assert.match(quoted(nested), /^(\[{80}\.\.\.|something nested very deeply)$/);
});
