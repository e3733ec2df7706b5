import assert from "node:assert/strict";
import fc from "fast-check";
import type { Agent, AgentState } from "../../src/fleet/agent.ts";
import type { FleetEvent } from "../../src/fleet/events.ts";
import { finished } from "../support/finished.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

const AGENTS = 30;
const TIMEOUT_MS = 20_000;
const STATES = { states: new Set<AgentState>(["online", "suspect", "offline"]) };

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      beatsFrom: fc.integer({ min: 0, max: AGENTS - 1 }),
      count: fc.constantFrom(1, 10, AGENTS),
    }),
  },
  { weight: 8, arbitrary: fc.record({ pass: fc.constantFrom(500, 3_000, 11_000, 19_999, 21_000) }) },
  { weight: 2, arbitrary: fc.record({ stall: fc.constantFrom(2_501, 30_000) }) },
  { weight: 1, arbitrary: fc.record({ forget: fc.integer({ min: 0, max: AGENTS - 1 }) }) },
  { weight: 1, arbitrary: fc.record({ release: fc.constant<true>(true) }) },
);
const steps = fc.array(step, { minLength: 1, maxLength: 60, size: "max" });
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function newScene(): Scene {
  return new Scene({
    ...{ timeoutMs: TIMEOUT_MS, graceMs: 8_000, guardShare: 0.4, guardMaxHoldMs: 30_000, retentionMs: 60_000 },
    flap: { count: 3, windowMs: 50_000 },
  }, () => 0.5);
}

function run(scene: Scene, step: Step): void {
  scene.clock.advance(1);
  if ("pass" in step) scene.pass(step.pass);
  else if ("stall" in step) scene.jump(step.stall);
  else if ("forget" in step) scene.fleet.forget(address(step.forget), scene.clock.now);
  else if ("release" in step) scene.fleet.releaseGuard(scene.clock.now);
  else {
    for (let i = 0; i < step.count; i++) scene.beat({ ip: address((step.beatsFrom + i) % AGENTS) });
  }
}

/** What a reader of the events knows of each agent and of the guard. */
class Reader {
  readonly last = new Map<string, string>();
  readonly ids = new Set<string>();
  #guard = "guardOff";

  read({ id, kind, ip, atMs, lastSeenMs, awaySeconds, details }: FleetEvent): void {
    assert.ok(!this.ids.has(id), `${id} came twice`);
    this.ids.add(id);
    if (kind === "guardOn" || kind === "guardOff") {
      assert.notEqual(kind, this.#guard);
      this.#guard = kind;
      return;
    }
    if (kind === "agentFlapping") return;
    const before = this.last.get(ip);
    assert.equal(details.first === true, before === undefined, id);
    if (kind === "agentOffline") assert.ok(atMs - (lastSeenMs ?? 0) >= TIMEOUT_MS && Number(awaySeconds) >= 20, id);
    if (kind === "agentOffline") assert.equal(before, "agentOnline", id);
    if (kind === "agentOnline") assert.ok(before === undefined || before === "agentOffline", id);
    if (kind === "agentForgotten") this.last.delete(ip);
    else this.last.set(ip, kind);
  }
}

function agents(scene: Scene): Agent[] {
  return [...finished(scene.fleet.list(STATES, scene.clock.now))];
}

Deno.test("Fleet tells online and offline in turn, every id once, and what it told last is true", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const scene = newScene();
      const reader = new Reader();
      for (const step of steps) {
        run(scene, step);
        for (const event of scene.told()) reader.read(event);
        const rows = agents(scene);
        assert.deepEqual([...reader.last.keys()].sort(), rows.map(({ ip }) => ip).sort());
        for (const agent of rows.filter((agent) => !agent.flapping)) {
          const expected = agent.state === "offline" ? "agentOffline" : "agentOnline";
          assert.equal(reader.last.get(agent.ip), expected, agent.ip);
        }
      }
    }),
    { numRuns: 200 },
  );
});

Deno.test("Fleet gives a transition the same id, time and time away, whenever somebody looks", () => {
  const beats = fc.array(
    fc.record({ n: fc.integer({ min: 0, max: 3 }), afterMs: fc.integer({ min: 1, max: 45_000 }) }),
    { maxLength: 40 },
  );
  const limits = { timeoutMs: TIMEOUT_MS, graceMs: 0, flap: { count: 1_000_000, windowMs: 1 } };
  fc.assert(fc.property(beats, (beats) => {
    const [often, seldom] = [new Scene(limits), new Scene(limits)];
    for (const { n, afterMs } of beats) {
      often.pass(afterMs);
      seldom.clock.advance(afterMs);
      for (const scene of [often, seldom]) scene.beat({ ip: address(n) });
    }
    const byAgent = (events: FleetEvent[]) => events.toSorted((a, b) => a.ip < b.ip ? -1 : a.ip > b.ip ? 1 : 0);
    assert.deepEqual(byAgent(often.told()), byAgent(seldom.told()));
  }));
});

