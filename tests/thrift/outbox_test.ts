import assert from "node:assert/strict";
import type { BeatOutcome } from "../../src/fleet/fleet.ts";
import { ApplicationError } from "../../src/thrift/service.ts";
import { beatAt, type BeatBatch, sizeOf } from "../../src/thrift/workers/batch.ts";
import { Inbox } from "../../src/thrift/workers/inbox.ts";
import { Outbox } from "../../src/thrift/workers/outbox.ts";
import { PackedCatalog } from "../../src/thrift/workers/packed_catalog.ts";
import { packCatalog } from "../../src/thrift/workers/pack_catalog.ts";
import { ReplicaService } from "../../src/thrift/workers/replica_service.ts";
import { SharedFleet } from "../../src/thrift/workers/shared_fleet.ts";
import { catalogForAll } from "../../src/apps/catalog.ts";
import { finished } from "../support/finished.ts";
import { waitFor } from "../support/wait_for.ts";

function beat(number: number) {
  return {
    ip: `10.${number >> 16}.${number >> 8 & 255}.${number & 255}`,
    asset: `CX${number}`,
    version: "1",
    apps: "{}",
  };
}

function ips(batch: BeatBatch): string[] {
  return Array.from({ length: sizeOf(batch) }, (_, i) => beatAt(batch, i).beat.ip);
}

/** An outbox whose batches a test takes when it wants. */
class Line {
  readonly fleet = SharedFleet.of(1);
  readonly batches: BeatBatch[] = [];
  readonly outbox = new Outbox(0, this.fleet, (batch) => this.batches.push(batch));
  #taken = 0;

  /** Waits for so many batches. */
  async sent(count: number): Promise<void> {
    await waitFor(() => this.batches.length >= count, { timeoutMs: 5_000, what: `batch ${count}` });
  }

  /** Counts the oldest batch that is not taken yet as taken. */
  take(outcomes: readonly BeatOutcome[] = []): void {
    this.outbox.answered(outcomes);
    this.fleet.took(0, sizeOf(this.batches[this.#taken++]!));
  }
}

Deno.test("Outbox gathers beats in their order while a batch is on its way, and has one there at a time", async () => {
  const line = new Line();
  for (let i = 0; i < 3; i++) line.outbox.add(beat(i), undefined);
  await line.sent(1);
  for (let i = 3; i < 1_000; i++) {
    line.outbox.add(beat(i), "10.9.9.9");
    if (i % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.equal(line.batches.length, 1);
  assert.equal(line.fleet.waitingOfAll, 1_000);
  line.take();
  await line.sent(2);
  assert.deepEqual(line.batches.flatMap(ips), Array.from({ length: 1_000 }, (_, i) => beat(i).ip));
  assert.deepEqual(beatAt(line.batches[1]!, 0), { beat: beat(3), peer: "10.9.9.9" });
  const emptied = line.outbox.emptied();
  line.take();
  await emptied;
  assert.equal(line.fleet.waitingOfAll, 0);
});

Deno.test("Outbox gives those who asked the outcome of their beat", async () => {
  const line = new Line();
  line.outbox.add(beat(0), undefined);
  const asked = [1, 2].map((number) => line.outbox.ask(beat(number), undefined));
  line.outbox.add(beat(3), undefined);
  await line.sent(1);
  const outcomes: (readonly BeatOutcome[])[] = [];
  const inbox = new Inbox(({ ip }) => ip === beat(2).ip ? "full" : "new");
  inbox.add(line.batches[0]!, (each) => outcomes.push(each));
  assert.deepEqual(outcomes, [["new", "full"]]);
  line.take(outcomes[0]);
  assert.deepEqual(await Promise.all(asked), ["new", "full"]);
  await line.outbox.emptied();
});

Deno.test("ReplicaService gives exceptions when more beats wait than may, and answers again when some are taken", async () => {
  for (const apps of ["{}", "x".repeat(30_000)]) {
    const line = new Line();
    line.fleet.room = 1_000_000;
    let overloads = 0;
    const service = new ReplicaService(line.fleet, line.outbox, () => overloads++);
    service.catalog = new PackedCatalog(finished(packCatalog(catalogForAll({ a: "1" }))));
    service.heartbeatPackage({ ...beat(0), apps }, undefined);
    await line.sent(1);
    let waiting = 0;
    for (; overloads === 0 && waiting < 1_000_000; waiting++) {
      try {
        service.heartbeatPackage({ ...beat(waiting), apps }, undefined);
      } catch (error) {
        assert.ok(error instanceof ApplicationError);
        assert.match(error.message, /overloaded/);
      }
    }
    assert.ok(
      waiting < 51_000 && waiting * apps.length < 20_000_000,
      `${waiting} beats with ${apps.length} characters`,
    );
    line.take();
    await line.sent(2);
    assert.ok(service.heartbeatPackage({ ...beat(1), apps }, undefined) instanceof Uint8Array);
    line.take();
    await line.sent(3);
    line.take();
    await line.outbox.emptied();
  }
});

Deno.test("Inbox takes large batches in their order and gives others their turn in between", async () => {
  const line = new Line();
  for (let i = 0; i < 5_000; i++) line.outbox.add(beat(i), undefined);
  await line.sent(1);
  let turns = 0;
  let isTaken = false;
  const taken: string[] = [];
  const inbox = new Inbox(({ ip }) => {
    const until = performance.now() + 0.01;
    while (performance.now() < until);
    taken.push(ip);
    return "beat";
  });
  inbox.add(line.batches[0]!, () => isTaken = true);
  inbox.add({ texts: ["last", "", "", "", undefined], asked: [] }, () => {});
  while (!isTaken) {
    turns++;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
  inbox.finish();
  assert.ok(turns > 3, `${turns} turns`);
  assert.deepEqual(taken, [...ips(line.batches[0]!), "last"]);
  line.take();
  await line.outbox.emptied();
});
