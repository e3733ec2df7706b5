import assert from "node:assert/strict";
import fc from "fast-check";
import { ListBody } from "../../src/mq/list_body.ts";

Deno.test("ListBody gives the bytes of its texts in one piece, framed", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 }).map((part) => part.repeat(200).toWellFormed());
  const front = fc.constantFrom("{", '{"mqkey":"机架"}', "x".repeat(20_000));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), front, (texts, before) => {
      const body = new ListBody();
      for (const [i, each] of texts.entries()) body.append(each, (i + 1) / texts.length);
      assert.equal(body.framed(before, "]}").toString(), `${before}${texts.join("")}]}`);
    }),
    { numRuns: 50 },
  );
});

Deno.test("ListBody takes a share that was far too hopeful", () => {
  const body = new ListBody();
  let expected = "";
  for (let i = 0; i < 100; i++) {
    const text = "资".repeat(10_000);
    body.append(text, 1);
    expected += text;
  }
  assert.equal(body.framed("[", "]").toString(), `[${expected}]`);
});
