import assert from "node:assert/strict";
import { parseArguments } from "../../src/cli/arguments.ts";
import { UsageError } from "../../src/cli/command.ts";

const DEFAULT = "/opt/conf.properties";

function parse(line: string) {
  const { command, config, operands, options } = parseArguments(line === "" ? [] : line.split(" "), DEFAULT);
  return { name: command.name, config, operands, options };
}

Deno.test("parseArguments finds the command, its operands and options in any order", () => {
  const cases: [string, string, string[]][] = [
    ["", "run", []],
    ["--config f", "run", []],
    ["--version", "version", []],
    ["status --config f", "status", []],
    ["--config f status", "status", []],
    ["--config=f agents list web", "agents list", ["web"]],
    ["agents --config f list", "agents list", []],
    ["agents forget 10.0.0.1 --yes 10.0.0.2", "agents forget", ["10.0.0.1", "10.0.0.2"]],
    ["agents list -- --odd", "agents list", ["--odd"]],
    ["apps", "apps", []],
    ["apps show show", "apps show", ["show"]],
    ["apps diff 1 held", "apps diff", ["1", "held"]],
    ["help agents list", "help", ["agents", "list"]],
    ["agents list --help", "help", ["agents", "list"]],
    ["agents -h", "help", ["agents"]],
    ["--help", "help", []],
    ["agents forget --help", "help", ["agents", "forget"]],
  ];
  for (const [line, name, operands] of cases) {
    const parsed = parse(line);
    assert.deepEqual([parsed.name, parsed.operands], [name, operands], line);
    assert.equal(parsed.config, /config/.test(line) ? "f" : DEFAULT);
  }
});

Deno.test("parseArguments reads the values of options", () => {
  const { options } = parse("agents list --sort -silent --state=offline --version 1.0 --json --limit 7");
  assert.equal(options.text("sort"), "-silent");
  assert.equal(options.text("state"), "offline");
  assert.equal(options.text("version"), "1.0");
  assert.equal(options.has("json"), true);
  assert.equal(options.has("q"), false);
  assert.equal(options.count("limit", 50), 7);
  assert.equal(parse("agents list").options.count("limit", 50), 50);
  assert.equal(parse("agents list --q=a=b").options.text("q"), "a=b");
  assert.equal(parse("events --kind guardOn,guardOff").options.text("kind"), "guardOn,guardOff");
});

Deno.test("parseArguments refuses what it does not understand, and names what was meant", () => {
  const cases: [string, string, string?][] = [
    ["serve", 'unknown command "serve"'],
    ["stauts", 'unknown command "stauts"; did you mean status?'],
    ["agents lst", 'unknown command "agents lst"; did you mean agents list?'],
    ["agents", '"agents" needs one more word: list, show, watch, forget, prune', "agents"],
    ["agents list --stat x", 'unknown option "--stat"; did you mean --state?', "agents list"],
    ["status --wide", 'unknown option "--wide"', "status"],
    ["status -j", 'unknown option "-j"', "status"],
    ["status --json=yes", '--json takes no value, "yes" came', "status"],
    ["status --config", "--config needs a value: --config FILE", "status"],
    ["agents list --state --json", "--state needs a value: --state STATE", "agents list"],
    [
      "agents list --state offlin",
      '--state must be one of online, suspect, offline, live, all, "offlin" came; did you mean offline?',
      "agents list",
    ],
    ["agents list --silenced maybe", '--silenced must be true or false, "maybe" came', "agents list"],
    ["agents list --q a --q b", "--q came twice", "agents list"],
    ["agents list a b", 'unexpected argument "b"', "agents list"],
    ["agents show", "agents show needs IP", "agents show"],
    ["agents forget", "agents forget needs IP...", "agents forget"],
    ["completion zshell", 'SHELL must be bash, "zshell" came', "completion"],
  ];
  for (const [line, message, command] of cases) {
    assert.throws(() => parse(line), (cause) => {
      assert.ok(cause instanceof UsageError, line);
      assert.deepEqual([cause.message, cause.command], [message, command]);
      return true;
    });
  }
  const { options } = parse("agents list --limit many");
  assert.throws(() => options.count("limit", 50), /--limit must be a whole number, "many" came/);
});
