import assert from "node:assert/strict";
import { clusterParts, isClusterAtFault } from "../../src/cli/cluster.ts";
import { CliScene, SUPERVISED } from "./scene.ts";

Deno.test("status shows the service in one screen, and ends with 1 when a part is at fault", async () => {
  await using scene = await CliScene.start("agent.timeout = 10m\n");
  for (let i = 1; i <= 1234; i++) scene.beat(`10.0.${i >> 8}.${i & 255}`);
  const { code, out } = await scene.call("status", { columns: 80 });
  assert.equal(code, 1, "RabbitMQ is not there");
  const lines = out.split("\n");
  assert.match(lines[0]!, /^elves-heartbeat \d+\.\d+\.\d+ \(.+\) on \S+: a part is at fault$/);
  assert.match(out, /^ {2}up {9}0s, since \d{4}-/m);
  assert.match(out, /^ {2}agents {5}1,234: 1,234 online, 0 suspect, 0 offline$/m);
  assert.match(out, /^ {2}beats .*; offline after 10m$/m);
  assert.match(out, /^ {2}guard {6}off$/m);
  assert.match(out, /^ {2}catalog {4}from local: 1 app for every agent$/m);
  assert.match(out, /^ {2}rabbitmq {3}(down|connecting) for /m);
  assert.match(out, /^ {2}zookeeper {2}disabled$/m);
  assert.match(out, /^ {2}store {6}ok for /m);
  assert.ok(out.includes(`\n  page       ${scene.test.url}/\n`));
  assert.ok(lines.length <= 24, out);
  for (const line of lines) assert.ok(line.length <= 80, line);
  const json = await scene.call("status --json");
  assert.deepEqual([json.code, JSON.parse(json.out).agents.online], [1, 1234]);
});

Deno.test("status says that the guard is on, and guard release ends it once", async () => {
  await using scene = await CliScene.start("agent.timeout = 10m\n");
  const off = await scene.call("guard release --yes");
  assert.deepEqual([off.code, off.err], [1, "the guard is not on\n"]);
  for (let i = 1; i <= 10; i++) scene.beat(`10.0.0.${i}`);
  scene.pass(10 * 60_000);
  assert.match(
    (await scene.call("status")).out,
    /^ {2}guard {6}ON since \S+ \S+: 10 of 10 agents silent, 10 held, ends by /m,
  );
  assert.equal((await scene.call("guard release", { answer: false })).code, 1);
  assert.equal(await scene.output("guard release --yes"), "the guard is released\n");
  assert.match((await scene.call("status")).out, /^ {2}guard {6}off$/m);
});

Deno.test("status says what is not known and what is held", async () => {
  await using scene = await CliScene.start(SUPERVISED);
  assert.match((await scene.call("status")).out, /^ {2}catalog {4}from supervisor: not known yet/m);
  scene.beat("10.0.0.1");
  const { catalog } = scene.test.app;
  await catalog.offer({ result: [{ app: "cron", version: "1", agentList: ["10.0.0.1"] }] });
  assert.match(
    (await scene.call("status")).out,
    /^ {2}catalog {4}from supervisor: 1 app for 1 agent, confirmed 0s ago$/m,
  );
  await scene.output("silence add --cidr 10.0.0.0/8 --for 1h");
  assert.match((await scene.call("status")).out, /^ {2}silences {3}1 in force$/m);
});

Deno.test("status of one of several instances that hears nobody says so, and is a fault", async () => {
  await using scene = await CliScene.start("cluster.enabled = true\n");
  const { code, out } = await scene.call("status");
  assert.equal(code, 1);
  assert.match(out, /^ {2}cluster {4}1 instance, catching up, nobody is called offline, no leader, lag 0.00s$/m);
});

Deno.test("status lists the other instances, and marks what is wrong with them", () => {
  const member = {
    instance: "hb-2-11102",
    version: "1.0.0",
    skew_seconds: 0.01,
    seen_seconds: 0.6,
    catalog: "0123456789",
  };
  const cluster = {
    ...{ enabled: true, caught_up: true, settled: true, leader: "hb-1-11102", lag_seconds: 0.004 },
    ...{ catalog: "0123456789", members: [member], catalog_mismatch: false, pending_events: 0 },
  } as const;
  assert.deepEqual(clusterParts(cluster).map(({ text, style }) => [text, style]), [
    ["2 instances, all known, leader hb-1-11102, lag 0.00s", undefined],
    ["hb-2-11102 1.0.0, seen 1s ago, catalog 01234567", undefined],
  ]);
  assert.equal(isClusterAtFault(cluster), false);
  const odd = {
    ...{ ...cluster, settled: false, leader: null, catalog_mismatch: true, pending_events: 3 },
    members: [{ ...member, skew_seconds: -2.1, catalog: "f".repeat(10) }, { ...member, skew_seconds: 1.9 }],
  };
  assert.deepEqual(clusterParts(odd).map(({ text, style }) => [text, style]), [
    ["3 instances, waiting for others, no leader, lag 0.00s, 3 events waiting", "warning"],
    ["instances have DIFFERENT CATALOGS", "bad"],
    ["hb-2-11102 1.0.0, seen 1s ago, catalog ffffffff, clock 2.1s ahead", "warning"],
    ["hb-2-11102 1.0.0, seen 1s ago, catalog 01234567, clock 1.9s behind", undefined],
  ]);
  assert.equal(isClusterAtFault(odd), true);
  assert.deepEqual(clusterParts({ enabled: false }), []);
});
