import assert from "node:assert/strict";
import fc from "fast-check";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { Fleet, type FleetOptions } from "../../src/fleet/fleet.ts";
import { parseAgentQuery } from "../../src/fleet/query.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { finished } from "../support/finished.ts";
import { restoredAgents } from "../support/restored_agents.ts";
import { type ExpectedEvent, LivenessModel } from "./liveness_model.ts";

/** More than twice what may leave within a second, so that a release takes several. */
const ADDRESSES = Array.from({ length: 64 }, (_, i) => `10.0.${i >> 4}.${i & 15}`);

const options: fc.Arbitrary<FleetOptions> = fc.record({
  timeoutMs: fc.constant(20_000),
  graceMs: fc.constantFrom(0, 8_000, 30_000),
  guardShare: fc.constantFrom(0.15, 0.4),
  guardMinAgents: fc.constantFrom(2, 20, 1000),
  guardMaxHoldMs: fc.constantFrom(15_000, 40_000),
  retentionMs: fc.constantFrom(30_000, 120_000),
  max: fc.constantFrom(10, 50, 1000),
  flap: fc.record({ count: fc.constantFrom(3, 4), windowMs: fc.constantFrom(45_000, 100_000) }),
  addressCheck: fc.constantFrom("off", "warn", "enforce"),
});

/** Agents with neighbouring addresses beat in one moment; peer "" is a balancer's, which tells nothing. */
interface Beats {
  from: number;
  count: number;
  asset: string;
  version: string;
  peer: string;
}

/** Which agents are silenced, in the words of the service and, not to use its own matching, by hand. */
const SILENCED: readonly {
  wish: { cidr?: string; asset?: string };
  matches: (ip: string, asset: string) => boolean;
}[] = [
  { wish: { cidr: "10.0.0.0/24" }, matches: (ip) => ip.startsWith("10.0.0.") },
  { wish: { cidr: "10.0.0.0/23, 10.0.3.7" }, matches: (ip) => /^10\.0\.[01]\./.test(ip) || ip === "10.0.3.7" },
  { wish: { cidr: "10.0.0.0/8" }, matches: () => true },
  { wish: { asset: "cx1" }, matches: (_, asset) => asset === "CX1" },
  { wish: { asset: "*?2" }, matches: (_, asset) => asset === "CX2" },
  { wish: { cidr: "10.0.2.0/23", asset: "C*2" }, matches: (ip, asset) => /^10\.0\.[23]\./.test(ip) && asset === "CX2" },
];

type ByHand =
  | { silence: { which: number; seconds: number } }
  | { unsilence: number }
  | { forget: number }
  | { prune: number }
  | { release: true };

type Step =
  | ByHand
  | { beats: Beats }
  | { wait: { seconds: number; tickMs: number } }
  | { stall: number }
  | { clockStep: number }
  | { restart: { down: number; clockStep: number } };

const address = fc.integer({ min: 0, max: ADDRESSES.length - 1 });
/** Mostly the whole fleet or a rack of it; a single agent else. */
const count = fc.oneof(fc.constantFrom(1, 16, 40), fc.constant(ADDRESSES.length));
const clockStep = fc.constantFrom(-86_400_000, -2_001, -1_999, 0, 1_999, 2_001, 3_600_000);
const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      beats: fc.record({
        from: address,
        count,
        asset: fc.constantFrom("CX1", "CX1", "CX1", "CX2"),
        version: fc.constantFrom("1.0", "1.0", "1.0", "1.1"),
        peer: fc.constantFrom("", "", "", "own", "10.9.9.8", "10.9.9.9"),
      }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      wait: fc.record({
        seconds: fc.constantFrom(0.5, 3, 8, 10, 12, 20, 21, 50),
        tickMs: fc.constantFrom(500, 500, 1_300, 2_500),
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ stall: fc.constantFrom(2_499, 2_500, 2_501, 9_000, 25_000, 200_000) }) },
  { weight: 1, arbitrary: fc.record({ clockStep }) },
  { weight: 1, arbitrary: fc.record({ restart: fc.record({ down: fc.constantFrom(0, 5_000, 30_000), clockStep }) }) },
  { weight: 1, arbitrary: fc.record({ forget: address }) },
  { weight: 1, arbitrary: fc.record({ prune: fc.constantFrom(0, 10_000) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      silence: fc.record({
        which: fc.nat({ max: SILENCED.length - 1 }),
        seconds: fc.constantFrom(1, 10, 30, 60, 300, 7200),
      }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ unsilence: fc.nat({ max: 3 }) }) },
  { weight: 2, arbitrary: fc.record({ release: fc.constant<true>(true) }) },
);

