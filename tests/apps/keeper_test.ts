import assert from "node:assert/strict";
import fc from "fast-check";
import { SupervisorCatalog } from "../../src/apps/keeper.ts";
import { LocalCatalog } from "../../src/apps/local_catalog.ts";
import type { OfferOutcome } from "../../src/apps/offer.ts";
import { systemClock } from "../../src/clock.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { Slices } from "../../src/slices.ts";
import { MemoryLog } from "../support/memory_log.ts";

/** A keeper, what supervisor would answer when asked, and what an agent would be told. */
class Bench implements Disposable {
  readonly log = new MemoryLog();
  readonly keeper: SupervisorCatalog;
  /** What supervisor answers next; the last one is repeated. */
  answers: (unknown | Error)[] = [];
  asked = 0;
  /** What was told to be stored, and to others. */
  readonly remembered: { body: string; origin: string; atMs: number }[] = [];
  readonly events: { kind: string; details: Record<string, unknown> }[] = [];

  constructor(emptyShare = 0.5) {
    this.keeper = new SupervisorCatalog({
      log: this.log.logger,
      clock: systemClock,
      slices: new Slices(),
      listener: {
        inForce: (catalog) => this.remembered.push(catalog),
        event: (kind, details) => this.events.push({ kind, details }),
      },
      emptyShare,
      ask: () => {
        this.asked++;
        const answer = this.answers.length > 1 ? this.answers.shift() : this.answers[0];
        return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
      },
    });
  }

  offer(result: unknown): Promise<OfferOutcome> {
    return this.keeper.offer({ result });
  }

  told(ip: string): unknown {
    const catalog = this.keeper.current;
    return catalog === undefined || catalog.unknown.has(addressKey(ip))
      ? "exception"
      : JSON.parse(new TextDecoder().decode(catalog.for(addressKey(ip)).reply)).data;
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
  }
}

const entry = (app: string, version: string, ...agentList: unknown[]) => ({ app, version, agentList });

Deno.test("SupervisorCatalog knows nothing until supervisor has spoken, then answers by address", async () => {
  using bench = new Bench();
  assert.equal(bench.told("10.0.0.1"), "exception");
  const outcome = await bench.offer([entry("a", "1", "10.0.0.1", "10.0.0.2"), entry("b", "2", "10.0.0.1")]);
  assert.deepEqual(outcome, { result: "applied", apps: 2, agents: 2, refused: [] });
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1", b: "2" });
  assert.deepEqual(bench.told("10.0.0.2"), { a: "1" });
  assert.deepEqual(bench.told("10.0.0.3"), {}, "known: this agent may run nothing");
});

Deno.test("SupervisorCatalog takes the old name of an entry's app", async () => {
  using bench = new Bench();
  await bench.offer([{ instruct: "a", version: "1", agentList: ["10.0.0.1"] }]);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
});

Deno.test("SupervisorCatalog replaces the catalog as a whole", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1", "10.0.0.2"), entry("b", "1", "10.0.0.2")]);
  await bench.offer([entry("b", "2", "10.0.0.1", "10.0.0.2")]);
  assert.deepEqual(bench.told("10.0.0.1"), { b: "2" });
  assert.deepEqual(bench.told("10.0.0.2"), { b: "2" });
});

Deno.test("SupervisorCatalog refuses bad entries one by one and keeps what the apps had", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1"), entry("b", "1", "10.0.0.1")]);
  const outcome = await bench.offer([
    { app: "a", agentList: ["10.0.0.1"] },
    entry("b", "2", "10.0.0.1", "nonsense", null),
    { version: "1", agentList: [] },
    entry("", "1"),
    { app: "c", version: 1, agentList: ["10.0.0.1"] },
    { app: "d", version: "1", agentList: "10.0.0.1" },
    null,
    "text",
    { app: ["x"], version: "1", agentList: [] },
  ]);
  assert.ok(outcome.result === "applied");
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1", b: "2" });
  assert.deepEqual(outcome.refused.map(({ entry, app }) => [entry, app]), [
    [0, "a"],
    [1, "b"],
    [2, undefined],
    [3, ""],
    [4, "c"],
    [5, "d"],
    [6, undefined],
    [7, undefined],
    [8, undefined],
  ]);
  assert.match(outcome.refused[1]?.reason ?? "", /2 of agentList are no addresses, the first is "nonsense"/);
  assert.equal(bench.log.matching(/WRN.*entry/).length, 9);
});

