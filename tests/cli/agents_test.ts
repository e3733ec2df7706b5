import assert from "node:assert/strict";
import { textWidth } from "../../src/cli/text_width.ts";
import { waitFor } from "../support/wait_for.ts";
import { plain } from "./pty.ts";
import { CliScene, SUPERVISED } from "./scene.ts";

/** A small fleet with one of each kind of oddity. */
async function fleet(): Promise<CliScene> {
  const scene = await CliScene.start("agent.timeout = 10m\n");
  scene.beat("10.0.0.9", { asset: "服务器-机架七-上海数据中心-生产环境", version: "0.3.2" });
  scene.pass(11 * 60_000);
  scene.beat("10.0.0.10", { apps: '{"cron":"2.1.0","shell":"1.0.3","a-rather-long-name":"10.20.30"}' });
  scene.beat("10.0.0.2", { asset: "evil\u202etxt" });
  scene.beat("10.0.0.1", { apps: "broken" });
  scene.pass(65_000);
  return scene;
}

Deno.test("agents list shows the fleet in 80 columns, by address, and what is odd", async () => {
  await using scene = await fleet();
  assert.deepEqual((await scene.output("agents list", { columns: 80 })).split("\n"), [
    "STATE    IP         ASSET                 SILENT  VERSION  APPS",
    "online   10.0.0.1   web-1                  1m 5s  0.3.3    [apps unreadable]",
    "online   10.0.0.2   evil\\u202etxt          1m 5s  0.3.3    cron 2.1.0",
    "offline  10.0.0.9   服务器-机架七-上海…   12m 5s  0.3.2    cron 2.1.0",
    "online   10.0.0.10  web-10                 1m 5s  0.3.3    cron 2.1.0, shell 1.…",
    "",
  ]);
});

Deno.test("agents list uses a wide window, cuts nothing in a file, and colours states on a terminal", async () => {
  await using scene = await fleet();
  const wide = await scene.output("agents list", { columns: 140 });
  assert.match(wide, /服务器-机架七-上海数据中心-生产环境 /);
  assert.match(wide, /cron 2\.1\.0, shell 1\.0\.3, a-rather-long-name 10\.20\.30$/m);
  for (const line of wide.split("\n")) assert.ok(textWidth(line) <= 140);
  assert.equal(await scene.output("agents list"), wide);
  const colored = await scene.output("agents list", { columns: 80, colors: true });
  assert.equal(plain(colored), await scene.output("agents list", { columns: 80 }));
  assert.ok(colored.includes("\x1b[31moffline\x1b[0m  10.0.0.9"));
});

Deno.test("agents list takes the filters and orders of the API", async () => {
  await using scene = await fleet();
  const listed = async (line: string) => {
    const out = await scene.output(`agents list ${line}`);
    return out.split("\n").slice(1, -1).map((row) => row.split(/\s+/)[1]);
  };
  assert.deepEqual(await listed("--state offline"), ["10.0.0.9"]);
  assert.deepEqual(await listed("web-10"), ["10.0.0.10"]);
  assert.deepEqual(await listed("--q evil"), ["10.0.0.2"]);
  assert.deepEqual(await listed("--cidr 10.0.0.8/29"), ["10.0.0.9", "10.0.0.10"]);
  assert.deepEqual(await listed("--asset web-1"), ["10.0.0.1"]);
  assert.deepEqual(await listed("--app cron@2.1.0 --state live"), ["10.0.0.2", "10.0.0.10"]);
  assert.deepEqual(await listed("--version 0.3.2"), ["10.0.0.9"]);
  assert.deepEqual(await listed("--silent-for 5m"), ["10.0.0.9"]);
  assert.deepEqual(await listed("--sort -ip --limit 2"), ["10.0.0.10", "10.0.0.9"]);
  assert.deepEqual(await listed("--sort -silent --limit 1"), ["10.0.0.9"]);
  await scene.output("silence add --cidr 10.0.0.2 --for 1h");
  assert.deepEqual(await listed("--silenced true"), ["10.0.0.2"]);
  assert.match(await scene.output("agents list evil"), /\[silenced\] cron/);
});

Deno.test("agents list tells how many more there are, and that there are none", async () => {
  await using scene = await fleet();
  const some = await scene.call("agents list --limit 3", { columns: 80 });
  assert.equal(some.out.split("\n").length, 5);
  assert.equal(some.err, "... 1 more, --limit 0 for all\n");
  const none = await scene.call("agents list nobody");
  assert.deepEqual([none.code, none.out, none.err], [0, "", "no agents\n"]);
});

Deno.test("agents list refuses with 2 what the API refuses, in the words of the command line", async () => {
  await using scene = await fleet();
  const span = await scene.call("agents list --silent-for soon");
  assert.equal(span.code, 2);
  assert.match(span.err, /^--silent-for must be .*"soon" came\n$/);
  const range = await scene.call("agents list --cidr 10.0");
  assert.equal(range.code, 2);
  assert.match(range.err, /^cidr must be/);
  const twice = await scene.call("agents list a --q b");
  assert.match(twice.err, /TEXT came twice: "a" and --q/);
});

