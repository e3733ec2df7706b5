import assert from "node:assert/strict";
import { readConfig } from "../../src/config/config.ts";
import { confText, settingsTable } from "../../src/config/docs.ts";
import { KEYS, SCHEMA } from "../../src/config/schema.ts";
import { TABLE } from "../support/write_docs.ts";

const root = new URL("../../", import.meta.url);

Deno.test("conf/conf.properties says what the schema says (deno task docs)", async () => {
  assert.equal(await Deno.readTextFile(new URL("conf/conf.properties", root)), confText());
});

Deno.test("README.md lists every setting as the schema has it (deno task docs)", async () => {
  const [table] = TABLE.exec(await Deno.readTextFile(new URL("README.md", root))) ?? [];
  assert.equal(table, settingsTable());
});

Deno.test("conf/conf.properties lacks only the password, and its commented defaults are the defaults", () => {
  const files = { readFile: () => "" };
  const shipped = readConfig(confText(), files);
  assert.ok("faults" in shipped);
  assert.deepEqual(shipped.faults.map((fault) => fault.key), ["mq.password"]);
  for (const key of KEYS) {
    const defaultText = SCHEMA[key].default;
    if (defaultText !== undefined) {
      assert.match(confText(), new RegExp(`^#?${key} = ${RegExp.escape(defaultText)}$`, "m"));
    }
  }
});

Deno.test("conf/conf.properties can be used with every key uncommented", () => {
  const everything = confText().replace(/^#(?=\w+\.)/gm, "").replace("mq.password =", "").replace(
    /^events\.webhookSecret =.*$/m,
    "",
  );
  const result = readConfig(everything, { readFile: () => "secret\n" });
  assert.ok("settings" in result, JSON.stringify(result));
});