Deno.test("SupervisorCatalog does not answer agents whose entry in the first catalog cannot be read, until one can", async () => {
  using bench = new Bench();
  const bad = { app: "b", version: null, agentList: ["10.0.0.1", "10.0.0.2", "10.0.0.4"] };
  const unnamed = { version: "1", agentList: ["10.0.0.5"] };
  const good = [entry("a", "1", "10.0.0.1", "10.0.0.3"), entry("b", "1", "10.0.0.4")];
  await bench.offer([...good, bad, unnamed]);
  for (const ip of ["10.0.0.1", "10.0.0.2", "10.0.0.5"]) assert.equal(bench.told(ip), "exception", ip);
  assert.deepEqual(bench.told("10.0.0.3"), { a: "1" });
  assert.deepEqual(bench.told("10.0.0.4"), { b: "1" }, "another entry says it");
  assert.equal(bench.log.matching(/WRN catalog: 3 agents get an exception/).length, 1);

  // After a restart it is as unknown as before.
  using later = new Bench();
  await later.keeper.recall(bench.remembered[0] ?? assert.fail("nothing remembered"));
  assert.equal(later.told("10.0.0.1"), "exception");
  assert.deepEqual(later.told("10.0.0.3"), { a: "1" });

  for (const each of [bench, later]) {
    assert.equal((await each.offer([...good, bad, unnamed])).result, "unchanged");
    assert.equal(each.told("10.0.0.2"), "exception");
    assert.equal((await each.offer(good)).result, "applied");
    assert.deepEqual(each.told("10.0.0.1"), { a: "1" }, "it is known now that it may not run b");
    assert.deepEqual(each.told("10.0.0.2"), {});
    await each.offer([...good, bad]);
    assert.deepEqual(each.told("10.0.0.1"), { a: "1" }, "what it had is known");
  }
});

Deno.test("SupervisorCatalog lets the later entry of one app count where both name an agent", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1", "10.0.0.2"), entry("a", "2", "10.0.0.2")]);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
  assert.deepEqual(bench.told("10.0.0.2"), { a: "2" });
});

Deno.test("SupervisorCatalog takes addresses in any spelling and names such as __proto__", async () => {
  using bench = new Bench();
  await bench.offer([
    entry("__proto__", "1", " 10.0.0.1", "::ffff:10.0.0.2", "FD00::0:1"),
    entry("constructor", "2", "10.0.0.1"),
  ]);
  assert.equal(
    new TextDecoder().decode(bench.keeper.current?.for(addressKey("10.0.0.1")).reply),
    '{"data":{"__proto__":"1","constructor":"2"}}',
  );
  assert.equal(bench.keeper.current?.for(addressKey("10.0.0.2")).apps.size, 1);
  assert.equal(bench.keeper.current?.for(addressKey("fd00::1")).apps.size, 1);
});

Deno.test("SupervisorCatalog changes nothing for a body without a list", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1")]);
  for (const body of [undefined, null, {}, { result: null }, { result: {} }, [], "x", 1]) {
    const outcome = await bench.keeper.offer(body);
    assert.equal(outcome.result, "rejected");
    assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
  }
});

Deno.test("SupervisorCatalog says when nothing has changed", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1"), entry("b", "1", "10.0.0.1")]);
  const before = bench.keeper.current;
  const outcome = await bench.offer([entry("b", "1", "10.0.0.1"), entry("a", "1", "10.0.0.1")]);
  assert.equal(outcome.result, "unchanged");
  assert.equal(bench.keeper.current, before);
});

const FOUR = [entry("a", "1", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")];

Deno.test("SupervisorCatalog holds a catalog that would empty too many agents when supervisor does not confirm it", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [new Error("supervisor is not there")];
  const outcome = await bench.offer([entry("a", "2", "10.0.0.1")]);
  assert.equal(outcome.result, "held");
  assert.equal(bench.asked, 1);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
  assert.deepEqual(bench.told("10.0.0.4"), { a: "1" });
  assert.equal(bench.log.matching(/ERR.*held back.*3 of 4 agents/).length, 1);
});

Deno.test("SupervisorCatalog applies an emptying catalog that supervisor says again", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [{ result: [] }];
  assert.equal((await bench.offer([])).result, "applied");
  assert.deepEqual(bench.told("10.0.0.1"), {});
});

