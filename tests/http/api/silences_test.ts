import assert from "node:assert/strict";
import { ApiScene } from "./scene.ts";

const add = (body: unknown) => ({ method: "POST", body } as const);

Deno.test("POST /silences begins a maintenance window, DELETE ends it", async () => {
  await using scene = await ApiScene.start();
  for (const [n, asset] of ["web-1", "web-2", "db-1"].entries()) scene.beat({ ip: `10.0.0.${n + 1}`, asset });
  const { status, body } = await scene.api.ask("/api/v1/silences", add({ asset: "web-*", for: "2h", reason: "move" }));
  assert.equal(status, 201);
  const now = scene.clock.wall();
  assert.deepEqual(body, {
    ...{ id: body.id, cidr: null, asset: "web-*", reason: "move", by: "local", agents: 2 },
    created_at: new Date(now).toISOString(),
    until: new Date(now + 7_200_000).toISOString(),
    until_ms: now + 7_200_000,
  });
  const until = new Date(now + 3_600_000).toISOString().replace("Z", "+00:00");
  const other = await scene.api.ask("/api/v1/silences", add({ cidr: "10.0.0.3,fd00::/8", asset: "db-?", until }));
  assert.deepEqual((await scene.api.get("/api/v1/silences")).silences, [other.body, body], "the soonest end first");
  assert.deepEqual(await scene.addresses("/api/v1/agents?silenced=true"), ["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
  assert.equal((await scene.api.get("/api/v1/summary")).agents.silenced, 3);
  const end = () => scene.api.ask(`/api/v1/silences/${body.id}`, { method: "DELETE" });
  assert.equal((await end()).status, 204);
  assert.equal((await end()).status, 404);
  assert.deepEqual(await scene.addresses("/api/v1/agents?silenced=true"), ["10.0.0.3"]);
  scene.pass(3_600_000);
  assert.deepEqual(await scene.api.get("/api/v1/silences"), { silences: [] });
});

Deno.test("POST /silences refuses what is no maintenance window", async () => {
  await using scene = await ApiScene.start();
  const cases: [body: unknown, status: number, field: string | undefined, detail: RegExp][] = [
    [{ for: "1h" }, 400, "cidr", /cidr, asset or both/],
    [{ asset: "a" }, 400, "until", /either for, .* or until, .* neither came/],
    [{ asset: "a", for: "1h", until: "2030-01-01T00:00:00Z" }, 400, "until", /both came/],
    [{ asset: "a", for: "367d" }, 400, "for", /a duration from 1s to 366d/],
    [{ asset: "a", for: "0" }, 400, "for", /a duration/],
    [{ asset: "a", until: "2026-01-01" }, 400, "until", /a time with its zone/],
    [{ asset: "a", until: "2026-13-01T00:00:00Z" }, 400, "until", /a time with its zone/],
    [{ asset: "a", until: "2020-01-01T00:00:00Z" }, 400, "until", /the end must be in the future/],
    [{ asset: "a", until: "2099-01-01T00:00:00Z" }, 400, "until", /366 days/],
    [{ cidr: "10.0.0.0/64", for: "1h" }, 400, "cidr", /cidr: an address range/],
    [{ cidr: " , ", for: "1h" }, 400, "cidr", /cidr/],
    [{ asset: "", for: "1h" }, 400, "asset", /asset must be a pattern/],
    [{ asset: "a\n", for: "1h" }, 400, "asset", /asset must be a pattern/],
    [{ asset: "a", for: "1h", reason: "x".repeat(201) }, 400, "reason", /at most 200 characters/],
    [{ asset: 1, for: "1h" }, 400, "asset", /asset must be a text, 1 came/],
    [{ assets: "a", for: "1h" }, 400, "assets", /the nearest is "asset"/],
  ];
  for (const [body, status, field, detail] of cases) {
    const problem = await scene.api.refused("/api/v1/silences", status, add(body));
    assert.match(problem.detail, detail);
    assert.equal(problem.field, field, problem.detail);
  }
  assert.deepEqual(await scene.api.get("/api/v1/silences"), { silences: [] });
  await scene.api.refused("/api/v1/silences/__proto__", 404, { method: "DELETE" });
});

Deno.test("POST /guard/release ends the guard when it is on", async () => {
  await using scene = await ApiScene.start("agent.timeout = 60s\nguard.share = 0.15\nguard.minAgents = 20\n");
  const release = { method: "POST" } as const;
  assert.match((await scene.api.refused("/api/v1/guard/release", 409, release)).detail, /the guard is not on/);
  for (let n = 0; n < 20; n++) scene.beat({ ip: `10.0.0.${n}` });
  scene.pass(60_000);
  assert.equal((await scene.api.get("/api/v1/summary")).guard.on, true);
  assert.deepEqual((await scene.api.ask("/api/v1/guard/release", release)).body, { released: true });
  await scene.api.refused("/api/v1/guard/release", 409, release);
});
