import assert from "node:assert/strict";
import { SupervisorCatalog } from "../../../src/apps/keeper.ts";
import { addressKey } from "../../../src/fleet/address.ts";
import { waitFor } from "../../support/wait_for.ts";
import { ApiScene, SUPERVISED } from "./scene.ts";

/** Waits until so many catalogs are on disk; returns the answer. */
function catalogsOf(scene: ApiScene, count: number) {
  return waitFor(async () => {
    const answer = await scene.api.get("/api/v1/catalogs");
    return answer.catalogs.length === count ? answer : undefined;
  }, { timeoutMs: 10_000, what: `${count} catalogs` });
}

/** Two catalogs were in force one after the other, and a third one is held. */
async function history(): Promise<ApiScene> {
  const scene = await ApiScene.start(SUPERVISED);
  await scene.offer(["a", "1", ["10.0.0.1", "10.0.0.2"]], ['{"app":"x","agentList":[', "]}", ["10.0.0.2"]]);
  scene.pass(1_000);
  await scene.offer(["a", "1", ["10.0.0.10", "10.0.0.9", "10.0.0.1"]], ["a", "2", ["10.0.0.2"]]);
  scene.pass(1_000);
  const outcome = await scene.offer(["a", "2", ["10.0.0.2"]]);
  assert.equal(outcome.result, "held");
  return scene;
}

Deno.test("GET /catalogs shows the history, what is in force and what is held", async () => {
  await using scene = await history();
  const { held, catalogs } = await catalogsOf(scene, 2);
  const [later, former] = catalogs;
  assert.deepEqual([later.apps, later.agents, later.current, later.source], [1, 4, true, "supervisor"]);
  assert.deepEqual([former.apps, former.agents, former.current], [2, 2, false]);
  assert.equal(later.taken_at_ms - former.taken_at_ms, 1_000);
  assert.equal(Date.parse(later.taken_at), later.taken_at_ms);
  assert.deepEqual([held.apps, held.agents, Date.parse(held.at) - later.taken_at_ms], [1, 1, 1_000]);
  assert.match(held.reason, /it would leave 3 of 4 agents that have apps with none/);
});

Deno.test("GET /catalogs/{id} gives the catalog once, then only its tag", async () => {
  await using scene = await history();
  const { catalogs: [, { id }] } = await catalogsOf(scene, 2);
  const path = `/api/v1/catalogs/${id}`;
  const { body, headers } = await scene.api.ask(path);
  assert.deepEqual(body.result[0], { app: "a", version: "1", agentList: ["10.0.0.1", "10.0.0.2"] });
  // Where Deno compresses an answer, it makes its tag a weak one.
  const tag = headers.get("etag")?.replace(/^W\//, "") ?? "";
  assert.match(tag, /^"[0-9a-f]{32}"$/);
  const again = await scene.api.ask(path, { headers: { "if-none-match": `"other", W/${tag}` } });
  assert.deepEqual([again.status, again.body, again.headers.get("etag")], [304, "", tag]);
  assert.equal((await scene.api.ask(path, { headers: { "if-none-match": '"other"' } })).status, 200);
  assert.match((await scene.api.refused("/api/v1/catalogs/99", 404)).detail, /no catalog 99/);
  assert.equal((await scene.api.refused("/api/v1/catalogs/first", 400)).field, "id");
});

Deno.test("GET /catalogs/diff tells which agents get and lose which version", async () => {
  await using scene = await history();
  const { catalogs: [later, former] } = await catalogsOf(scene, 2);
  const diff = async (from: unknown, to: unknown) =>
    (await scene.api.get(`/api/v1/catalogs/diff?from=${from}&to=${to}`)).changes;
  const change = (app: string, version: string, added: string[], removed: string[]) => ({
    ...{ app, version, added, added_count: added.length, removed, removed_count: removed.length },
  });
  const changes = [
    change("a", "1", ["10.0.0.9", "10.0.0.10"], ["10.0.0.2"]),
    change("a", "2", ["10.0.0.2"], []),
    change('{"app":"x","agentList":[', "]}", [], ["10.0.0.2"]),
  ];
  assert.deepEqual(await diff(former.id, later.id), changes);
  assert.deepEqual(await diff(former.id, "current"), changes);
  assert.deepEqual(await diff(later.id, "current"), []);
  assert.deepEqual(await diff("current", "held"), [change("a", "1", [], ["10.0.0.1", "10.0.0.9", "10.0.0.10"])]);
  assert.equal((await scene.api.refused("/api/v1/catalogs/diff?from=98&to=current", 404)).detail.includes("98"), true);
  assert.equal((await scene.api.refused("/api/v1/catalogs/diff?from=1", 400)).field, "to");
  assert.equal((await scene.api.refused("/api/v1/catalogs/diff?from=1&to=newest", 400)).field, "to");
});

Deno.test("GET /catalogs/diff names at most 100 agents and counts all", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  const many = Array.from({ length: 3_000 }, (_, n) => `10.0.${n >> 8}.${n & 255}`);
  await scene.offer(["a", "1", many]);
  const { catalogs: [{ id, agents }] } = await catalogsOf(scene, 1);
  assert.equal(agents, 3_000);
  await scene.offer(["a", "2", many]);
  const { changes } = await scene.api.get(`/api/v1/catalogs/diff?from=${id}&to=current`);
  assert.deepEqual(
    changes.map(({ version, added_count, removed_count }: Record<string, unknown>) => [
      ...[version, added_count, removed_count],
    ]),
    [["1", 0, 3_000], ["2", 3_000, 0]],
  );
  assert.deepEqual(changes[1].added, many.slice(0, 100));
});

