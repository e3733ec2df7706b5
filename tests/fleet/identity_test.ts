import assert from "node:assert/strict";
import { agentRow } from "../../src/fleet/row.ts";
import { address, OPTIONS, Scene } from "./scene.ts";

const { timeoutMs } = OPTIONS;
const OTHER = "10.9.9.9";
const THIRD = "10.9.9.8";

/** The conflicts told after beats of one address with these assets, one a second. */
function conflictsOfAssets(scene: Scene, ...assets: string[]): unknown[] {
  for (const asset of assets) {
    scene.pass(1000);
    scene.beat({ asset });
  }
  return conflicts(scene);
}

/** The same with these TCP peers; undefined is one that says nothing, behind a balancer. */
function conflictsOfPeers(scene: Scene, ...peers: (string | undefined)[]): unknown[] {
  for (const peer of peers) {
    scene.pass(1000);
    const beat = { ip: address(0), asset: "CX", version: "1.0", apps: "{}" };
    scene.fleet.beat(beat, scene.clock.now, peer);
  }
  return conflicts(scene);
}

function conflicts(scene: Scene): unknown[] {
  return scene.told().filter(({ kind }) => kind === "duplicateIdentity").map(({ details }) => details);
}

Deno.test("Fleet tells of one address with two assets in turn, not of one that was renamed", () => {
  const scene = new Scene();
  assert.deepEqual(conflictsOfAssets(scene, "A", "A", "B", "B", "C"), []);
  assert.deepEqual(conflictsOfAssets(scene, "B"), [{ reason: "asset", assets: ["C", "B"] }]);
});

Deno.test("Fleet tells of a conflict once, as long as it goes on, and again when it comes back", () => {
  const scene = new Scene();
  assert.equal(conflictsOfAssets(scene, "A", "B", "A").length, 1);
  const beforeTimeout = [];
  for (let i = 0; i < 10; i++) {
    scene.pass(timeoutMs - 1000);
    beforeTimeout.push(...conflictsOfAssets(scene, i % 2 === 0 ? "B" : "A"));
  }
  assert.deepEqual(beforeTimeout, [], "the last sign is never older than the timeout");
  assert.equal(scene.fleet.stats.conflicts, 1);
  scene.pass(timeoutMs - 999);
  assert.equal(conflictsOfAssets(scene, "B").length, 1, "1 ms longer than the timeout");
  assert.equal(scene.fleet.stats.conflicts, 2);
});

Deno.test("Fleet tells of one address used from two peers in turn", () => {
  const scene = new Scene();
  assert.deepEqual(conflictsOfPeers(scene, OTHER, OTHER, THIRD), []);
  assert.deepEqual(conflictsOfPeers(scene, OTHER), [{ reason: "address" }]);
  assert.equal(scene.fleet.stats.foreign, 4);
});

Deno.test("Fleet tells of an agent's own address and another one in turn", () => {
  const scene = new Scene();
  assert.deepEqual(conflictsOfPeers(scene, address(0), OTHER, address(0)), []);
  assert.deepEqual(conflictsOfPeers(scene, OTHER), [{ reason: "address" }]);
});

Deno.test("Fleet takes an agent that now beats over another way as that", () => {
  const ways = [[OTHER, address(0)], [address(0), OTHER], [undefined, OTHER, undefined, OTHER], [
    OTHER,
    address(0),
    THIRD,
  ]];
  for (const peers of ways) assert.deepEqual(conflictsOfPeers(new Scene(), ...peers), [], peers.join(", "));
  const scene = new Scene();
  scene.beat({}, OTHER);
  scene.restart(1000);
  assert.deepEqual(conflictsOfPeers(scene, OTHER, address(0)), [], "after a restart");
});

Deno.test("Fleet shows the other peer and the conflict in the row", () => {
  const scene = new Scene();
  const row = () => {
    const agent = scene.fleet.get(address(0), scene.clock.now);
    assert.ok(agent);
    const { peer, duplicate } = JSON.parse(agentRow(agent, scene.clock.now));
    return { peer, duplicate };
  };
  scene.beat({ asset: "A" });
  assert.deepEqual(row(), { peer: undefined, duplicate: undefined });
  scene.beat({ asset: "B" }, OTHER);
  assert.deepEqual(row(), { peer: OTHER, duplicate: undefined });
  scene.beat({ asset: "A" });
  const at = new Date(scene.clock.wall()).toISOString();
  assert.deepEqual(row(), { peer: undefined, duplicate: { reason: "asset", at } });
});

Deno.test("Fleet with addressCheck off looks at no peer", () => {
  const scene = new Scene({ addressCheck: "off" });
  assert.deepEqual(conflictsOfPeers(scene, OTHER, THIRD, OTHER, THIRD), []);
  assert.equal(scene.state(0), "online");
  assert.equal(scene.fleet.stats.foreign, 0);
});

Deno.test("Fleet with addressCheck enforce refuses a beat for another address, and it changes nothing", () => {
  const scene = new Scene({ addressCheck: "enforce" });
  assert.equal(scene.beat({}, OTHER), "foreign");
  assert.equal(scene.state(0), undefined);
  assert.equal(scene.beat({}), "new");
  scene.told();
  const before = scene.rows();
  scene.pass(timeoutMs - 1);
  assert.equal(scene.beat({ asset: "B", version: "2.0" }, OTHER), "foreign");
  assert.deepEqual(scene.rows(), before);
  scene.pass(1);
  assert.equal(scene.state(0), "offline", "it is no sign of life");
  assert.deepEqual(scene.toldInShort(), [`agentOffline ${address(0)}`]);
  assert.equal(scene.fleet.stats.foreign, 2);
  assert.equal(scene.fleet.beat({ ip: address(0), asset: "CX", version: "", apps: "" }, scene.clock.now), "returned");
});

Deno.test("Fleet tells when the agent's own version changes, not when its apps do", () => {
  const scene = new Scene();
  scene.beat({ version: "" });
  scene.beat({ version: "1.0" });
  scene.beat({ version: "1.0", apps: '{"a":"2"}' });
  assert.deepEqual(scene.toldInShort(), [`agentOnline ${address(0)}`]);
  scene.beat({ version: "1.1" });
  assert.deepEqual(scene.told().map(({ kind, details }) => [kind, details]), [
    ["versionChanged", { from: "1.0", to: "1.1" }],
  ]);
  scene.restart(1000);
  scene.beat({ version: "1.2" });
  assert.deepEqual(scene.told().map(({ details }) => details), [{ from: "1.1", to: "1.2" }]);
});

Deno.test("Fleet tells an offline agent's new version before its return", () => {
  const scene = new Scene();
  scene.beat({});
  scene.pass(timeoutMs);
  scene.told();
  scene.beat({ version: "1.1" });
  assert.deepEqual(scene.toldInShort(), [`versionChanged ${address(0)}`, `agentOnline ${address(0)}`]);
});
