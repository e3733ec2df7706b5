import assert from "node:assert/strict";
import { KEYS, settingOf } from "../../src/config/schema.ts";
import { TABLE } from "../support/write_docs.ts";
import { anchor, type Block, cells, codeSpans, linkTargets, type Section, sections } from "./markdown.ts";

const ROOT = new URL("../../", import.meta.url);
const ENGLISH = Deno.readTextFileSync(new URL("README.md", ROOT));
const CHINESE = Deno.readTextFileSync(new URL("README.zh-CN.md", ROOT));
/** How each README marks what SIGHUP applies. */
const READMES = [
  { name: "README.md", text: ENGLISH, yes: "yes" },
  { name: "README.zh-CN.md", text: CHINESE, yes: "是" },
];

/** Both READMEs reduced by `reduce` to what must not differ, each part under the English heading of its chapter. */
function compare(reduce: (section: Section) => unknown): void {
  const [english, chinese] = [sections(ENGLISH), sections(CHINESE)];
  const reduced = (all: Section[]) => all.map((section, index) => [english[index]?.heading, reduce(section)]);
  assert.deepEqual(reduced(chinese), reduced(english));
}

function blocksOf(section: Section, ...kinds: Block["kind"][]): Block[] {
  return section.blocks.filter(({ kind }) => kinds.includes(kind));
}

/** What a translation must keep: the texts in backquotes, numbers, names with dots; word order differs. */
function facts(text: string): string[] {
  const prose = text.replaceAll(/`[^`]*`|\]\([^)]*\)/g, " ").replaceAll(/^\d+\. /g, "");
  const names = prose.match(/\d+(?:[.,]\d+)*|[a-z]\w*(?:\.\w+)+/gi) ?? [];
  return [...codeSpans(text), ...names].sort();
}

Deno.test("README.zh-CN.md has the chapters of README.md", () => {
  assert.ok(sections(ENGLISH).length > 15);
  compare(({ level }) => level);
});

Deno.test("README.zh-CN.md has the paragraphs, lists, tables and code blocks of README.md", () => {
  compare(({ blocks }) => blocks.map(({ kind }) => kind));
});

Deno.test("README.zh-CN.md has the commands of README.md's code blocks", () => {
  compare((section) => blocksOf(section, "code").map(({ text }) => text.replaceAll(/\s+# .*$/gm, "")));
});

Deno.test("README.zh-CN.md has the keys, commands, paths and figures of README.md's tables", () => {
  compare((section) => blocksOf(section, "table").map(({ text }) => cells(text).map((row) => row.map(facts))));
});

Deno.test("README.zh-CN.md has the names and figures of README.md's text", () => {
  compare((section) => blocksOf(section, "paragraph", "item").map(({ text }) => facts(text)));
});

for (const { name, text, yes } of READMES) {
  Deno.test(`${name} lists every setting with default and reload as the schema has it`, () => {
    const [, ...rows] = cells(TABLE.exec(text)?.[0] ?? "");
    const listed = rows.map(([keys = "", fallback, meaning, reload]) => ({
      keys: codeSpans(keys),
      fallback,
      explained: meaning !== "",
      reload,
    }));
    const expected = KEYS.map((key) => {
      const { default: fallback, aliases, live } = settingOf(key);
      return {
        keys: [key, ...aliases ?? []],
        fallback: fallback === undefined ? "" : `\`${fallback}\``,
        explained: true,
        reload: live ? yes : "",
      };
    });
    assert.deepEqual(listed, expected);
  });

  Deno.test(`${name} links to what is there`, () => {
    const anchors = sections(text).map(({ heading }) => `#${anchor(heading)}`);
    assert.equal(new Set(anchors).size, anchors.length, "two headings have one anchor");
    const targets = linkTargets(text);
    assert.ok(targets.some((target) => target.startsWith("#")));
    for (const target of targets) {
      if (target.startsWith("#")) assert.ok(anchors.includes(target), `no heading for ${target}`);
      else assert.ok(Deno.statSync(new URL(target, ROOT)).isFile, target);
    }
  });
}
