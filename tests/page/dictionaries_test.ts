import { strict as assert } from "node:assert";
import { en } from "../../src/http/page/en.js";
import { FILES, indexHtml, loginHtml } from "../../src/http/page/files.ts";
import { zh } from "../../src/http/page/zh.js";

type Entry = string | { one: string; other: string };
const EN: Record<string, Entry> = en;
const ZH: Record<string, Entry> = zh;

/** All that uses texts, the dictionaries themselves left out. */
const SOURCE = Object.entries(FILES).filter(([path]) =>
  !["en.js", "zh.js"].includes(path) && !path.startsWith("uplot.")
)
  .map(([, text]) => text).concat(indexHtml, loginHtml).join("\n");

function forms(entry: Entry): string[] {
  return typeof entry === "string" ? [entry] : [entry.one, entry.other];
}

function names(entry: Entry): string[] {
  return [...new Set(forms(entry).flatMap((form) => [...form.matchAll(/\{(\w+)\}/g)].map(([, name]) => name ?? "")))]
    .sort();
}

Deno.test("dictionaries have the same keys with the same names in them, and no empty text", () => {
  assert.deepEqual(Object.keys(ZH).sort(), Object.keys(EN).sort());
  for (const [key, entry] of Object.entries(EN)) {
    assert.deepEqual(names(ZH[key] ?? ""), names(entry), key);
    for (const form of [...forms(entry), ...forms(ZH[key] ?? "")]) assert.notEqual(form.trim(), "", key);
  }
});

Deno.test("dictionaries: every Chinese text is Chinese, but for names and formats", () => {
  const untranslated = Object.entries(ZH).filter(([, entry]) =>
    forms(entry).some((form) => !/\p{Script=Han}/u.test(form))
  );
  assert.deepEqual(untranslated.map(([key]) => key).sort(), [
    "column.app",
    "event.audit",
    "filter.cidr.example",
    "filter.silentFor.example",
    "filter.version.example",
    "keys.agents",
    "nav.agents",
    "pager.page",
    "part.mq",
    "part.zookeeper",
  ]);
});

Deno.test("dictionaries have every key that the page uses, and no other", () => {
  const literal = new Set([...SOURCE.matchAll(/"([a-z]+(?:\.[\w.]+)?)"/gi)].map(([, key]) => key ?? ""));
  const called = [...SOURCE.matchAll(/\bt(?:Nodes)?\(\s*(?:[^()"`]*\? )?"([^"]+)"(?:\s*:\s*"([^"]+)")?/g)]
    .flatMap(([, first, second]) => [first ?? "", ...(second === undefined ? [] : [second])])
    .concat([...SOURCE.matchAll(/data-t(?:-label)?="([^"]+)"/g)].map(([, key]) => key ?? ""));
  assert.ok(called.length > 150, `only ${called.length} uses were found`);
  assert.deepEqual(called.filter((key) => !Object.hasOwn(EN, key)), []);

  // Keys that are put together, such as `state.${state}`: the part before the first name.
  const made = [...SOURCE.matchAll(/(?:\b(?:t|hasText)\(\s*|key = )`([\w.]+\.)\$\{/g)].map(([, prefix]) =>
    prefix ?? ""
  );
  for (const prefix of made) {
    assert.ok(Object.keys(EN).some((key) => key.startsWith(prefix)), `there is no text below ${prefix}`);
  }
  const unused = Object.keys(EN).filter((key) => !literal.has(key) && !made.some((prefix) => key.startsWith(prefix)));
  assert.deepEqual(unused, []);
});

Deno.test("dictionaries have a text for every state and kind that the service may name", async () => {
  const { EVENT_KINDS } = await import("../../src/fleet/events.ts");
  for (const kind of EVENT_KINDS) {
    assert.ok(Object.hasOwn(EN, `kind.${kind}`), `kind.${kind}`);
    assert.ok(Object.hasOwn(EN, `event.${kind}`), `event.${kind}`);
  }
});