Deno.test("SupervisorCatalog takes supervisor's word instead of an emptying cast", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [{ result: [entry("a", "2", "10.0.0.1", "10.0.0.2", "10.0.0.3")] }];
  assert.equal((await bench.offer([])).result, "applied");
  assert.deepEqual(bench.told("10.0.0.1"), { a: "2" });
  assert.deepEqual(bench.told("10.0.0.4"), {}, "one of four is not above the share");
});

Deno.test("SupervisorCatalog holds when supervisor gives two different emptying answers, until it repeats one", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [{ result: [entry("a", "1", "10.0.0.1")] }];
  assert.equal((await bench.offer([])).result, "held");
  assert.deepEqual(bench.told("10.0.0.2"), { a: "1" });
  assert.equal((await bench.offer([entry("a", "1", "10.0.0.1")])).result, "applied", "the next sync says it again");
  assert.deepEqual(bench.told("10.0.0.2"), {});
});

Deno.test("SupervisorCatalog applies at the share and asks above it", async () => {
  using bench = new Bench(0.5);
  await bench.offer(FOUR);
  assert.equal((await bench.offer([entry("a", "1", "10.0.0.1", "10.0.0.2")])).result, "applied");
  assert.equal(bench.asked, 0);
});

Deno.test("SupervisorCatalog asks twice before it believes a first catalog without any app", async () => {
  using bench = new Bench();
  bench.answers = [new Error("gone")];
  assert.equal((await bench.offer([])).result, "held");
  assert.equal(bench.told("10.0.0.1"), "exception");
  bench.answers = [{ result: [] }];
  assert.equal((await bench.offer([])).result, "applied");
  assert.deepEqual(bench.told("10.0.0.1"), {});
});

Deno.test("SupervisorCatalog handles offers in the order in which they came", async () => {
  using bench = new Bench();
  const large = Array.from({ length: 20_000 }, (_, i) => `10.2.${i >> 8}.${i & 255}`);
  const outcomes = await Promise.all([
    bench.offer([entry("a", "1", ...large)]),
    bench.offer([entry("a", "2", ...large)]),
    bench.offer([entry("a", "3", ...large)]),
  ]);
  assert.deepEqual(outcomes.map(({ result }) => result), ["applied", "applied", "applied"]);
  assert.deepEqual(bench.told("10.2.0.1"), { a: "3" });
});

Deno.test("SupervisorCatalog asks about the last of many emptying catalogs only, so that none waits for long", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [new Error("supervisor is not there")];
  const outcomes = await Promise.all(Array.from({ length: 20 }, () => bench.offer([])));
  assert.deepEqual(new Set(outcomes.map(({ result }) => result)), new Set(["held"]));
  assert.equal(bench.asked, 1);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
  assert.deepEqual(bench.events.map(({ kind }) => kind), ["catalogChanged", "catalogHeld"]);
});

Deno.test("SupervisorCatalog puts the held catalog in force by hand, and only the one that was looked at", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  bench.answers = [new Error("supervisor is not there")];
  await bench.offer([]);
  const { atMs } = bench.keeper.held ?? { atMs: 0 };
  assert.equal(await bench.keeper.acceptHeld(atMs - 1), undefined);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
  assert.equal((await bench.keeper.acceptHeld(atMs))?.result, "applied");
  assert.deepEqual(bench.told("10.0.0.1"), {});
  assert.equal(bench.keeper.held, undefined);
});

Deno.test("SupervisorCatalog goes back to a catalog of the history by hand", async () => {
  using bench = new Bench();
  await bench.offer(FOUR);
  await bench.offer([entry("a", "2", "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4")]);
  const [first] = bench.remembered;
  assert.equal((await bench.keeper.rollback(first?.body ?? "")).result, "applied");
  assert.deepEqual(bench.told("10.0.0.1"), { a: "1" });
});