/** Drives the fleet and the model through the same steps and compares all that can be seen of them. */
class Comparison {
  readonly #clock = new FakeClock();
  readonly #options: FleetOptions;
  readonly #model: LivenessModel;
  #fleet: Fleet;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#model = new LivenessModel(options);
    this.#fleet = this.#newFleet();
  }

  #newFleet(): Fleet {
    return new Fleet(this.#options, () => 0.999999);
  }

  run(step: Step): void {
    // No two transitions of an agent in one millisecond: their ids could not be told apart.
    this.#pass(1);
    if ("beats" in step) this.#beats(step.beats);
    else if ("wait" in step) this.#wait(step.wait);
    else if ("stall" in step) this.#pass(step.stall);
    else if ("clockStep" in step) this.#clock.step(step.clockStep);
    else if ("restart" in step) this.#restart(step.restart);
    else this.#byHand(step);
    this.#pass(0);
    this.#compare();
  }

  #pass(ms: number): void {
    this.#clock.advance(ms);
    this.#fleet.advance(this.#clock.now);
    this.#model.advance(this.#clock.now);
  }

  #wait({ seconds, tickMs }: { seconds: number; tickMs: number }): void {
    for (let left = seconds * 1000; left > 0; left -= tickMs) this.#pass(Math.min(left, tickMs));
  }

  #beats({ from, count, peer, ...rest }: Beats): void {
    const now = this.#clock.now;
    for (let i = from; i < from + count; i++) {
      const ip = ADDRESSES[i % ADDRESSES.length] ?? "";
      const sender = peer === "" ? undefined : peer === "own" ? ip : peer;
      const beat = { ip, apps: "{}", ...rest };
      assert.equal(this.#fleet.beat(beat, now, sender), this.#model.beat(beat, now, sender), `outcome of ${ip}`);
    }
  }

  #byHand(step: ByHand): void {
    const now = this.#clock.now;
    if ("silence" in step) this.#silence(step.silence);
    else if ("unsilence" in step) this.#unsilence(step.unsilence);
    else if ("forget" in step) {
      const ip = ADDRESSES[step.forget] ?? "";
      assert.equal(this.#fleet.forget(ip, now), this.#model.forget(ip, now));
    } else if ("prune" in step) {
      assert.equal(this.#fleet.prune(step.prune, now), this.#model.prune(step.prune, now));
    } else assert.equal(this.#fleet.releaseGuard(now), this.#model.releaseGuard(now));
  }

  #silence({ which, seconds }: { which: number; seconds: number }): void {
    const { wish, matches } = SILENCED[which] ?? {};
    const now = this.#clock.now;
    const untilMs = now.wall + seconds * 1000;
    if (wish === undefined || matches === undefined) return;
    const { id } = this.#fleet.addSilence({ ...wish, untilMs }, { by: "test", now });
    this.#model.addSilence({ id, untilMs, matches });
  }

  #unsilence(place: number): void {
    const id = this.#model.silences[place]?.id ?? "none";
    this.#fleet.removeSilence(id, this.#clock.now);
    this.#model.removeSilence(id, this.#clock.now);
  }

  #restart({ down, clockStep }: { down: number; clockStep: number }): void {
    this.#compare();
    const now = this.#clock.now;
    const rows = this.#model.agents.map(({ ip }) => this.#fleet.get(ip, now))
      .filter((agent) => agent !== undefined).map((agent) => this.#fleet.stored(agent));
    const silences = this.#fleet.silences.list.map(({ stored }) => stored);
    this.#clock.advance(down);
    this.#clock.step(clockStep);
    this.#fleet = this.#newFleet();
    this.#fleet.restore({ agents: restoredAgents(rows, this.#clock.now), silences }, this.#clock.now);
    this.#model.restart(this.#clock.now);
  }

  #compare(): void {
    const now = this.#clock.now;
    const expected = this.#model.agents.map(({ ip, state, since, seen, asset, flapping, silenced }) =>
      `${ip} ${state} since ${since} seen ${seen} ${asset} ${flapping} ${silenced}`
    );
    const all = this.#fleet.list(parseAgentQuery({ state: "all" }), now);
    const actual = finished(all).map((agent) => {
      const { ip, state, sinceMs, lastSeenMs, asset } = agent;
      return `${ip} ${state} since ${sinceMs} seen ${lastSeenMs} ${asset} ${agent.flapping} ${agent.silenced}`;
    });
    assert.deepEqual(actual.sort(), expected.sort());
    assert.deepEqual(this.#fleet.counts(now), this.#model.counts());
    assert.equal(this.#fleet.countSilenced, this.#model.agents.filter(({ silenced }) => silenced).length);
    assert.equal(this.#fleet.countFlapping, this.#model.agents.filter(({ flapping }) => flapping).length);
    const { guardSinceMs, graceUntilMs } = this.#fleet.status(now);
    assert.equal(guardSinceMs, this.#model.guardSince, "guard since");
    assert.equal(graceUntilMs > now.monotonic, this.#model.inGrace, "in grace");
    this.#compareEvents();
  }

  /** Events keep their order per agent; the guard's, which have no address, among themselves. */
  #compareEvents(): void {
    const told = this.#fleet.takeChanges().events;
    const expected = this.#model.takeEvents();
    const ips = new Set([...told, ...expected].map(({ ip }) => ip));
    for (const ip of ips) {
      const wanted = expected.filter((each) => each.ip === ip);
      const came = told.filter((each) => each.ip === ip).map(asExpected);
      assert.deepEqual(came, wanted);
    }
  }
}

/** An event in the words of the model. */
function asExpected({ kind, ip, atMs, awaySeconds, details }: FleetEvent): ExpectedEvent {
  const named = details.reason ?? (details.first === true ? "first" : undefined);
  const versions = kind === "versionChanged" ? `${details.from} to ${details.to}` : undefined;
  const silent = kind === "guardOn" ? `${details.silent} of ${details.agents}` : undefined;
  return { kind, ip, at: atMs, detail: String(named ?? versions ?? silent ?? `away ${awaySeconds}`) };
}

Deno.test("Fleet agrees with the naive model over beats, maintenance, stalls, clock steps, restarts and hands", () => {
  fc.assert(
    fc.property(options, fc.array(steps, { minLength: 1, maxLength: 40, size: "max" }), (options, steps) => {
      const comparison = new Comparison(options);
      for (const step of steps) comparison.run(step);
    }),
    { numRuns: 500 },
  );
});
