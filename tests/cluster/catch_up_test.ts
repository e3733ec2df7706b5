import assert from "node:assert/strict";
import { CatchUp } from "../../src/cluster/catch_up.ts";
import { Members } from "../../src/cluster/members.ts";
import type { Marker, SharedBeat } from "../../src/cluster/records.ts";
import { Tombstones } from "../../src/cluster/tombstones.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { FaultLog } from "../../src/log.ts";
import { Slices } from "../../src/slices.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { fleetOptions } from "../support/fleet_options.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { RestoredAgents } from "../../src/fleet/stored.ts";

const MARKER: Marker = {
  ...{ number: 1, version: "1", caughtUp: true, settled: true, leading: false, leaves: false },
  catalog: undefined,
};

/** A fleet that catches up, on a clock of its own. */
class Scene implements Disposable {
  readonly clock = new FakeClock();
  readonly log = new MemoryLog();
  readonly fleet = new Fleet(fleetOptions({ timeoutMs: 60_000, graceMs: 30_000 }));
  readonly tombstones = new Tombstones();
  readonly settled: boolean[] = [];
  readonly members: Members;
  readonly catchUp: CatchUp;
  #marks = 0;

  constructor() {
    const now = () => this.clock.monotonic();
    this.members = new Members({ now, faults: new FaultLog(this.log.logger, now), instance: "own" });
    this.catchUp = new CatchUp({
      ...{ sharing: this.fleet.sharing, members: this.members, tombstones: this.tombstones, clock: this.clock },
      slices: new Slices(),
      mark: () => ++this.#marks,
      onCaughtUp: () => {},
      onSettled: (othersWere) => this.settled.push(othersWere),
    });
    this.fleet.restore({ agents: new RestoredAgents(), silences: [] }, this.clock.now);
  }

  /** Somebody says how it is; the clock of that instance may be ahead, ms. */
  mark(run: string, parts: Partial<Marker> = {}, aheadMs = 0): void {
    const wallMs = this.clock.wall();
    const record = { kind: "marker", marker: { ...MARKER, ...parts } } as const;
    const envelope = { run, sentMs: wallMs + aheadMs, record };
    if (this.catchUp.isLive) this.members.live(envelope, wallMs);
    else this.members.past(envelope);
  }

  /** Time passes, with looks. */
  pass(ms: number): void {
    for (let left = ms; left > 0; left -= 200) {
      this.clock.advance(Math.min(left, 200));
      this.fleet.advance(this.clock.now);
      this.catchUp.advance();
    }
  }

  /** A beat that came to a run so long ago by its own clock. */
  beat(ip: string, run: string, { agoMs, aheadMs = 0 }: { agoMs: number; aheadMs?: number }): void {
    const stampMs = this.clock.wall() + aheadMs - agoMs;
    const beat: SharedBeat = { ip, asset: "", version: "1", apps: "{}", stampMs, ageMs: 0, peer: undefined };
    this.catchUp.beat(beat, run);
  }

  silentMs(ip: string): number | undefined {
    const agent = this.fleet.get(ip, this.clock.now);
    return agent === undefined ? undefined : this.clock.monotonic() - agent.lastBeatMs;
  }

  [Symbol.dispose](): void {
    this.log[Symbol.dispose]();
  }
}

Deno.test("CatchUp settles at once where nobody else is, and takes nothing for lived through that was not", () => {
  using scene = new Scene();
  scene.fleet.sharing.fallBehind();
  scene.mark("own.former");
  scene.catchUp.begin();
  scene.beat("10.0.0.1", "own.former", { agoMs: 20_000 });
  assert.equal(scene.silentMs("10.0.0.1"), undefined);
  scene.catchUp.returned(1);
  scene.pass(200);
  assert.deepEqual(scene.settled, [false]);
  assert.equal(scene.silentMs("10.0.0.1"), 20_200);
  assert.equal(scene.fleet.sharing.inGrace(scene.clock.now), true);
});

Deno.test("CatchUp waits for the clock of who is there, so that beats are as old as they are", () => {
  using scene = new Scene();
  scene.mark("other.1", {}, 5_000);
  scene.catchUp.begin();
  scene.beat("10.0.0.1", "other.1", { agoMs: 20_000, aheadMs: 5_000 });
  scene.catchUp.returned(1);
  scene.pass(1_000);
  assert.equal(scene.catchUp.phase, "measuring");
  scene.mark("other.1", {}, 5_000);
  scene.pass(200);
  assert.equal(scene.silentMs("10.0.0.1"), 21_200);
  assert.deepEqual(scene.settled, [true]);
  assert.equal(scene.fleet.sharing.inGrace(scene.clock.now), false);
});

Deno.test("CatchUp keeps the newest beat of those it reads, and none that a tombstone hides", () => {
  using scene = new Scene();
  scene.catchUp.begin();
  const run = "own.former";
  for (const agoMs of [9_000, 3_000, 6_000]) scene.beat("10.0.0.1", run, { agoMs });
  scene.beat("10.0.0.2", run, { agoMs: 3_000 });
  scene.tombstones.add([{ ip: "10.0.0.2", stampMs: scene.clock.wall() - 3_000 }], 0);
  scene.catchUp.returned(1);
  scene.pass(200);
  assert.equal(scene.silentMs("10.0.0.1"), 3_200);
  assert.equal(scene.silentMs("10.0.0.2"), undefined);
});

Deno.test("CatchUp waits after an outage for those who were cut off too, for half a minute at most", () => {
  for (const comesBack of [true, false]) {
    using scene = new Scene();
    scene.catchUp.begin();
    scene.catchUp.returned(1);
    scene.pass(200);
    scene.mark("other.1");
    scene.pass(200);
    scene.catchUp.lost();
    scene.pass(20_000);
    scene.catchUp.begin();
    scene.catchUp.returned(2);
    scene.pass(10_000);
    assert.equal(scene.catchUp.phase, "waiting");
    assert.equal(scene.fleet.sharing.isBehind, true);
    if (comesBack) {
      scene.mark("other.1", { settled: false, caughtUp: false });
      scene.pass(200);
      assert.equal(scene.catchUp.phase, "waiting");
      scene.mark("other.2", { settled: false });
    } else scene.pass(20_000);
    scene.pass(200);
    assert.deepEqual(scene.settled, [false, false]);
    assert.equal(scene.fleet.sharing.isBehind, false);
  }
});

Deno.test("CatchUp takes in a large fleet in slices, and what comes meanwhile", async () => {
  using scene = new Scene();
  scene.catchUp.begin();
  for (let i = 0; i < 5_000; i++) scene.beat(`10.1.${i >> 8}.${i & 255}`, "own.former", { agoMs: i });
  scene.catchUp.returned(1);
  scene.pass(200);
  assert.equal(scene.catchUp.phase, "applying");
  scene.beat("10.2.0.1", "own.former", { agoMs: 0 });
  await waitFor(() => scene.catchUp.phase === "settled", { timeoutMs: 5_000, what: "the end of it" });
  assert.equal(scene.fleet.counts(scene.clock.now).online, 5_001);
});
