import assert from "node:assert/strict";
import { LocalCatalog } from "../../src/apps/local_catalog.ts";
import { parseBeat } from "../../src/fleet/beat.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { Actions } from "../../src/mq/actions.ts";
import type { ListBody } from "../../src/mq/large/link.ts";
import { Slices } from "../../src/slices.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { fleetOptions } from "../support/fleet_options.ts";

const PATIENCE_MS = 5_000;

/** A fleet of which a list is large, and what became of the bodies that were begun. `onText` is called for each part. */
function bench(onText: (clock: FakeClock) => void) {
  const clock = new FakeClock();
  const fleet = new Fleet(fleetOptions({ timeoutMs: 600_000 }));
  for (let i = 0; i < 3_000; i++) {
    const ip = `10.0.${i >> 8}.${i & 255}`;
    fleet.beat(parseBeat({ ip, asset: `A${i}`, version: "1", apps: "{}" }), clock.now);
  }
  const told: string[] = [];
  const actions = new Actions({
    fleet,
    catalog: new LocalCatalog({}),
    slices: new Slices(),
    clock,
    callIdResult: "list",
    beginList: () => {
      told.push("begun");
      const body: Pick<ListBody, "append" | "discard"> = {
        append: () => onText(clock),
        discard: () => told.push("discarded"),
      };
      return body as ListBody;
    },
  });
  const deadlineMs = clock.monotonic() + PATIENCE_MS;
  const list = () => actions.call({ action: "agentList", params: {}, dialect: "v033", deadlineMs });
  return { told, list };
}

Deno.test("Actions leaves the body of a list to who sends it, and discards it when nobody waits any more", async () => {
  const inTime = bench(() => {});
  assert.equal((await inTime.list())?.count, 3_000);
  assert.deepEqual(inTime.told, ["begun"]);
  const late = bench((clock) => clock.advance(PATIENCE_MS + 1));
  assert.equal(await late.list(), undefined);
  assert.deepEqual(late.told, ["begun", "discarded"]);
});

Deno.test("Actions discards the body of a list that fails", async () => {
  const { told, list } = bench(() => {
    throw new Error("full");
  });
  await assert.rejects(async () => await list(), /full/);
  assert.deepEqual(told, ["begun", "discarded"]);
});
