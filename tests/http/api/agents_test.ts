import assert from "node:assert/strict";
import { beat } from "../../support/beat_client.ts";
import { ApiScene, SUPERVISED } from "./scene.ts";

Deno.test("GET /agents shows an agent that beats at the port, and an empty fleet before", async () => {
  await using scene = await ApiScene.start();
  const none = await scene.api.get("/api/v1/agents");
  assert.deepEqual(none, { total: 0, page: 1, size: 50, next: null, agents: [] });
  const reply = await beat(scene.test.beatAddress, { asset: "CX1", ip: "10.0.0.1", version: "3", apps: '{"a":"1"}' });
  assert.equal(reply.text, '{"data":{"app1":"1.0.1"}}');
  const { total, agents: [agent] } = await scene.api.get("/api/v1/agents");
  assert.equal(total, 1);
  assert.deepEqual([agent.ip, agent.asset, agent.apps, agent.state], ["10.0.0.1", "CX1", { a: "1" }, "online"]);
});

/** Six agents of different kinds; the last two are offline. */
async function mixedFleet(): Promise<ApiScene> {
  const scene = await ApiScene.start("agent.timeout = 60s\n");
  scene.beat({ ip: "fd00::2", asset: "web-1", version: "1.10" });
  scene.beat({ ip: "10.0.0.10", asset: "db-2", version: "1.9", apps: '{"app":"1","other":"2"}' });
  scene.pass(30_000);
  scene.beat({ ip: "fd00::1", asset: "Web-2", version: "1.10", apps: '{"app":"2"}' });
  scene.beat({ ip: "10.0.0.9", asset: "db-1", version: "1.9", apps: '{"apps":"1"}' });
  scene.pass(30_000);
  scene.beat({ ip: "192.168.0.1", asset: "web-1", version: "2.0" });
  return scene;
}

Deno.test("GET /agents gives the agents that match every condition", async () => {
  await using scene = await mixedFleet();
  const cases: [query: string, addresses: string[]][] = [
    ["", ["10.0.0.9", "10.0.0.10", "192.168.0.1", "fd00::1", "fd00::2"]],
    ["state=all", ["10.0.0.9", "10.0.0.10", "192.168.0.1", "fd00::1", "fd00::2"]],
    ["state=live", ["10.0.0.9", "192.168.0.1", "fd00::1"]],
    ["state=online", ["10.0.0.9", "192.168.0.1", "fd00::1"]],
    ["state=suspect", []],
    ["state=offline", ["10.0.0.10", "fd00::2"]],
    ["q=WEB", ["192.168.0.1", "fd00::1", "fd00::2"]],
    ["q=0.0.1", ["10.0.0.10"]],
    ["q=", ["10.0.0.9", "10.0.0.10", "192.168.0.1", "fd00::1", "fd00::2"]],
    ["cidr=10.0.0.8/31", ["10.0.0.9"]],
    ["cidr=fd00::/16,192.168.0.0/24", ["192.168.0.1", "fd00::1", "fd00::2"]],
    ["asset=web-1", ["192.168.0.1", "fd00::2"]],
    ["asset=WEB-1", []],
    ["app=app", ["10.0.0.10", "fd00::1"]],
    ["app=app@2", ["fd00::1"]],
    ["app=app@", []],
    ["app=constructor", []],
    ["version=1.10", ["fd00::1", "fd00::2"]],
    ["version=1.1", []],
    ["silentFor=30s", ["10.0.0.9", "10.0.0.10", "fd00::1", "fd00::2"]],
    ["silentFor=30001", ["10.0.0.10", "fd00::2"]],
    ["silentFor=1m", ["10.0.0.10", "fd00::2"]],
    ["silentFor=60001ms", []],
    ["silenced=true", []],
    ["silenced=false&q=db", ["10.0.0.9", "10.0.0.10"]],
    ["state=live&q=web&version=1.10", ["fd00::1"]],
  ];
  for (const [query, addresses] of cases) {
    assert.deepEqual(await scene.addresses(`/api/v1/agents?${query}`), addresses, query);
  }
});