Deno.test("POST /catalogs/accept puts the held catalog in force, and only the one that was looked at", async () => {
  await using scene = await history();
  const accept = (at_ms: unknown) => ({ method: "POST", body: { at_ms } } as const);
  const { held: { at_ms } } = await scene.api.get("/api/v1/catalogs");
  await scene.api.refused("/api/v1/catalogs/accept", 409, accept(at_ms - 1));
  assert.equal((await scene.api.refused("/api/v1/catalogs/accept", 400, accept("1"))).field, "at_ms");
  const { body } = await scene.api.ask("/api/v1/catalogs/accept", accept(at_ms));
  assert.deepEqual(body, { result: "applied" });
  await scene.api.refused("/api/v1/catalogs/accept", 409, accept(at_ms));
  assert.equal(scene.test.app.catalog.current?.agents, 1);
  assert.equal((await scene.api.get("/api/v1/catalogs")).held, null);
  await scene.api.refused("/api/v1/catalogs/diff?from=current&to=held", 404);
});

Deno.test("POST /catalogs/{id}/rollback puts a former catalog in force", async () => {
  await using scene = await history();
  const { catalogs: [, { id }] } = await catalogsOf(scene, 2);
  const roll = () => scene.api.ask(`/api/v1/catalogs/${id}/rollback`, { method: "POST" });
  assert.deepEqual((await roll()).body, { result: "applied" });
  assert.deepEqual((await roll()).body, { result: "unchanged" });
  assert.equal(scene.test.app.catalog.current?.for(addressKey("10.0.0.2")).apps.get("a"), "1");
  await scene.api.refused("/api/v1/catalogs/98/rollback", 404, { method: "POST" });
  await scene.api.refused("/api/v1/catalogs/x/rollback", 400, { method: "POST" });
});

Deno.test("GET /catalogs with the local source has nothing, and nothing can be done", async () => {
  await using scene = await ApiScene.start();
  assert.deepEqual(await scene.api.get("/api/v1/catalogs"), { held: null, catalogs: [] });
  const accept = { method: "POST", body: { at_ms: 1 } } as const;
  assert.match((await scene.api.refused("/api/v1/catalogs/accept", 409, accept)).detail, /auth\.localAppInfo/);
  await scene.api.refused("/api/v1/catalogs/1/rollback", 409, { method: "POST" });
  await scene.api.refused("/api/v1/catalogs/diff?from=current&to=held", 409);
  assert.ok(!(scene.test.app.catalog instanceof SupervisorCatalog));
});

Deno.test("GET /catalogs shows the others when a stored catalog is not readable, which cannot be used", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  const bodies = [
    "{}",
    '{"result":[{"app":"a","version":1,"agentList":["10.0.0.1"]}]}',
    '{"result":[{"app":"a",]}',
    "no",
  ];
  const catalogs = [...bodies, '{"result":[{"app":"a","version":"1","agentList":["10.0.0.1"]}]}'].map((body, n) => ({
    ...{ takenAtMs: n, origin: "test", body },
    source: "supervisor" as const,
  }));
  await scene.test.app.store.write({ agents: [], forgotten: [], events: [], catalogs });
  const { catalogs: [good, ...others] } = await scene.api.get("/api/v1/catalogs");
  assert.deepEqual([good.apps, good.agents], [1, 1]);
  assert.equal(others.length, bodies.length);
  for (const { id, apps, agents } of others) {
    assert.deepEqual([apps, agents], [null, null]);
    const { detail } = await scene.api.refused(`/api/v1/catalogs/diff?from=${id}&to=${good.id}`, 503);
    assert.match(detail, /the store is damaged: /);
  }
  const { id } = others[0];
  const roll = await scene.api.refused(`/api/v1/catalogs/${id}/rollback`, 503, { method: "POST" });
  assert.match(roll.detail, /the store is damaged: /);
});
