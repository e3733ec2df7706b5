import assert from "node:assert/strict";
import { type Column, Table } from "../../src/cli/table.ts";
import { textWidth } from "../../src/cli/text_width.ts";

interface Row {
  readonly ip: string;
  readonly count: number;
  readonly text: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: "IP", text: ({ ip }) => ip, least: 6, isWhole: true },
  {
    title: "N",
    text: ({ count }) => String(count),
    align: "right",
    style: ({ count }) => count > 9 ? "bad" : undefined,
  },
  { title: "TEXT", text: ({ text }) => text, least: 5 },
];

function lines(rows: readonly Row[], columns?: number, colors = false): string[] {
  const size = () => columns === undefined ? undefined : { columns, rows: 24 };
  return new Table(COLUMNS, { size, colors }).lines(rows).trimEnd().split("\n");
}

Deno.test("Table aligns its columns by the width that texts have on a terminal", () => {
  const rows = [{ ip: "10.0.0.1", count: 7, text: "服务器 a" }, { ip: "::1", count: 12, text: "b\x1b" }];
  assert.deepEqual(lines(rows, 80), [
    "IP         N  TEXT",
    "10.0.0.1   7  服务器 a",
    "::1       12  b\\x1b",
  ]);
});

Deno.test("Table cuts texts where the window is narrow, addresses last", () => {
  const rows = [{ ip: "2001:db8::ffff:1234", count: 7, text: "a text that is too long for it" }];
  for (let columns = 16; columns < 60; columns++) {
    for (const line of lines(rows, columns)) assert.ok(textWidth(line) <= columns, `${columns}: ${line}`);
  }
  assert.deepEqual(lines(rows, 30), ["IP                   N  TEXT", "2001:db8::ffff:1234  7  a tex…"]);
  assert.equal(lines(rows, 20)[1], "2001:db8:…  7  a te…");
});

Deno.test("Table cuts nothing where the output is no terminal", () => {
  const text = "long ".repeat(100).trim();
  assert.equal(lines([{ ip: "10.0.0.1", count: 7, text }])[1], `10.0.0.1  7  ${text}`);
});

Deno.test("Table keeps colours off the blanks and its widths through all batches", () => {
  const table = new Table(COLUMNS, { size: () => ({ columns: 80, rows: 24 }), colors: true });
  assert.equal(
    table.lines([{ ip: "10.0.0.1", count: 7, text: "a" }]),
    "\x1b[1mIP\x1b[0m        \x1b[1mN\x1b[0m  \x1b[1mTEXT\x1b[0m\n10.0.0.1  7  a\n",
  );
  assert.equal(table.lines([{ ip: "::1", count: 12, text: "longer" }]), "::1       \x1b[31m…\x1b[0m  lon…\n");
});