Deno.test("agents list --json gives all rows of a large fleet, each once, in both ways of walking", async () => {
  await using scene = await CliScene.start();
  for (let i = 0; i < 2_345; i++) scene.beat(`10.1.${i >> 8}.${i & 255}`, { asset: `n${i % 7}` });
  for (const order of ["", " --sort asset", " --sort -ip"]) {
    let writes = 0;
    const out = await scene.output(`agents list --json${order}`, { onWrite: () => writes++ });
    const { total, agents } = JSON.parse(out);
    assert.equal(total, 2_345);
    assert.equal(new Set(agents.map(({ ip }: { ip: string }) => ip)).size, 2_345);
    assert.equal(writes, 4, "page by page and the end");
  }
  const { agents } = JSON.parse(await scene.output("agents list --json --limit 1500 --sort -ip"));
  assert.deepEqual([agents.length, agents[0].ip], [1_500, "10.1.9.40"]);
  const api = await (await fetch(`${scene.test.url}/api/v1/agents?size=1&sort=-ip`)).json();
  assert.deepEqual(agents[0], api.agents[0]);
  assert.deepEqual(JSON.parse(await scene.output("agents list nobody --json")), { total: 0, agents: [] });
  assert.equal((await scene.output("agents list --limit 0")).split("\n").length, 2_347);
});

Deno.test("agents show tells everything about an agent, and what happened to it", async () => {
  await using scene = await CliScene.start(SUPERVISED);
  const entry = { app: "shell", version: "1.0.3", agentList: ["10.0.0.1"] };
  await scene.test.app.catalog.offer({ result: [entry, { ...entry, app: "cron", version: "2.1.0" }] });
  scene.beat("10.0.0.1", { apps: '{"cron":"2.1.0","old":"1"}' });
  const out = await waitFor(async () => {
    const text = await scene.output("agents show 10.0.0.1", { columns: 80 });
    return /Last events/.test(text) && text;
  }, { timeoutMs: 10_000, what: "the event in the store" });
  assert.match(out, /^ {2}agent {6}10\.0\.0\.1 {2}web-1\n {2}state {6}online since \d{4}-/);
  assert.match(out, /^ {2}last beat {2}0s ago, \d{4}-/m);
  assert.match(
    out,
    /^APP {4}WANTED {2}INSTALLED\ncron {3}2\.1\.0 {3}2\.1\.0\nold {4}- {7}1 {10}differs\nshell {2}1\.0\.3 {3}- {10}differs\n/m,
  );
  assert.match(out, /^Last events\nTIME +EVENT +WHAT\n.* agentOnline +first\n$/m);
  await scene.output("silence add --asset web-* --for 1h --reason maintenance");
  assert.match(
    await scene.output("agents show 10.0.0.1"),
    /^ {2}silenced {3}until .* by local, "maintenance" \(\w+\)$/m,
  );
  const json = JSON.parse(await scene.output("agents show 10.0.0.1 --json"));
  assert.deepEqual([json.wanted.shell, json.events[0].kind], ["1.0.3", "agentOnline"]);
  const missing = await scene.call("agents show 10.9.9.9");
  assert.equal(missing.code, 1);
  assert.match(missing.err, /there is no agent "10\.9\.9\.9"/);
});

Deno.test("agents forget asks first, and forgets all that are there", async () => {
  await using scene = await fleet();
  const nobody = await scene.call("agents forget 10.0.0.9");
  assert.equal(nobody.code, 2);
  assert.match(nobody.err, /agents forget asks first, and nobody can answer here: add --yes/);
  const no = await scene.call("agents forget 10.0.0.9", { answer: false });
  assert.deepEqual([no.code, no.err, no.asked], [1, "nothing was changed\n", ["Forget agent 10.0.0.9?"]]);
  assert.equal(JSON.parse(await scene.output("agents list --json")).total, 4);
  const yes = await scene.call("agents forget 10.0.0.9 10.9.9.9 10.0.0.10", { answer: true });
  assert.deepEqual([yes.code, yes.out], [1, "10.0.0.9 is forgotten\n10.0.0.10 is forgotten\n"]);
  assert.match(yes.err, /^10\.9\.9\.9: there is no agent/);
  assert.equal(JSON.parse(await scene.output("agents list --json")).total, 2);
  assert.equal(await scene.output("agents forget 10.0.0.1 --yes"), "10.0.0.1 is forgotten\n");
});

Deno.test("agents prune forgets who has been offline for long, and nobody else", async () => {
  await using scene = await fleet();
  scene.pass(3 * 60_000);
  const missing = await scene.call("agents prune");
  assert.match(missing.err, /needs --older-than DURATION/);
  const wrong = await scene.call("agents prune --older-than long --yes");
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /^--older-than must be a duration/);
  assert.equal((await scene.call("agents prune --older-than 1m")).code, 2);
  const done = await scene.call("agents prune --older-than 1m", { answer: true });
  assert.deepEqual([done.code, done.out], [0, "1 agent forgotten\n"]);
  assert.deepEqual(done.asked, ["Forget the agents that have been offline for 1m (1 agent at most)?"]);
  assert.equal(await scene.output("agents prune --older-than 1m"), "0 agents forgotten\n");
});

Deno.test("agents watch prints a line for each change where the output is a file", async () => {
  await using scene = await fleet();
  const { promise: stopped, resolve: stop } = Promise.withResolvers<string>();
  let out = "";
  const watching = scene.call("agents watch", { stopped, onWrite: (text) => out = text });
  let beats = 0;
  await waitFor(() => {
    // The watch has begun when it has told of a change; before, a change is a part of its beginning.
    scene.beat(`10.0.1.${++beats % 200}`);
    return /10\.0\.1\.\d+ {2}- -> online/.test(out);
  }, { timeoutMs: 10_000, what: "a new agent" });
  scene.beat("10.0.0.9");
  await waitFor(() => /10\.0\.0\.9 {2}offline -> online\n/.test(out), {
    timeoutMs: 10_000,
    what: "the agent's return",
  });
  await scene.output("agents forget 10.0.0.9 --yes");
  await waitFor(() => /10\.0\.0\.9 {2}online -> -\n/.test(out), { timeoutMs: 10_000, what: "the agent's end" });
  stop("SIGINT");
  assert.equal((await watching).code, 0);
});
