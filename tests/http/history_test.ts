import assert from "node:assert/strict";
import { History, SAMPLE_MS } from "../../src/history.ts";
import { startApp } from "../support/app.ts";
import { FakeClock } from "../support/fake_clock.ts";

const DAY_MS = 86_400_000;

/** A history of a fleet that the test makes up. */
class Scene {
  readonly clock = new FakeClock();
  readonly startMs = this.clock.wall();
  counts = { online: 0, suspect: 0, offline: 0 };
  beats = 0;
  readonly history = new History({ counts: () => this.counts, beats: () => this.beats }, this.clock);

  constructor() {
    this.history.tick();
  }

  /** Lets seconds pass, with so many beats in each. */
  run(seconds: number, beatsPerSecond = 0): void {
    for (let second = 0; second < seconds; second++) {
      this.clock.advance(1_000);
      this.beats += beatsPerSecond;
      this.history.tick();
    }
  }

  /** The process stands still. */
  stall(seconds: number): void {
    this.clock.advance(seconds * 1_000);
    this.history.tick();
  }
}

Deno.test("History takes a sample every ten seconds", () => {
  const scene = new Scene();
  scene.counts = { online: 5, suspect: 2, offline: 1 };
  scene.run(25, 3);
  assert.deepEqual(scene.history.points(DAY_MS, 8_640), {
    step_seconds: 10,
    at_ms: [0, 10_000, 20_000].map((ms) => scene.startMs + ms),
    online: [0, 5, 5],
    suspect: [0, 2, 2],
    offline: [0, 1, 1],
    beats_per_second: [null, 3, 3],
  });
});

Deno.test("History measures beats per second over the last ten seconds", () => {
  const scene = new Scene();
  assert.equal(scene.history.beatsPerSecond, 0);
  scene.run(4, 10);
  assert.equal(scene.history.beatsPerSecond, 10);
  scene.run(10, 2.5);
  assert.equal(scene.history.beatsPerSecond, 2.5);
  scene.run(10);
  assert.equal(scene.history.beatsPerSecond, 0);
});

Deno.test("History shows the time in which the service stood still as unknown", () => {
  const scene = new Scene();
  scene.counts = { online: 7, suspect: 0, offline: 0 };
  scene.run(10);
  scene.stall(35);
  scene.run(5);
  assert.deepEqual(scene.history.points(DAY_MS, 8_640).online, [0, 7, null, null, 7, 7]);
});

Deno.test("History brings samples together to the points that are asked for, means of what is known", () => {
  const scene = new Scene();
  for (const online of [10, 20, 30, 40, 50, 60, 70, 80]) {
    scene.counts = { online, suspect: 0, offline: 0 };
    scene.run(10, online);
  }
  const { step_seconds, at_ms, online, beats_per_second } = scene.history.points(80_000, 2);
  assert.equal(step_seconds, 40);
  assert.deepEqual(at_ms.map((ms) => ms - scene.startMs), [40_000, 80_000]);
  assert.deepEqual(online, [55, 80]);
  assert.deepEqual(beats_per_second, [55, 80]);
});

Deno.test("History keeps its points where they are while time goes on, and never gives more than asked for", () => {
  const scene = new Scene();
  scene.run(1_000, 1);
  const before = scene.history.points(600_000, 7);
  scene.run(10, 1);
  const after = scene.history.points(600_000, 7);
  assert.ok(before.at_ms.length <= 7 && after.at_ms.length <= 7);
  const common = before.at_ms.filter((ms) => after.at_ms.includes(ms));
  assert.ok(common.length >= 5);
  for (const points of [1, 2, 3, 59, 60, 61, 2_000]) {
    const all = scene.history.points(600_000, points);
    assert.ok(all.at_ms.length <= points);
    for (const list of [all.online, all.suspect, all.offline, all.beats_per_second]) {
      assert.equal(list.length, all.at_ms.length);
    }
  }
});

Deno.test("History keeps 24 hours and no more", () => {
  const scene = new Scene();
  for (let sample = 0; sample < 10_000; sample++) {
    scene.clock.advance(SAMPLE_MS);
    scene.counts = { online: sample, suspect: 0, offline: 0 };
    scene.history.tick();
  }
  const { at_ms, online } = scene.history.points(2 * DAY_MS, 10_000);
  assert.equal(at_ms.length, 8_640);
  assert.deepEqual([online[0], online.at(-1)], [1_360, 9_999]);
  assert.equal((at_ms.at(-1) ?? 0) - (at_ms[0] ?? 0), DAY_MS - SAMPLE_MS);
  scene.clock.advance(3 * DAY_MS);
  scene.history.tick();
  const known = scene.history.points(DAY_MS, 8_640).online.filter((value) => value !== null);
  assert.deepEqual(known, [9_999]);
});

Deno.test("History goes on when the wall clock is set", () => {
  const scene = new Scene();
  scene.run(20, 1);
  scene.clock.step(-3_600_000);
  scene.run(10, 1);
  const { at_ms } = scene.history.points(DAY_MS, 8_640);
  assert.deepEqual(at_ms, [0, 10_000, 20_000, 30_000].map((ms) => scene.startMs - 3_600_000 + ms));
});

Deno.test("App answers with its history and names what is wrong with a question", async () => {
  await using app = await startApp();
  const answer = await fetch(`${app.url}/api/v1/history`);
  const { step_seconds, at_ms, online } = await answer.json();
  assert.deepEqual([answer.status, step_seconds, at_ms.length, online], [200, 240, 1, [0]]);
  for (
    const [query, field] of [["points=0", "points"], ["points=2001", "points"], ["span=25h", "span"], [
      "pionts=3",
      "pionts",
    ]]
  ) {
    const refused = await fetch(`${app.url}/api/v1/history?${query}`);
    assert.deepEqual([query, refused.status, (await refused.json()).field], [query, 400, field]);
  }
  assert.equal((await (await fetch(`${app.url}/api/v1/history?points=2000&span=1h`)).json()).step_seconds, 10);
});