Deno.test("GET /agents sorts by everything it can, and by address where that is equal", async () => {
  await using scene = await mixedFleet();
  const byAddress = ["10.0.0.9", "10.0.0.10", "192.168.0.1", "fd00::1", "fd00::2"];
  const cases: [sort: string, addresses: string[]][] = [
    ["ip", byAddress],
    ["-ip", byAddress.toReversed()],
    ["asset", ["fd00::1", "10.0.0.9", "10.0.0.10", "192.168.0.1", "fd00::2"]],
    ["-asset", ["192.168.0.1", "fd00::2", "10.0.0.10", "10.0.0.9", "fd00::1"]],
    ["version", ["fd00::1", "fd00::2", "10.0.0.9", "10.0.0.10", "192.168.0.1"]],
    ["-version", ["192.168.0.1", "10.0.0.9", "10.0.0.10", "fd00::1", "fd00::2"]],
    ["state", ["10.0.0.9", "192.168.0.1", "fd00::1", "10.0.0.10", "fd00::2"]],
    ["-state", ["10.0.0.10", "fd00::2", "10.0.0.9", "192.168.0.1", "fd00::1"]],
    ["last_hb_time", ["10.0.0.10", "fd00::2", "10.0.0.9", "fd00::1", "192.168.0.1"]],
    ["-last_hb_time", ["192.168.0.1", "10.0.0.9", "fd00::1", "10.0.0.10", "fd00::2"]],
    ["silent", ["192.168.0.1", "10.0.0.9", "fd00::1", "10.0.0.10", "fd00::2"]],
    ["-silent", ["10.0.0.10", "fd00::2", "10.0.0.9", "fd00::1", "192.168.0.1"]],
    ["since", ["10.0.0.9", "fd00::1", "10.0.0.10", "192.168.0.1", "fd00::2"]],
  ];
  for (const [sort, addresses] of cases) {
    assert.deepEqual(await scene.addresses(`/api/v1/agents?sort=${sort}`), addresses, sort);
    const pages: string[] = [];
    for (const page of [1, 2, 3]) {
      pages.push(...await scene.addresses(`/api/v1/agents?sort=${sort}&size=2&page=${page}`));
    }
    assert.deepEqual(pages, addresses, `${sort} in pages`);
    assert.deepEqual(await scene.addresses(`/api/v1/agents?sort=${sort}&size=2&page=4`), [], `${sort} behind the end`);
  }
});

Deno.test("GET /agents by after shows every agent once while others come and go", async () => {
  await using scene = await ApiScene.start();
  for (let n = 1; n <= 9; n++) scene.beat({ ip: `10.0.0.${n * 10}` });
  scene.beat({ ip: "fd00::1" });
  const first = await scene.api.get("/api/v1/agents?size=4");
  assert.deepEqual([first.total, first.page, first.next], [10, 1, "10.0.0.40"]);
  scene.test.app.operations.forget("10.0.0.40", "local");
  scene.beat({ ip: "10.0.0.5" });
  scene.beat({ ip: "10.0.0.45" });
  const second = await scene.api.get(`/api/v1/agents?size=4&after=${first.next}`);
  assert.deepEqual([second.total, second.page, second.next], [11, null, "10.0.0.70"]);
  assert.deepEqual(second.agents.map(({ ip }: { ip: string }) => ip), [
    "10.0.0.45",
    "10.0.0.50",
    "10.0.0.60",
    "10.0.0.70",
  ]);
  const third = await scene.api.get("/api/v1/agents?size=4&after=10.0.0.70");
  assert.deepEqual([third.agents.length, third.next], [3, null]);
  assert.deepEqual(await scene.addresses("/api/v1/agents?after=FD00::1"), [], "also in another spelling");
});

Deno.test("GET /agents refuses what it does not understand, and says what it would", async () => {
  await using scene = await ApiScene.start();
  const cases: [query: string, field: string, detail: RegExp][] = [
    ["stat=online", "stat", /there is no parameter "stat"; the nearest is "state"/],
    ["constructor=1", "constructor", /there is no parameter "constructor"/],
    ["__proto__=1", "__proto__", /there is no parameter "__proto__"/],
    ["state=online&state=offline", "state", /state must be given once, it came 2 times/],
    ["q=&q=", "q", /given once/],
    ["state=gone", "state", /state must be one of online, suspect, offline, live, all, "gone" came/],
    ["state=ONLINE", "state", /"ONLINE" came/],
    ["cidr=10.0.0.0/33", "cidr", /cidr must be address ranges such as 10\.0\.0\.0\/8.* "10\.0\.0\.0\/33" came/],
    ["silentFor=soon", "silentFor", /silentFor must be a duration .* "soon" came/],
    ["silentFor=-1", "silentFor", /"-1" came/],
    ["silenced=maybe", "silenced", /silenced must be true or false, "maybe" came/],
    ["sort=size", "sort", /sort must be ip or one of asset, .* "size" came/],
    ["sort=--ip", "sort", /"--ip" came/],
    ["page=0", "page", /page must be a whole number from 1 /],
    ["page=1.5", "page", /"1\.5" came/],
    ["size=1001", "size", /size must be a whole number from 1 to 1000, "1001" came/],
    ["after=here", "after", /after must be an IPv4 or IPv6 address, "here" came/],
    ["after=10.0.0.1&page=2", "page", /page must not be given together with after/],
    ["after=10.0.0.1&sort=asset", "sort", /sort must not be given together with after/],
    [`q=${"x".repeat(1_001)}`, "q", /at most 1000 characters/],
  ];
  for (const [query, field, detail] of cases) {
    const problem = await scene.api.refused(`/api/v1/agents?${query}`, 400);
    assert.equal(problem.field, field, query);
    assert.match(problem.detail, detail, query);
  }
});

