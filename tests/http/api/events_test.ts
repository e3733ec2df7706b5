import assert from "node:assert/strict";
import { EVENT_KINDS } from "../../../src/fleet/events.ts";
import { waitFor } from "../../support/wait_for.ts";
import { ApiScene, SUPERVISED } from "./scene.ts";

/** Waits until so many events are on disk; returns them, the newest first. */
function stored(scene: ApiScene, count: number, query = "limit=1000"): Promise<Record<string, unknown>[]> {
  return waitFor(async () => {
    const { events } = await scene.api.get(`/api/v1/events?${query}`);
    return events.length >= count ? events : undefined;
  }, { timeoutMs: 10_000, what: `${count} events` });
}

Deno.test("GET /events shows what happened, newest first and page by page", async () => {
  await using scene = await ApiScene.start("agent.timeout = 60s\n");
  assert.deepEqual(await scene.api.get("/api/v1/events"), { events: [], next: null });
  for (const ip of ["10.0.0.1", "10.0.0.2", "10.0.0.3"]) {
    scene.beat({ ip, asset: `<b>${ip}` });
    scene.pass(10);
  }
  scene.pass(60_000);
  const all = await stored(scene, 6);
  assert.deepEqual(all.map(({ kind, ip }) => `${kind} ${ip}`), [
    ...["agentOffline 10.0.0.3", "agentOffline 10.0.0.2", "agentOffline 10.0.0.1"],
    ...["agentOnline 10.0.0.3", "agentOnline 10.0.0.2", "agentOnline 10.0.0.1"],
  ]);
  const first = await scene.api.get("/api/v1/events?limit=4");
  assert.equal(first.next, all[3]?.id);
  const second = await scene.api.get(`/api/v1/events?limit=2&before=${encodeURIComponent(first.next)}`);
  assert.deepEqual([...first.events, ...second.events], all);
  assert.equal(second.next, null, "the last page is full and knows that it is the last");
  const chosen = await scene.api.get("/api/v1/events?ip=10.0.0.2&kind=agentOffline,guardOn");
  assert.deepEqual(chosen.events, [all[1]]);
  assert.deepEqual(await scene.api.get("/api/v1/events?before=nothing"), { events: [], next: null });
});

Deno.test("GET /events shows every kind of event as the document says", async () => {
  await using scene = await ApiScene.start(
    "agent.timeout = 60s\nflap.count = 3\nguard.share = 0.15\nguard.minAgents = 20\n" + SUPERVISED,
  );
  const ips = Array.from({ length: 20 }, (_, n) => `10.0.0.${n}`);
  for (const ip of ips) scene.beat({ ip, asset: "A" });
  await scene.offer(["a", "1", ips]);
  await scene.offer(["a", "1", [ips[0] ?? ""]]);
  scene.beat({ ip: "10.0.0.1", asset: "B", version: "2" });
  scene.beat({ ip: "10.0.0.1", asset: "A", version: "2" });
  for (let n = 0; n < 3; n++) {
    scene.pass(59_000);
    for (const ip of ips.slice(1)) scene.beat({ ip, asset: "A" });
    scene.pass(1_000);
    scene.pass(1_000);
    scene.beat({ ip: "10.0.0.0", asset: "A" });
  }
  scene.pass(61_000);
  scene.test.app.operations.releaseGuard("local");
  scene.test.app.operations.forget("10.0.0.1", "local");
  await waitFor(async () => {
    const kinds = new Set((await stored(scene, 0)).map(({ kind }) => kind));
    return EVENT_KINDS.every((kind) => kinds.has(kind));
  }, { timeoutMs: 10_000, what: "events of every kind" });
});

Deno.test("GET /events shows who did what by hand", async () => {
  await using scene = await ApiScene.start();
  scene.beat({ ip: "10.0.0.1", asset: "CX1" });
  await scene.api.ask("/api/v1/agents/10.0.0.1", { method: "DELETE" });
  const [audit] = await stored(scene, 1, "kind=audit");
  assert.deepEqual([audit?.ip, audit?.asset, audit?.action, audit?.who, audit?.what], [
    ...["10.0.0.1", "CX1", "forget", "local", "10.0.0.1"],
  ]);
});

Deno.test("GET /events refuses what it does not understand", async () => {
  await using scene = await ApiScene.start();
  const cases: [query: string, field: string, detail: RegExp][] = [
    ["kind=agentOnline,agentGone", "kind", /one or more of agentOnline, .*, "agentOnline,agentGone" came/],
    ["limit=0", "limit", /a whole number from 1 to 1000/],
    ["limit=1001", "limit", /a whole number from 1 to 1000/],
    ["ip=CX1", "ip", /an IPv4 or IPv6 address, "CX1" came/],
    ["kinds=audit", "kinds", /the nearest is "kind"/],
  ];
  for (const [query, field, detail] of cases) {
    const problem = await scene.api.refused(`/api/v1/events?${query}`, 400);
    assert.equal(problem.field, field);
    assert.match(problem.detail, detail);
  }
});

Deno.test("GET /events and /catalogs say what is wrong when the store cannot answer", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  await scene.test.app.store.close();
  for (
    const path of ["/api/v1/events", "/api/v1/catalogs", "/api/v1/catalogs/1", "/api/v1/catalogs/diff?from=1&to=2"]
  ) {
    assert.match((await scene.api.refused(path, 503)).detail, /the store cannot answer at the moment: .+/);
  }
  for (const path of ["/api/v1/catalogs/1/rollback", "/api/v1/backup"]) {
    assert.match((await scene.api.refused(path, 503, { method: "POST" })).detail, /the store cannot answer/);
  }
});
