import assert from "node:assert/strict";
import { SORTS } from "../../../src/http/api/agents.ts";
import { ApiScene, SUPERVISED } from "./scene.ts";

const AGENTS = 100_000;

const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

Deno.test("The API answers for 100,000 agents: true totals, every page, roll-out, catalogs", async (t) => {
  await using scene = await ApiScene.start(SUPERVISED);
  // In no order, so that every order has to be made.
  for (let n = 0; n < AGENTS; n++) {
    const place = n * 7_919 % AGENTS;
    scene.beat({
      ip: address(place),
      asset: `CX${String(n).padStart(6, "0")}`,
      version: `${n % 7}`,
      apps: `{"a":"${n % 3}"}`,
    });
  }
  await scene.offer(["a", "1", Array.from({ length: AGENTS }, (_, n) => address(n))], ["b", "1", ["10.99.0.1"]]);

  await t.step("GET /agents by after", async () => {
    let count = 0;
    let next: string | null = "0.0.0.0";
    for (let pages = 0; next !== null && pages < 3; pages++) {
      const page: { total: number; agents: { ip: string }[]; next: string | null } = await scene.api.get(
        `/api/v1/agents?size=1000&after=${next}`,
      );
      assert.equal(page.total, AGENTS);
      assert.deepEqual(page.agents.map(({ ip }) => ip), Array.from({ length: 1_000 }, (_, n) => address(count + n)));
      count += page.agents.length;
      next = page.next;
    }
    assert.equal((await scene.api.get(`/api/v1/agents?size=1000&after=${address(AGENTS - 11)}`)).next, null);
  });

  await t.step("GET /agents in every order, at both ends and in the middle", async () => {
    const questions = SORTS.flatMap((sort) => [`sort=${sort}&page=1`, `sort=${sort}&page=2000`]);
    for (const question of [...questions, "sort=asset&page=1000", "sort=-since&page=1000"]) {
      const { total, agents } = await scene.api.get(`/api/v1/agents?${question}`);
      assert.deepEqual([total, agents.length], [AGENTS, 50], question);
    }
    assert.deepEqual(await scene.addresses("/api/v1/agents?sort=asset&page=2001"), []);
    const last = await scene.addresses("/api/v1/agents?sort=-asset&page=2000");
    assert.deepEqual(last, Array.from({ length: 50 }, (_, n) => address((49 - n) * 7_919 % AGENTS)));
    const { total } = await scene.api.get("/api/v1/agents?q=cx0999&version=3&cidr=10.0.0.0/9&app=a@1");
    const expected = Array.from({ length: 100 }, (_, n) => 99_900 + n).filter((n) => n % 7 === 3 && n % 3 === 1);
    assert.equal(total, expected.filter((n) => String(n).startsWith("999")).length);
  });

  await t.step("GET /apps, one for all who ask at once", async () => {
    const [one, ...others] = await Promise.all([1, 2, 3].map(() => scene.api.get("/api/v1/apps")));
    for (const other of others) assert.deepEqual(other, one);
    const { agents, unseen, apps: [a, b] } = one;
    assert.deepEqual([agents, unseen, a.wanted, a.matching, a.unwanted, b.wanted], [
      ...[AGENTS, 1, AGENTS, 33_333, 66_667, 0],
    ]);
    const missing = await scene.api.get("/api/v1/apps/a?status=missing&page=1000&size=50");
    assert.deepEqual([missing.total, missing.agents.length], [66_667, 50]);
  });

  await t.step("GET /catalogs/diff", async () => {
    await scene.offer(["a", "1", Array.from({ length: AGENTS }, (_, n) => address(n))]);
    const { changes } = await scene.api.get("/api/v1/catalogs/diff?from=1&to=current");
    assert.deepEqual(changes, [
      { app: "b", version: "1", added: [], added_count: 0, removed: ["10.99.0.1"], removed_count: 1 },
    ]);
  });
});
