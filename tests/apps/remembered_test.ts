import assert from "node:assert/strict";
import { type RememberedCatalog, SupervisorCatalog } from "../../src/apps/keeper.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { Slices } from "../../src/slices.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { MemoryLog } from "../support/memory_log.ts";

const TEN_AGENTS = Array.from({ length: 10 }, (_, i) => `10.0.0.${i}`);
const CATALOG = [
  { app: "a", version: "1", agentList: TEN_AGENTS },
  { app: "b", version: "1", agentList: ["10.0.0.9", "10.0.0.3"] },
];

/** A keeper whose memory is a list. */
class Bench implements Disposable {
  readonly log = new MemoryLog();
  readonly clock = new FakeClock();
  readonly told: RememberedCatalog[] = [];
  readonly keeper = new SupervisorCatalog({
    log: this.log.logger,
    clock: this.clock,
    slices: new Slices(),
    listener: { inForce: (catalog) => this.told.push(catalog), event: () => {} },
    emptyShare: 0.5,
    ask: () => Promise.reject(new Error("nobody is there")),
  });

  reply(ip: string): string | undefined {
    const catalog = this.keeper.current;
    return catalog === undefined ? undefined : new TextDecoder().decode(catalog.for(addressKey(ip)).reply);
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
  }
}

Deno.test("SupervisorCatalog tells the very same text as long as the catalog is the same, also in another order", async () => {
  using bench = new Bench();
  await bench.keeper.offer({ result: CATALOG }, "supervisor");
  bench.clock.advance(60_000);
  const reordered = CATALOG.map((entry) => ({ ...entry, agentList: entry.agentList.toReversed() })).toReversed();
  assert.equal((await bench.keeper.offer({ result: reordered })).result, "unchanged");
  const [first, second] = bench.told;
  assert.equal(second?.body, first?.body);
  assert.equal(second!.atMs - first!.atMs, 60_000);
  using restarted = new Bench();
  await restarted.keeper.recall(second!);
  await restarted.keeper.offer({ result: reordered }, "supervisor");
  assert.equal(restarted.told[0]?.body, first?.body);
});

Deno.test("SupervisorCatalog answers from the remembered catalog, and states it again with its own time", async () => {
  using before = new Bench();
  await before.keeper.offer({ result: CATALOG }, "supervisor");
  const [remembered] = before.told;
  using after = new Bench();
  after.keeper.restate();
  await after.keeper.recall(remembered!);
  after.clock.advance(60_000);
  for (const ip of ["10.0.0.1", "10.0.0.9"]) assert.equal(after.reply(ip), before.reply(ip));
  assert.deepEqual(after.told, []);
  after.keeper.restate();
  assert.deepEqual(after.told, [remembered]);
});

Deno.test("SupervisorCatalog refuses to recall what it did not tell, and then knows nothing", async () => {
  for (const body of ["", '{"result":[{"app":"a"', "null", '{"apps":[]}']) {
    using bench = new Bench();
    await assert.rejects(bench.keeper.recall({ body, origin: "supervisor", atMs: 0 }), SyntaxError);
    assert.equal(bench.reply("10.0.0.1"), undefined);
  }
});
