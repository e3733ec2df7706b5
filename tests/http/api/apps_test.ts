import assert from "node:assert/strict";
import { ApiScene, SUPERVISED } from "./scene.ts";

Deno.test("GET /apps compares what agents shall run with what they have, whatever the names", async () => {
  await using scene = await ApiScene.start(`agent.timeout = 60s\n${SUPERVISED}`);
  scene.beat({ ip: "10.0.0.5", apps: '{"a":"1"}' });
  scene.pass(60_000);
  scene.beat({ ip: "10.0.0.1", apps: '{"a":"1.10","__proto__":"1","toString":"3"}' });
  scene.beat({ ip: "10.0.0.2", apps: '{"a":"1.9"}' });
  scene.beat({ ip: "10.0.0.3", apps: "no JSON" });
  scene.beat({ ip: "10.0.0.4", apps: '{"a":"1.10"}' });
  const before = await scene.api.get("/api/v1/apps");
  assert.deepEqual([before.known, before.agents, before.unseen, before.unlisted], [false, 4, 0, 0]);
  const versions = before.apps.find(({ app }: { app: string }) => app === "a").versions;
  assert.deepEqual(versions, [
    { version: "1.9", wanted: 0, matching: 0, missing: 0, unwanted: 0, installed: 1 },
    { version: "1.10", wanted: 0, matching: 0, missing: 0, unwanted: 0, installed: 2 },
  ]);
  await scene.offer(
    ["a", "1.10", ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.5", "10.9.9.9"]],
    ["__proto__", "1", ["10.0.0.1", "10.0.0.2"]],
    ["constructor", "1", ["10.0.0.4"]],
  );
  const { apps, ...head } = await scene.api.get("/api/v1/apps");
  assert.deepEqual(head, { source: "supervisor", known: true, agents: 4, unseen: 1, unlisted: 0 });
  const one = (version: string, wanted: number, matching: number, installed: number) => ({
    ...{ version, wanted, matching, missing: wanted - matching, installed, unwanted: installed - matching },
  });
  assert.deepEqual(apps, [
    { app: "__proto__", wanted: 2, matching: 1, missing: 1, unwanted: 0, versions: [one("1", 2, 1, 1)] },
    {
      ...{ app: "a", wanted: 3, matching: 1, missing: 2, unwanted: 2 },
      versions: [one("1.9", 0, 0, 1), one("1.10", 3, 1, 2)],
    },
    { app: "constructor", wanted: 1, matching: 0, missing: 1, unwanted: 0, versions: [one("1", 1, 0, 0)] },
    { app: "toString", wanted: 0, matching: 0, missing: 0, unwanted: 1, versions: [one("3", 0, 0, 1)] },
  ]);
  const offline = await scene.api.get("/api/v1/apps?state=offline");
  const wanted = offline.apps.map((each: Record<string, unknown>) => [each.app, each.wanted, each.versions]);
  assert.deepEqual([offline.agents, offline.unseen], [1, 1]);
  assert.deepEqual(wanted, [["__proto__", 0, []], ["a", 1, [one("1", 0, 0, 1), one("1.10", 1, 0, 0)]], [
    ...["constructor", 0, []],
  ]]);
});

Deno.test("GET /apps with the local source wants the same of every agent", async () => {
  await using scene = await ApiScene.start("auth.localAppInfo = {'a':'1'}\n");
  assert.deepEqual(await scene.api.get("/api/v1/apps"), {
    ...{ source: "local", known: true, agents: 0, unseen: 0, unlisted: 0 },
    apps: [{ app: "a", wanted: 0, matching: 0, missing: 0, unwanted: 0, versions: [] }],
  });
  scene.pass(2_000);
  scene.beat({ ip: "10.0.0.1", apps: '{"a":"1"}' });
  scene.beat({ ip: "10.0.0.2" });
  const { apps: [app] } = await scene.api.get("/api/v1/apps");
  assert.deepEqual([app.wanted, app.matching, app.missing], [2, 1, 1]);
});

Deno.test("GET /apps answers the same for two seconds, and at once anew for another catalog", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  const agents = async () => (await scene.api.get("/api/v1/apps")).agents;
  assert.equal(await agents(), 0);
  scene.beat({ ip: "10.0.0.1" });
  scene.pass(1_999);
  assert.equal(await agents(), 0);
  scene.pass(1);
  assert.equal(await agents(), 1);
  scene.beat({ ip: "10.0.0.2" });
  assert.equal(await agents(), 1);
  await scene.offer(["a", "1", ["10.0.0.1"]]);
  assert.equal(await agents(), 2);
});

Deno.test("GET /apps/{app} lists who lacks an app, who has it and who should not", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  for (const [n, version] of ["1", "2", undefined, "1", undefined].entries()) {
    scene.beat({
      ip: `10.0.0.${n + 1}`,
      asset: `CX${n + 1}`,
      apps: version === undefined ? "{}" : `{"constructor":"${version}"}`,
    });
  }
  await scene.offer(["constructor", "1", ["10.0.0.1", "10.0.0.2", "10.0.0.3"]], ["x", "1", ["10.0.0.5"]]);
  await scene.api.ask("/api/v1/silences", { method: "POST", body: { cidr: "10.0.0.4", for: "1h" } });
  const cases: [query: string, addresses: number[]][] = [
    ["", [1, 2, 3, 4]],
    ["status=all&version=1", [1, 2, 3, 4]],
    ["status=all&version=2", [2]],
    ["status=missing", [2, 3]],
    ["status=missing&version=1", [2, 3]],
    ["status=missing&version=2", []],
    ["status=matching", [1]],
    ["status=unwanted", [2, 4]],
    ["status=unwanted&version=1", [4]],
    ["q=cx2", [2]],
    ["size=2&page=2", [3, 4]],
    ["state=offline", []],
  ];
  for (const [query, numbers] of cases) {
    const addresses = await scene.addresses(`/api/v1/apps/constructor?${query}`);
    assert.deepEqual(addresses, numbers.map((n) => `10.0.0.${n}`), query);
  }
  const { total, agents } = await scene.api.get("/api/v1/apps/constructor?size=2&page=2");
  assert.equal(total, 4);
  assert.deepEqual(agents[1], {
    ...{ ip: "10.0.0.4", asset: "CX4", state: "online", wanted: null, installed: "1", silenced: true },
  });
  const { apps } = await scene.api.get("/api/v1/apps");
  const figures = apps.find(({ app }: { app: string }) => app === "constructor");
  assert.deepEqual([figures.missing, figures.matching, figures.unwanted], [2, 1, 2], "the same as the lists");
  assert.deepEqual((await scene.api.get("/api/v1/apps/__proto__")).agents, []);
  assert.deepEqual(await scene.addresses(`/api/v1/apps/${encodeURIComponent("a/b ü")}`), []);
});

Deno.test("GET /apps and /apps/{app} refuse what they do not understand", async () => {
  await using scene = await ApiScene.start();
  assert.match((await scene.api.refused("/api/v1/apps?status=all", 400)).detail, /the nearest is "state"/);
  const { field, detail } = await scene.api.refused("/api/v1/apps/a?status=wanted", 400);
  assert.equal(field, "status");
  assert.match(detail, /one of missing, matching, unwanted, all, "wanted" came/);
});
