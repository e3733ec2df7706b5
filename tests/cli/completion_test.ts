import assert from "node:assert/strict";
import { call } from "./scene.ts";

/** What bash offers for command lines that end at the cursor; run by bash itself. */
async function offered(lines: readonly string[], folder: string): Promise<string[][]> {
  const script = (await call(["completion", "bash"])).out;
  // COMP_WORDBREAKS makes words of their own of = signs, as readline does.
  const driver = `
cd ${folder} || exit 3
source /dev/stdin <<'SCRIPT'
${script}
SCRIPT
complete -p elves-heartbeat
for line in "$@"; do
  words=\${line//=/ = }
  read -ra COMP_WORDS <<<"$words"
  [[ $line != *[\\ =] ]] || COMP_WORDS+=("")
  [[ $line != *= ]] || unset 'COMP_WORDS[-1]'
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
  _elves_heartbeat 2>&1
  echo "\${COMPREPLY[*]}"
done`;
  const command = new Deno.Command("bash", { args: ["--norc", "-c", driver, "bash", ...lines], stderr: "piped" });
  const { code, stdout, stderr } = await command.output();
  assert.equal(new TextDecoder().decode(stderr), "");
  assert.equal(code, 0);
  const [how, ...replies] = new TextDecoder().decode(stdout).trimEnd().split("\n");
  assert.equal(how, "complete -F _elves_heartbeat elves-heartbeat");
  return replies.map((reply) => reply === "" ? [] : reply.split(" "));
}

Deno.test("completion bash completes commands, options, states, sort keys, kinds and files in a real bash", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hb-bash-" });
  try {
    await Deno.writeTextFile(`${folder}/conf.properties`, "");
    await Deno.writeTextFile(`${folder}/other.db`, "");
    const program = "elves-heartbeat";
    const cases: [string, string[]][] = [
      ["st", ["status"]],
      ["agents ", ["list", "show", "watch", "forget", "prune"]],
      ["agents l", ["list"]],
      ["apps ", ["show", "history", "diff", "accept", "rollback"]],
      ["silence r", ["remove"]],
      ["guard ", ["release"]],
      ["completion ", ["bash"]],
      ["help ag", ["agents"]],
      ["help agents w", ["watch"]],
      ["--config conf.properties agents s", ["show"]],
      ["--config=conf.properties agents s", ["show"]],
      ["agents list --st", ["--state"]],
      ["agents list --state o", ["online", "offline"]],
      ["agents list --state=off", ["offline"]],
      ["agents list --state=", ["online", "suspect", "offline", "live", "all"]],
      ["agents list --state offline --so", ["--sort"]],
      ["agents list --sort -s", ["-state", "-since", "-silent"]],
      ["agents list --silenced ", ["true", "false"]],
      ["agents show --", ["--json", "--config", "--help"]],
      ["apps --state l", ["live"]],
      ["apps show cron --status m", ["missing", "matching"]],
      ["events --kind guard", ["guardOn", "guardOff"]],
      ["events --kind audit,guardO", ["audit,guardOn", "audit,guardOff"]],
      ["status --config co", ["conf.properties"]],
      ["--config o", ["other.db"]],
      ["backup o", ["other.db"]],
      ["backup --f", ["--force"]],
      ["agents prune --older-than ", []],
      ["--c", ["--config"]],
    ];
    const replies = await offered(cases.map(([line]) => `${program} ${line}`), folder);
    cases.forEach(([line, expected], i) => assert.deepEqual(replies[i] ?? [], expected, line));
    const [all = []] = await offered([`${program} `], folder);
    assert.deepEqual(all.slice(0, 4), ["run", "check", "status", "agents"]);
    assert.equal(new Set(all).size, all.length);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
