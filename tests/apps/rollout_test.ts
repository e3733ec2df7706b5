import assert from "node:assert/strict";
import fc from "fast-check";
import { buildCatalog, type Catalog, catalogForAll } from "../../src/apps/catalog.ts";
import { agentsOfApp, compareVersions, countUnseen, MAX_UNWANTED_PAIRS, rollout } from "../../src/apps/rollout.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { Agent } from "../../src/fleet/agent.ts";
import { parseInstalledApps } from "../../src/fleet/beat.ts";
import { finished } from "../support/finished.ts";

function agent(ip: string, apps: string): Agent {
  const made = new Agent(addressKey(ip));
  made.install(apps, parseInstalledApps(apps));
  return made;
}

function catalog(entries: readonly { app: string; version: string; agents: readonly string[] }[]): Catalog {
  return finished(buildCatalog(entries, { kept: new Set(), previous: undefined }));
}

const names = fc.constantFrom("a", "b", "__proto__", "constructor", "1");
const versions = fc.constantFrom("1", "2", "1.10");

Deno.test("rollout counts what one would count by hand, whatever the names", () => {
  const address = fc.integer({ min: 1, max: 12 }).map((n) => `10.0.0.${n}`);
  const installed = fc.uniqueArray(fc.tuple(names, versions), { selector: ([name]) => name, maxLength: 4 });
  const fleets = fc.uniqueArray(fc.tuple(address, installed), { selector: ([ip]) => ip });
  const entries = fc.array(fc.record({ app: names, version: versions, agents: fc.uniqueArray(address) }));
  fc.assert(fc.property(fleets, fc.option(entries, { nil: undefined }), (fleet, given) => {
    const text = (pairs: [string, string][]) => `{${pairs.map(([app, v]) => `${JSON.stringify(app)}:"${v}"`).join()}}`;
    const agents = fleet.map(([ip, pairs]) => agent(ip, text(pairs)));
    const current = given === undefined ? undefined : catalog(given);
    const counted = finished(rollout(agents, current));
    assert.equal(counted.agents, agents.length);
    assert.equal(counted.unlisted, 0);
    const figures = counted.apps.flatMap(({ app, versions }) => versions.map((each) => ({ app, ...each })));
    for (const { app, version, ...numbers } of figures) {
      const wants = (ip: string) => current?.for(addressKey(ip)).apps.get(app) === version;
      const has = (pairs: [string, string][]) => pairs.some(([name, v]) => name === app && v === version);
      assert.deepEqual(numbers, {
        wanted: fleet.filter(([ip]) => wants(ip)).length,
        matching: fleet.filter(([ip, pairs]) => wants(ip) && has(pairs)).length,
        installed: fleet.filter(([, pairs]) => has(pairs)).length,
        unwanted: current === undefined ? 0 : fleet.filter(([ip, pairs]) => has(pairs) && !wants(ip)).length,
      });
    }
    const installations = fleet.reduce((sum, [, pairs]) => sum + pairs.length, 0);
    assert.equal(figures.reduce((sum, { installed }) => sum + installed, 0), installations);
    for (const { app, versions } of counted.apps) {
      const found = finished(agentsOfApp(app, agents, current));
      assert.equal(
        found.filter((each) => each.wanted !== undefined).length,
        versions.reduce((n, v) => n + v.wanted, 0),
      );
      assert.equal(
        found.filter((each) => each.installed !== undefined).length,
        versions.reduce((n, v) => n + v.installed, 0),
      );
    }
  }));
});

Deno.test("rollout lists what is wanted and a limited number of what is not", () => {
  const many = Array.from({ length: MAX_UNWANTED_PAIRS }, (_, n) => `"x${n}":"1"`).join();
  const agents = [agent("10.0.0.1", `{${many}}`), agent("10.0.0.2", '{"y":"1","wanted":"2"}')];
  const counted = finished(rollout(agents, catalog([{ app: "wanted", version: "2", agents: ["10.0.0.2"] }])));
  assert.equal(counted.apps.length, MAX_UNWANTED_PAIRS + 1);
  assert.equal(counted.unlisted, 1, "y");
  assert.deepEqual(counted.apps.find(({ app }) => app === "wanted")?.versions, [
    { version: "2", wanted: 1, matching: 1, installed: 1, unwanted: 0 },
  ]);
});

Deno.test("rollout counts an app map of any length", () => {
  const long = `{${Array.from({ length: 900 }, (_, n) => `"an-app-with-a-name-${n}":"1"`).join()}}`;
  const { apps } = finished(rollout([agent("10.0.0.1", long), agent("10.0.0.2", long)], undefined));
  assert.equal(apps.length, 900);
  assert.deepEqual(apps[0]?.versions, [{ version: "1", wanted: 0, matching: 0, installed: 2, unwanted: 0 }]);
});

Deno.test("countUnseen counts the addresses that no agent has", () => {
  const agents = [agent("10.0.0.1", "{}"), agent("10.0.0.3", "{}")];
  const given = catalog([{ app: "a", version: "1", agents: ["10.0.0.1", "10.0.0.2", "10.0.0.4"] }]);
  assert.equal(finished(countUnseen(agents, given)), 2);
  assert.equal(finished(countUnseen(agents, undefined)), 0);
  assert.equal(finished(countUnseen(agents, catalogForAll({ a: "1" }))), 0);
});

Deno.test("compareVersions goes by the numbers in them, and tells all texts apart", () => {
  const sorted = ["1.9", "1.10", "1.10-rc", "2", "10"];
  assert.deepEqual(sorted.toReversed().sort(compareVersions), sorted);
  assert.notEqual(compareVersions("1.0", "1.00"), 0);
});
