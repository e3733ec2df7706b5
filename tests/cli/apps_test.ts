import assert from "node:assert/strict";
import { waitFor } from "../support/wait_for.ts";
import { CliScene, SUPERVISED } from "./scene.ts";

function entries(versions: Readonly<Record<string, readonly string[]>>) {
  return {
    result: Object.entries(versions).map(([name, agentList]) => {
      const [app = "", version = ""] = name.split(" ");
      return { app, version, agentList: [...agentList] };
    }),
  };
}

/** Three agents, two apps, two catalogs in the store. */
async function rollout(): Promise<CliScene> {
  const scene = await CliScene.start(SUPERVISED);
  const ips = ["10.0.0.1", "10.0.0.2", "10.0.0.3"];
  await scene.test.app.catalog.offer(entries({ "cron 2.0.9": ips }));
  scene.clock.advance(60_000);
  await scene.test.app.catalog.offer(entries({ "cron 2.1.0": ips, "shell 1.0": ["10.0.0.1"] }));
  scene.beat("10.0.0.1", { apps: '{"cron":"2.1.0","shell":"1.0"}' });
  scene.beat("10.0.0.2", { apps: '{"cron":"2.0.9"}' });
  scene.beat("10.0.0.3", { apps: "{}" });
  await waitFor(async () => JSON.parse(await scene.output("apps history --json")).catalogs.length === 2, {
    timeoutMs: 10_000,
    what: "both catalogs in the store",
  });
  return scene;
}

Deno.test("apps shows how far each version is rolled out", async () => {
  await using scene = await rollout();
  assert.deepEqual((await scene.output("apps", { columns: 80 })).split("\n"), [
    "APP    VERSION  WANTED  RUNNING  DONE  MISSING  UNWANTED",
    "cron   2.0.9         0        0     -        0         1",
    "cron   2.1.0         3        1   33%        2         0",
    "shell  1.0           1        1  100%        0         0",
    "",
    "WANTED comes from elves-supervisor, RUNNING from 3 agents",
    "",
  ]);
  assert.equal(JSON.parse(await scene.output("apps --json")).apps.length, 2);
  // Nobody is offline: what the catalog lists is shown all the same.
  const nobody = (await scene.output("apps --state offline", { columns: 80 })).split("\n");
  assert.deepEqual(nobody.slice(1, 3).map((line) => line.split(/ +/)), [
    ["cron", "-", "0", "0", "-", "0", "0"],
    ["shell", "-", "0", "0", "-", "0", "0"],
  ]);
  assert.equal(nobody.at(-2), "WANTED comes from elves-supervisor, RUNNING from 0 agents");
});

Deno.test("apps says that nothing is known as long as supervisor is silent", async () => {
  await using scene = await CliScene.start(SUPERVISED);
  const { code, err } = await scene.call("apps");
  assert.equal(code, 0);
  assert.equal(err, "what agents shall run is not known: no answer from supervisor yet\nno apps on 0 agents\n");
});

Deno.test("apps show tells who misses an app", async () => {
  await using scene = await rollout();
  assert.deepEqual((await scene.output("apps show cron", { columns: 80 })).split("\n"), [
    "STATE   IP        ASSET  WANTED  INSTALLED",
    "online  10.0.0.1  web-1  2.1.0   2.1.0",
    "online  10.0.0.2  web-2  2.1.0   2.0.9",
    "online  10.0.0.3  web-3  2.1.0   -",
    "",
  ]);
  const missing = await scene.call("apps show cron --status missing --limit 1");
  assert.match(missing.out, /10\.0\.0\.2/);
  assert.equal(missing.err, "... 1 more, --limit 0 for all\n");
  const json = JSON.parse(await scene.output("apps show cron --status unwanted --json"));
  assert.deepEqual([json.total, json.agents[0].ip], [1, "10.0.0.2"]);
  assert.equal(JSON.parse(await scene.output("apps show cron --version 2.1.0 --status matching --json")).total, 1);
});

Deno.test("apps history, diff and rollback work on the catalogs of the past", async () => {
  await using scene = await rollout();
  const history = (await scene.output("apps history", { columns: 80 })).split("\n");
  assert.match(history[0]!, /^ *ID {2}TAKEN {16}SOURCE/);
  assert.match(history[1]!, /^ *\d+ {2}\d{4}-.* {2}supervisor .* 2 +3 +in force$/);
  const older = /^ *(\d+)/.exec(history[2]!)![1]!;
  assert.deepEqual((await scene.output(`apps diff ${older}`, { columns: 80 })).split("\n"), [
    "APP    VERSION  ADDED  REMOVED  AGENTS",
    "cron   2.0.9       +0       -3  -10.0.0.1 -10.0.0.2 -10.0.0.3",
    "cron   2.1.0       +3       -0  +10.0.0.1 +10.0.0.2 +10.0.0.3",
    "shell  1.0         +1       -0  +10.0.0.1",
    "",
  ]);
  assert.equal((await scene.call(`apps diff ${older} ${older}`)).err, "no differences\n");
  assert.equal((await scene.call(`apps rollback ${older}`)).code, 2);
  assert.equal(await scene.output(`apps rollback ${older} --yes`), "it is in force now\n");
  assert.match(await scene.output("apps"), /^cron +2\.0\.9 +3 +1 /m);
  const unknown = await scene.call("apps rollback 999 --yes");
  assert.equal(unknown.code, 1);
  assert.match(unknown.err, /999/);
});

Deno.test("apps accept puts the held catalog in force, after showing what it is", async () => {
  await using scene = await rollout();
  assert.deepEqual((await scene.call("apps accept")).err, "no catalog is held\n");
  // Nobody is there to confirm it, so it is held.
  await scene.test.app.catalog.offer({ result: [] });
  const status = await scene.call("status");
  assert.match(status.out, /HELD/);
  assert.match(await scene.output("apps history"), /^HELD since .*see apps diff, apps accept$/m);
  assert.match(await scene.output("apps diff"), /^cron +2\.1\.0 +\+0 +-3/m);
  const no = await scene.call("apps accept", { answer: false });
  assert.equal(no.code, 1);
  assert.match(no.asked[0]!, /Put it in force \(0 apps for 0 agents/);
  assert.equal(await scene.output("apps accept", { answer: true }), "it is in force now\n");
  assert.equal((await scene.call("apps accept")).code, 1);
});

Deno.test("apps commands say where a catalog comes from that is not supervisor's", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.0.0.1");
  assert.match(await scene.output("apps --state all"), /WANTED comes from auth\.localAppInfo/);
  const { code, err } = await scene.call("apps diff");
  assert.equal(code, 1);
  assert.match(err, /auth\.localAppInfo/);
});