Deno.test("SupervisorCatalog takes 50,000 agents with ten apps each", async () => {
  using bench = new Bench();
  const agents = Array.from({ length: 50_000 }, (_, i) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`);
  const outcome = await bench.offer(Array.from({ length: 10 }, (_, i) => entry(`app${i}`, `1.${i}`, ...agents)));
  assert.deepEqual(outcome, { result: "applied", apps: 10, agents: 50_000, refused: [] });
  assert.equal(Object.keys(bench.told("10.0.195.79") as object).length, 10);
  const catalog = bench.keeper.current;
  assert.equal(
    catalog?.for(addressKey("10.0.0.0")),
    catalog?.for(addressKey("10.0.195.79")),
    "agents that may run the same share one set",
  );
});

Deno.test("SupervisorCatalog tells agents what a plain map would, whatever the list", async () => {
  const ip = fc.integer({ min: 1, max: 5 }).map((n) => `10.0.0.${n}`);
  const valid = fc.record({
    app: fc.constantFrom("a", "b", "__proto__"),
    version: fc.constantFrom("1", "2"),
    agentList: fc.array(ip, { maxLength: 5 }),
  });
  const list = fc.array(fc.oneof({ weight: 4, arbitrary: valid }, { weight: 1, arbitrary: fc.anything() }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(list, async (entries) => {
      using bench = new Bench(1);
      await bench.offer([entry("z", "9", "10.0.0.9")]);
      const outcome = await bench.offer(entries);
      assert.notEqual(outcome.result, "rejected");
      const expected = new Map<string, Map<string, string>>();
      for (const each of entries) {
        const { app, version, agentList } = (each ?? {}) as Record<string, unknown>;
        if (
          typeof app !== "string" || app === "" || typeof version !== "string" || version === "" ||
          !Array.isArray(agentList)
        ) continue;
        for (const agent of agentList) expected.set(agent, (expected.get(agent) ?? new Map()).set(app, version));
      }
      for (let n = 1; n <= 5; n++) {
        const apps = bench.keeper.current?.for(addressKey(`10.0.0.${n}`)).apps;
        assert.deepEqual(new Map([...apps ?? []].sort()), new Map([...expected.get(`10.0.0.${n}`) ?? []].sort()));
      }
    }),
    { numRuns: 60 },
  );
});

Deno.test("SupervisorCatalog keeps an app whose entry has no address that can be read", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1"), entry("b", "1", "10.0.0.1")]);
  await bench.offer([entry("a", "2", "10.0.0.1"), entry("b", "2", "CX0001", null)]);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "2", b: "1" });
  await bench.offer([entry("a", "2", "10.0.0.1"), entry("b", "2")]);
  assert.deepEqual(bench.told("10.0.0.1"), { a: "2" });
});

Deno.test("SupervisorCatalog keeps the apps that a list with a nameless entry does not mention", async () => {
  using bench = new Bench();
  await bench.offer([entry("a", "1", "10.0.0.1", "10.0.0.2"), entry("b", "1", "10.0.0.1")]);
  await bench.offer([entry("a", "2", "10.0.0.1"), { app: null, version: "2", agentList: ["10.0.0.1"] }]);
  assert.deepEqual([bench.told("10.0.0.1"), bench.told("10.0.0.2")], [{ a: "2", b: "1" }, {}]);
});

Deno.test("SupervisorCatalog takes one agent with 20,000 apps", async () => {
  using bench = new Bench();
  const outcome = await bench.offer(Array.from({ length: 20_000 }, (_, i) => entry(`app${i}`, "1", "10.0.0.1")));
  assert.equal(outcome.result, "applied");
  assert.equal(Object.keys(bench.told("10.0.0.1") as object).length, 20_000);
});

Deno.test("SupervisorCatalog writes a few lines however often it is offered what cannot be used", async () => {
  using bench = new Bench();
  for (let time = 0; time < 100; time++) {
    await bench.keeper.offer(JSON.parse("[".repeat(50_000) + "]".repeat(50_000)));
    await bench.offer([{ app: "x".repeat(1_000) }]);
  }
  assert.ok(bench.log.lines.length < 10, bench.log.lines.join("\n"));
  assert.ok(bench.log.lines.every((line) => line.length < 400));
});

Deno.test("LocalCatalog tells every agent the same and takes nothing in", async () => {
  const catalog = new LocalCatalog({ app1: "1.0.1", app2: "1.0.2" });
  const told = (ip: string) => new TextDecoder().decode(catalog.current.for(addressKey(ip)).reply);
  assert.equal(told("10.0.0.1"), '{"data":{"app1":"1.0.1","app2":"1.0.2"}}');
  assert.equal(told("fd00::1"), told("10.0.0.1"));
  assert.equal((await catalog.offer()).result, "rejected");
});
