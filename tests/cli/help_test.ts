import assert from "node:assert/strict";
import { parseArguments } from "../../src/cli/arguments.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { call } from "./scene.ts";

Deno.test("help lists every command in 80 columns", async () => {
  const { code, out } = await call(["help"]);
  assert.equal(code, 0);
  for (const { name } of COMMANDS) assert.match(out, RegExp(`^  ${name}  +[a-z]`, "m"));
  assert.match(out, /Usage: elves-heartbeat \[COMMAND\]/);
  assert.match(out, /Exit codes: 0/);
});

Deno.test("help explains every command and each of its options in 80 columns", async () => {
  for (const { name, options = [] } of COMMANDS) {
    const { code, out } = await call(["help", ...name.split(" ")]);
    assert.equal(code, 0);
    assert.ok(out.startsWith(`Usage: elves-heartbeat ${name}`), out);
    for (const option of options) assert.match(out, RegExp(`^  --${option.name}\\b`, "m"));
    for (const line of out.split("\n")) assert.ok(line.length <= 80 || line.startsWith("  elves-heartbeat"), line);
    if (name !== "help") assert.deepEqual((await call([...name.split(" "), "--help"])).out, out);
  }
});

Deno.test("help has examples that are understood", () => {
  for (const { name, examples = [] } of COMMANDS) {
    for (const [line] of examples) {
      const words = [...line.split(" > ")[0]!.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, word]) => quoted ?? word!);
      const { command } = parseArguments(words, "");
      assert.ok(command.name === name || command.name.startsWith(`${name} `), line);
    }
  }
});

Deno.test("help of a group lists its commands, of something else is a usage error", async () => {
  const { out } = await call(["help", "silence"]);
  assert.match(out, /^Usage: elves-heartbeat silence add\|list\|remove\n/);
  const { code, err } = await call(["help", "silences"]);
  assert.equal(code, 2);
  assert.match(err, /unknown command "silences"/);
});