Deno.test("Fleet tells why an agent is forgotten, and a later beat makes it new", () => {
  const scene = new Scene({ retentionMs: 100_000, max: 3 });
  scene.beats(0, 3);
  scene.pass(30_000);
  scene.beats(1, 3);
  scene.pass(30_000);
  scene.told();
  const forgotten = () =>
    scene.told().filter(({ kind }) => kind === "agentForgotten").map(({ ip, details, awaySeconds }) =>
      `${ip} ${details.reason} ${awaySeconds}`
    );
  scene.beats(3, 4);
  assert.deepEqual(forgotten(), [`${address(0)} evicted 60`]);
  assert.equal(scene.fleet.forget(address(0), scene.clock.now), false);
  assert.equal(scene.fleet.forget(address(1), scene.clock.now), true);
  assert.deepEqual(forgotten(), [`${address(1)} hand 30`], "also one that is online");
  scene.pass(30_000);
  assert.equal(scene.state(2), "offline");
  scene.pass(99_999);
  assert.deepEqual(forgotten(), []);
  scene.pass(1);
  assert.deepEqual(forgotten(), [`${address(2)} retention 160`]);
  assert.equal(scene.beat({ ip: address(2) }), "new");
  const event = scene.told().at(-1);
  assert.deepEqual([event?.kind, event?.details, event?.sinceMs, event?.awaySeconds], [
    "agentOnline",
    { first: true },
    undefined,
    undefined,
  ]);
});

Deno.test("Fleet takes agents that went offline between two looks in the order in which they did", () => {
  const scene = new Scene({ max: 2 });
  scene.beats(0, 1);
  scene.pass(20_200);
  scene.beats(1, 2);
  scene.pass(39_799);
  scene.told();
  scene.restart(1);
  assert.deepEqual(scene.counts(), [1, 1, 0], "the first is held until grace ends, the other is due 200 ms after that");
  scene.pass(19_900);
  scene.jump(500);
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`, `agentOffline ${address(1)}`]);
  scene.beats(2, 3);
  assert.deepEqual([scene.state(0), scene.state(1)], [undefined, "offline"]);
});

Deno.test("Fleet prunes agents that have been offline for at least as long as asked, and no suspect ones", () => {
  const scene = new Scene();
  scene.beats(0, 1);
  scene.pass(10_000);
  scene.beats(1, 2);
  scene.pass(60_000);
  assert.equal(scene.fleet.prune(10_001, scene.clock.now), 0);
  assert.equal(scene.fleet.prune(10_000, scene.clock.now), 1);
  assert.equal(scene.fleet.prune(0, scene.clock.now), 1);
  scene.beats(0, 20);
  scene.pass(120_000);
  assert.deepEqual(scene.counts(), [0, 20, 0]);
  assert.equal(scene.fleet.prune(0, scene.clock.now), 0);
});

Deno.test("Fleet reports which rows have changed, once, and which are no more", () => {
  const scene = new Scene();
  const changes = () => {
    const { agents, seen, forgotten } = scene.fleet.takeChanges();
    return [agents.map(({ ip }) => ip).sort(), seen.map(({ ip }) => ip).sort(), forgotten];
  };
  scene.beats(0, 2);
  scene.beats(0, 1);
  assert.deepEqual(changes(), [[address(0), address(1)], [], []]);
  assert.deepEqual(changes(), [[], [], []]);
  scene.beats(0, 2);
  assert.deepEqual(changes(), [[], [address(0), address(1)], []], "nothing but the time is other than before");
  scene.pass(60_000);
  scene.beats(1, 2);
  assert.deepEqual(changes(), [[address(0), address(1)], [], []], "offline, and back");
  scene.beats(1, 2);
  scene.fleet.forget(address(1), scene.clock.now);
  assert.deepEqual(changes(), [[], [], [address(1)]]);
  scene.fleet.forget(address(0), scene.clock.now);
  scene.beats(0, 1);
  assert.deepEqual(changes(), [[address(0)], [], [address(0)]], "first what is no more, then what is");
});

Deno.test("Fleet applies other limits from a reload on", () => {
  const scene = new Scene();
  scene.beats(0, 100);
  scene.pass(30_000);
  scene.fleet.reconfigure({ ...OPTIONS, timeoutMs: 31_000, guardMinAgents: 101 });
  scene.pass(500);
  assert.deepEqual(scene.counts(), [100, 0, 0]);
  scene.pass(500);
  assert.deepEqual(scene.counts(), [0, 0, 100]);
  scene.fleet.reconfigure({ ...OPTIONS, retentionMs: 10_000 });
  scene.pass(9_999);
  assert.deepEqual(scene.counts(), [0, 0, 100]);
  scene.pass(1);
  assert.deepEqual(scene.counts(), [0, 0, 0]);
});

/** Counts from now on how often the fleet looks at one of these agents. */
function countLooks(agents: Agent[]): () => number {
  let looks = 0;
  for (const agent of agents) {
    for (const key of ["lastBeatMs", "changedMs", "next", "previous", "queue"] as const) {
      let value: unknown = agent[key];
      Object.defineProperty(agent, key, {
        get: () => {
          looks++;
          return value;
        },
        set: (to: unknown) => value = to,
      });
    }
  }
  return () => {
    const since = looks;
    looks = 0;
    return since;
  };
}

/** How often each of so many agents is looked at when all are lost in one moment. */
function looksPerLostAgent(count: number, guardShare: number): number {
  const scene = new Scene({ guardShare });
  scene.beats(0, count);
  const looks = countLooks(agents(scene));
  scene.jump(500);
  assert.ok(looks() < 10, "with nothing due the fleet looks at the first of its agents");
  scene.pass(59_500);
  scene.fleet.releaseGuard(scene.clock.now);
  scene.pass(60_000);
  assert.deepEqual(scene.counts(), [0, 0, count]);
  return looks() / count;
}

Deno.test("Fleet takes the same work for each lost agent, however many are lost at once", () => {
  for (const guardShare of [0.15, 1]) {
    const few = looksPerLostAgent(1_000, guardShare);
    const many = looksPerLostAgent(8_000, guardShare);
    assert.ok(few < 100, `${few} looks at each`);
    assert.ok(many < few * 1.1, `${many} looks at each of many, ${few} at each of few`);
  }
});
