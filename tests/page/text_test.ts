import { strict as assert } from "node:assert";
import fc from "fast-check";
import { cut, visible } from "../../src/http/page/text.js";

Deno.test("visible writes out characters that hide or turn others, and leaves names alone", () => {
  assert.equal(visible("web-01 数据库 é ñ 😀"), "web-01 数据库 é ñ 😀");
  assert.equal(visible("a\u0000b\u007fc\u0085d"), "a⟨U+0000⟩b⟨U+007F⟩c⟨U+0085⟩d");
  assert.equal(
    visible("\u202egpj\u2066\u200f\u061c\ufeff\u00ad"),
    "⟨U+202E⟩gpj⟨U+2066⟩⟨U+200F⟩⟨U+061C⟩⟨U+FEFF⟩⟨U+00AD⟩",
  );
  assert.equal(visible("\ud800x\udc00"), "⟨U+D800⟩x⟨U+DC00⟩");
  assert.equal(visible("\u{e0041}\u3164\ufe0f"), "⟨U+E0041⟩⟨U+3164⟩⟨U+FE0F⟩");
});

Deno.test("visible leaves nothing hidden in any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(visible(text), /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
  }));
});

Deno.test("cut counts characters and halves none", () => {
  assert.equal(cut("12345", 5), "12345");
  assert.equal(cut("123456", 5), "12345…");
  assert.equal(cut("😀".repeat(5), 5), "😀".repeat(5));
  assert.equal(cut("😀".repeat(6), 5), `${"😀".repeat(5)}…`);
});
