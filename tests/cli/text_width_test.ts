import assert from "node:assert/strict";
import { cut, textWidth, visible, wrap } from "../../src/cli/text_width.ts";

Deno.test("visible writes out what a terminal would act upon or not show", () => {
  const cases: [string, string][] = [
    ["web-01", "web-01"],
    ["a\x1b[2Jb", "a\\x1b[2Jb"],
    ["a\r\nb\tc\x7f\x85", "a\\x0d\\nb\\tc\\x7f\\x85"],
    ["evil\u202etxt\u2066", "evil\\u202etxt\\u2066"],
    ["zero\u200bwidth\ufeff\u00ad", "zero\\u200bwidth\\ufeff\\xad"],
    ["\u2028\u2029", "\\u2028\\u2029"],
    ["\u{e0041}tag", "\\u{e0041}tag"],
    ["half \ud83d pair", "half \\ud83d pair"],
    ["服务器 é 👍 ❤\ufe0f", "服务器 é 👍 ❤\ufe0f"],
  ];
  for (const [text, shown] of cases) assert.equal(visible(text), shown);
});

Deno.test("textWidth counts columns: wide characters two, marks none", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["web-01", 6],
    ["服务器", 6],
    ["ﾊﾝｶｸ", 4],
    ["ＦＵＬＬ", 8],
    ["한국어", 6],
    ["e\u0301\u0301x", 2],
    ["\u0301", 0],
    ["👍", 2],
    ["、。", 4],
    ["Ωж→", 3],
  ];
  for (const [text, width] of cases) assert.equal(textWidth(text), width, text);
});

Deno.test("cut keeps what fits and never half a character", () => {
  assert.equal(cut("web-01", 6), "web-01");
  assert.equal(cut("web-001", 6), "web-0…");
  assert.equal(cut("服务器", 6), "服务器");
  assert.equal(cut("服务器", 5), "服务…");
  assert.equal(cut("服务器", 4), "服…");
  assert.equal(cut("e\u0301e\u0301e\u0301", 2), "e\u0301…");
  for (let width = 1; width < 12; width++) assert.ok(textWidth(cut("aé服务x👍e\u0301yz", width)) <= width);
});

Deno.test("wrap breaks at blanks, and long words anywhere, in windows of any width", () => {
  assert.deepEqual(wrap("one two three", 8), ["one two", "three"]);
  assert.deepEqual(wrap("abcdefghij k", 4), ["abcd", "efgh", "ij k"]);
  assert.deepEqual(wrap("服务器服务器", 4), ["服务", "器服", "务器"]);
  assert.deepEqual(wrap("", 4), [""]);
  for (const width of [-5, 0, 1, 2]) assert.equal(wrap("服务 ab", width).join(""), "服务ab");
});
