import assert from "node:assert/strict";
import { BeatsOut } from "../../src/cluster/beats_out.ts";
import { decodeRecord } from "../../src/cluster/records.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { Agent } from "../../src/fleet/agent.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** Agents whose beats wait, and what was published of them. */
class Scene {
  readonly clock = new FakeClock();
  waiting: Agent[] = [];
  /** The addresses in each record. */
  readonly records: string[][] = [];
  /** How many records the broker takes. */
  takes = Infinity;
  readonly out = new BeatsOut({
    run: "hb-1.a",
    clock: this.clock,
    sharing: {
      takeOwn: () => this.waiting.splice(0),
      giveBack: (agents) => void this.waiting.push(...agents),
    },
    publish: (content) => {
      if (this.records.length >= this.takes) return Promise.resolve(false);
      const envelope = decodeRecord(content);
      assert.ok(typeof envelope !== "string" && envelope.record.kind === "beats");
      this.records.push(envelope.record.beats.map(({ ip }) => ip));
      return Promise.resolve(true);
    },
  });

  /** Lets agents beat, each with an app map of so many characters. */
  beat(count: number, length: number): void {
    const { monotonic, wall } = this.clock.now;
    for (let i = 0; i < count; i++) {
      const agent = new Agent(addressKey(`10.0.${this.waiting.length >> 8}.${this.waiting.length & 255}`));
      agent.appsText = "x".repeat(length);
      agent.enter({ monotonic, wall });
      this.waiting.push(agent);
    }
  }

  /** How many beats each record has. */
  get sizes(): number[] {
    return this.records.map((ips) => ips.length);
  }
}

const FLUSHES: readonly { count: number; length: number; sizes: readonly number[] }[] = [
  { count: 0, length: 2, sizes: [] },
  { count: 1, length: 2, sizes: [1] },
  { count: 5_000, length: 2, sizes: [5_000] },
  { count: 5_001, length: 2, sizes: [5_000, 1] },
  // 32 app maps of 32 KiB are the mebibyte that a record may have.
  { count: 32, length: 32_768, sizes: [32] },
  { count: 33, length: 32_768, sizes: [32, 1] },
  { count: 65, length: 32_768, sizes: [32, 32, 1] },
  // One that is longer than that by itself still goes.
  { count: 2, length: 2_000_000, sizes: [1, 1] },
];

for (const { count, length, sizes } of FLUSHES) {
  Deno.test(`BeatsOut passes on ${count} beats with ${length} characters each in records of [${sizes}]`, async () => {
    const scene = new Scene();
    scene.beat(count, length);
    const ips = scene.waiting.map(({ ip }) => ip);
    assert.equal(await scene.out.flush(), true);
    assert.deepEqual(scene.sizes, sizes);
    assert.deepEqual(scene.records.flat(), ips);
  });
}

Deno.test("BeatsOut gives back what the broker did not take, and passes it on later", async () => {
  const scene = new Scene();
  scene.beat(10_001, 2);
  scene.takes = 1;
  assert.equal(await scene.out.flush(), false);
  assert.equal(scene.waiting.length, 5_001);
  scene.takes = Infinity;
  assert.equal(await scene.out.flush(), true);
  assert.deepEqual(scene.sizes, [5_000, 5_000, 1]);
  assert.equal(new Set(scene.records.flat()).size, 10_001);
});

Deno.test("BeatsOut passes on once what it is asked for twice at the same time", async () => {
  const scene = new Scene();
  scene.beat(5_001, 2);
  assert.deepEqual(await Promise.all([scene.out.flush(), scene.out.flush()]), [true, true]);
  assert.deepEqual(scene.sizes, [5_000, 1]);
});
