import assert from "node:assert/strict";
import fc from "fast-check";
import { BodyBytes } from "../../../src/mq/large/body_bytes.ts";

Deno.test("BodyBytes gives the bytes of its texts in one piece, framed", () => {
  const text = fc.string({ unit: "binary", maxLength: 300 }).map((part) => part.repeat(200).toWellFormed());
  const front = fc.constantFrom("{", '{"mqkey":"机架"}', "x".repeat(20_000));
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 30 }), front, (texts, before) => {
      const body = new BodyBytes();
      for (const [i, each] of texts.entries()) body.append(each, (i + 1) / texts.length);
      assert.equal(body.framed(before, "]}").toString(), `${before}${texts.join("")}]}`);
    }),
    { numRuns: 50 },
  );
});

Deno.test("BodyBytes takes a share that was far too hopeful", () => {
  const body = new BodyBytes();
  let expected = "";
  for (let i = 0; i < 100; i++) {
    const text = "资".repeat(10_000);
    body.append(text, 1);
    expected += text;
  }
  assert.equal(body.framed("[", "]").toString(), `[${expected}]`);
});
