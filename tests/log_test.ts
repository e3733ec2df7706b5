import { strict as assert } from "node:assert";
import { MemoryLog } from "./support/memory_log.ts";

Deno.test("log lines stay one line, and read as they are, whatever text peers sent", () => {
  using log = new MemoryLog();
  for (const text of ["plain 名 <b>", "a\nb", "\x9b2J", "\x7f", "\u2028", "abc\u202egnp"]) {
    log.logger.info("agents: {text}", { text });
    log.logger.info("failed: {cause}", { cause: new Error(text) });
  }
  const said = log.lines.map((line) => line.replace(/^\S+ INF /, ""));
  assert.deepEqual(said.filter((line) => line.startsWith("agents:")), [
    "agents: plain 名 <b>",
    String.raw`agents: "a\nb"`,
    String.raw`agents: "\u009b2J"`,
    String.raw`agents: "\u007f"`,
    String.raw`agents: "\u2028"`,
    String.raw`agents: "abc\u202egnp"`,
  ]);
  assert.deepEqual(
    said.filter((line) => line.startsWith("failed:")),
    said.filter((line) => line.startsWith("agents:")).map((line) => line.replace("agents", "failed")),
  );
});
