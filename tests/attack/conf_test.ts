import assert from "node:assert/strict";
import fc from "fast-check";
import { findingText, readConfig } from "../../src/config/config.ts";
import { KEYS, settingOf } from "../../src/config/schema.ts";
import { fuzz, nastyText } from "./fuzz.ts";

const SECRET = "Hunter2-Hunter2-Hunter2";
/** What a secret becomes in a message that shows it, also when it is cut or in other letters. */
const SHOWN = /hunter2/i;
const SECRET_KEYS = KEYS.filter((key) => settingOf(key).secret);

/** A value that holds the secret, as passwords and logins are written, rightly and wrongly. */
const secretValue = fc.constantFrom(
  SECRET,
  `ops:${SECRET}`,
  `digest:user:${SECRET}`,
  `ops:${SECRET}, ops:${SECRET}`,
  `x # ${SECRET}`,
  `${SECRET}\\`,
  `\\u12 ${SECRET}`,
  ` \t${SECRET}\\\n  ${SECRET}`,
  `ä:${SECRET}`,
  `:${SECRET}`,
  `ops:${SECRET}\u0007`,
);
const separator = fc.constantFrom("=", ":", " ", "\t", " = ", "  :  ", "=  ", "\\=", "\\ ", "\\:", "");
const key = fc.oneof(
  fc.constantFrom(...KEYS),
  fc.constantFrom(...KEYS).map((name) => name.slice(1)),
  fc.constantFrom(
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "zookeeper.heartbeat.port",
    "#mq.ip",
    "!x",
    "\\u006dq.ip",
  ),
  nastyText,
);
const value = fc.oneof(
  nastyText,
  fc.constantFrom(
    "\\u12",
    "\\",
    "{'a':'1'}",
    "{__proto__:'1'}",
    "{constructor:1}",
    "::/129",
    "1e9",
    "-0",
    "0x10",
    "5m",
  ),
  fc.constantFrom("999999999999999999999d", "a:b:c,,", "[::1]:1", "[[[[", `http://u:${SECRET}@h/`, "0".repeat(400)),
);
const secretLine = fc.tuple(fc.constantFrom(...SECRET_KEYS), separator.filter((text) => text !== ""), secretValue);
const line = fc.oneof(fc.tuple(key, separator, value), secretLine).map((parts) => parts.join(""));
const text = fc.tuple(fc.array(line, { maxLength: 12 }), fc.constantFrom("\n", "\r\n", "\r")).map(([lines, end]) =>
  lines.join(end)
);

/** Files that settings name: some hold the secret, some cannot be read. */
const FILES = {
  readFile: (path: string): string => {
    if (path.length % 2 === 0) throw new Error(`No such file or directory (os error 2): readfile '${path}'`);
    return path.length % 3 === 0 ? `${SECRET}\n` : "";
  },
};

function check(conf: string): void {
  const result = readConfig(conf, FILES);
  const faults = "faults" in result ? result.faults : [];
  assert.ok("settings" in result || faults.length > 0);
  for (const finding of [...faults, ...result.warnings]) {
    assert.ok(finding.message.length > 10, "a message says something");
    assert.equal(typeof finding.key, "string");
    assert.ok(finding.line === undefined || finding.line >= 1);
    assert.doesNotMatch(findingText("conf.properties", finding), SHOWN);
  }
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
  assert.deepEqual(Object.keys(Object.prototype), []);
}

Deno.test("readConfig takes or refuses any text with a reason, and shows no secret", async () => {
  await fuzz("conf.properties", { cases: text, check }, { seconds: 4, found: FOUND });
});

/** What once threw, or showed a secret. */
const FOUND: readonly string[] = [
  `mq.ip=C:\\\nzookeeper.auth=digest:user:${SECRET}`,
  `mq.password\\=${SECRET}`,
  `mq.passwordFile=C:\\\nmq.password=${SECRET}`,
  `zookeeper.auth\\:${SECRET}\\\nx=\\u12`,
];