Deno.test("GET /agents shows hostile texts as they are, and what is odd about an agent", async () => {
  await using scene = await ApiScene.start();
  const asset = `<img src=x onerror=alert(1)> "'\\ \u202e\u2028 \ud800`;
  const apps = '{"__proto__":"1","constructor":"2","<b>":"\\u0000","":"3"}';
  scene.beat({ ip: "10.0.0.1", asset, version: "<script>", apps });
  scene.beat({ ip: "10.0.0.2", apps: '{"a":' });
  const { agents: [first, second] } = await scene.api.get("/api/v1/agents");
  assert.equal(first.asset, asset);
  assert.equal(first.version, "<script>");
  assert.deepEqual(Object.entries(first.apps), [["__proto__", "1"], ["constructor", "2"], ["<b>", "\0"], ["", "3"]]);
  assert.deepEqual([second.apps, second.apps_raw], [{}, '{"a":']);
  assert.match(second.apps_fault, /apps is not JSON/);
  assert.deepEqual(await scene.addresses(`/api/v1/agents?app=__proto__@1`), ["10.0.0.1"]);
  assert.deepEqual(await scene.addresses(`/api/v1/agents?app=toString`), []);
  assert.deepEqual(await scene.addresses(`/api/v1/agents?q=${encodeURIComponent("<IMG SRC")}`), ["10.0.0.1"]);
});

Deno.test("GET /agents/{ip} shows what the agent may run and its maintenance window", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  scene.beat({ ip: "10.0.0.1", asset: "CX1" });
  scene.beat({ ip: "fd00::1" });
  const unknown = await scene.api.get("/api/v1/agents/10.0.0.1");
  assert.deepEqual([unknown.wanted, unknown.silence], [null, null], "no catalog is known yet");
  await scene.offer(["__proto__", "1", ["10.0.0.1"]], ["a", "2", ["10.0.0.1"]]);
  const silence = await scene.api.ask("/api/v1/silences", { method: "POST", body: { asset: "cx*", for: "1h" } });
  const agent = await scene.api.get("/api/v1/agents/10.0.0.1");
  assert.deepEqual(Object.entries(agent.wanted), [["__proto__", "1"], ["a", "2"]]);
  assert.equal(agent.silenced, true);
  assert.deepEqual(agent.silence, silence.body);
  assert.deepEqual((await scene.api.get("/api/v1/agents/FD00:0::1")).wanted, {}, "it may run nothing");
  assert.match((await scene.api.refused("/api/v1/agents/10.0.0.3", 404)).detail, /no agent "10\.0\.0\.3"/);
  assert.equal((await scene.api.refused("/api/v1/agents/toString", 400)).field, "ip");
  assert.equal((await scene.api.refused("/api/v1/agents/10.0.0.1?full=1", 400)).field, "full");
});

Deno.test("DELETE /agents/{ip} forgets one agent, POST /agents/prune those that are long gone", async () => {
  await using scene = await ApiScene.start("agent.timeout = 60s\n");
  for (const ip of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) scene.beat({ ip });
  const remove = () => scene.api.ask("/api/v1/agents/10.0.0.1", { method: "DELETE" });
  assert.equal((await remove()).status, 204);
  assert.equal((await remove()).status, 404);
  assert.equal(scene.agent("10.0.0.1"), undefined);
  scene.pass(3_600_000);
  scene.beat({ ip: "10.0.0.4" });
  const prune = async (body: unknown) => await scene.api.ask("/api/v1/agents/prune", { method: "POST", body });
  assert.deepEqual((await prune({ offline_for: "1h" })).body, { forgotten: 0 });
  assert.deepEqual((await prune({ offline_for: 3_540_000 })).body, { forgotten: 2 });
  assert.deepEqual(await scene.addresses("/api/v1/agents"), ["10.0.0.4"]);
  const cases: [body: unknown, field: string | undefined, detail: RegExp][] = [
    [{ offline_for: "long" }, "offline_for", /a duration .* "long" came/],
    [{ offline_for: null }, "offline_for", /null came/],
    [{}, "offline_for", /nothing came/],
    [{ offlineFor: "1h" }, "offlineFor", /there is no field "offlineFor"; the nearest is "offline_for"/],
    [[], undefined, /the body must be a JSON object, \[\] came/],
    [undefined, undefined, /the body must be a JSON object, nothing came/],
  ];
  for (const [body, field, detail] of cases) {
    const problem = await scene.api.refused("/api/v1/agents/prune", 400, { method: "POST", body });
    assert.equal(problem.field, field);
    assert.match(problem.detail, detail);
  }
});
