import assert from "node:assert/strict";
import fc from "fast-check";
import { Glob } from "../../src/fleet/glob.ts";

Deno.test("Glob takes * as any text and ? as any one character, in upper and lower case", () => {
  const fits = (pattern: string, name: string) => new Glob(pattern).matches(name.toLowerCase());
  for (const name of ["web-", "WEB-1", "web-机房"]) assert.ok(fits("Web-*", name), name);
  assert.ok(!fits("web-*", "my-web-1"));
  assert.ok(fits("web-?", "web-😀"), "a character of two UTF-16 units");
  assert.ok(!fits("web-?", "web-12"));
  assert.ok(!fits("web-?", "web-"));
  assert.ok(fits("*-db.*.example", "eu-db.r1.example"));
  assert.ok(fits("*", ""));
  assert.ok(!fits("", "a"));
  assert.ok(!fits("a*a", "a"), "one character is not two");
  assert.ok(fits("[a.c]", "[a.c]"), "nothing else means anything");
});

Deno.test("Glob agrees with a regular expression", () => {
  const text = (...units: string[]) => fc.array(fc.constantFrom(...units), { maxLength: 8 }).map((all) => all.join(""));
  fc.assert(
    fc.property(text("a", "b", "😀", "*", "*", "?"), text("a", "b", "😀"), (pattern, name) => {
      const source = [...pattern].map((each) => each === "*" ? ".*" : each === "?" ? "." : each).join("");
      assert.equal(new Glob(pattern).matches(name), new RegExp(`^${source}$`, "su").test(name));
    }),
    { numRuns: 5_000 },
  );
});
