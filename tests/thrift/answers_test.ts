/** What agents are answered, with the fleet on the same thread and on another. */
import assert from "node:assert/strict";
import { buildCatalog, type Catalog, catalogForAll } from "../../src/apps/catalog.ts";
import { Cidrs } from "../../src/fleet/address.ts";
import type { Beat } from "../../src/fleet/beat.ts";
import { Fleet } from "../../src/fleet/fleet.ts";
import { beat, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { finished } from "../support/finished.ts";
import { fleetOptions } from "../support/fleet_options.ts";
import { named, TestPort, WORKERS } from "./test_port.ts";

const NOW = { monotonic: 1, wall: 1 };

function agent(ip: string): BeatInfo {
  return { asset: "CX1", ip, version: "1", apps: "{}" };
}

/** In which one agent has two apps, and of one it is not known. */
function catalog(version: string): Catalog {
  const entries = [{ app: "a", version, agents: ["10.0.0.1", "fd00::1"] }, { app: "b", version, agents: ["10.0.0.1"] }];
  const unread = [{ app: "c", agents: ["10.0.0.9"] }];
  return finished(buildCatalog(entries, { kept: new Set(), previous: undefined, unread }));
}

async function told(test: TestPort, ip: string): Promise<string> {
  const { text, exception } = await beat(test.address, agent(ip));
  return text ?? `${exception?.type} ${exception?.message}`;
}

for (const workers of WORKERS) {
  Deno.test(`${named(workers)} answers every agent from the catalog, and nothing that is not known`, async () => {
    await using test = await TestPort.start(workers, { catalog: catalog("1") });
    for (let i = 0; i < 4; i++) {
      assert.equal(await told(test, "10.0.0.1"), '{"data":{"a":"1","b":"1"}}');
      assert.equal(await told(test, "FD00:0::1"), '{"data":{"a":"1"}}');
      assert.equal(await told(test, "10.0.0.2"), '{"data":{}}');
      assert.match(await told(test, "10.0.0.9"), /^6 beat taken, but .* cannot be read$/);
      assert.match(await told(test, "10.0.0"), /^7 ip must be an IPv4 or IPv6 address, "10.0.0" came$/);
    }
    await test.taken(16);
    assert.equal(test.stats.calls.answered, 12);
    assert.equal(test.stats.calls.refused, 8);
  });

  Deno.test(`${named(workers)} answers with exceptions until a catalog is known, and from a new one at once`, async () => {
    await using test = await TestPort.start(workers, { isCatalogKnown: false });
    using kept = await BeatConnection.open(test.address);
    for (let i = 0; i < 8; i++) assert.match(await told(test, "10.0.0.1"), /^6 beat taken, .*has not answered$/);
    for (const version of ["1", "2", "3"]) {
      await test.inForce(catalog(version));
      const expected = `{"data":{"a":"${version}","b":"${version}"}}`;
      assert.equal((await kept.call(agent("10.0.0.1"))).text, expected);
      for (let i = 0; i < 8; i++) assert.equal(await told(test, "10.0.0.1"), expected);
    }
  });

  Deno.test(`${named(workers)} refuses beats for which the fleet has no room, and only these`, async () => {
    const fleet = new Fleet(fleetOptions({ max: 20 }));
    const outcome = (beat: Beat) => fleet.beat(beat, NOW);
    await using test = await TestPort.start(workers, { outcome, room: 20 });
    const tells = await Promise.all(Array.from({ length: 40 }, (_, i) => told(test, `10.0.0.${i}`)));
    const full = tells.filter((tell) => /^6 the fleet is full \(agent.max\)/.test(tell));
    assert.equal(full.length, 20);
    assert.equal(tells.filter((tell) => tell === '{"data":{}}').length, 20);
    assert.equal(fleet.counts(NOW).online, 20);
    for (const [i, tell] of tells.entries()) assert.equal(await told(test, `10.0.0.${i}`), tell);
  });

  Deno.test(`${named(workers)} refuses foreign beats where that is the rule, and has them counted`, async () => {
    const fleet = new Fleet(fleetOptions({ addressCheck: "enforce" }));
    const outcome = (beat: Beat, peer?: string) => fleet.beat(beat, NOW, peer);
    const proxies = new Cidrs("");
    await using test = await TestPort.start(workers, { outcome, proxies, refusesForeign: true });
    assert.equal(await told(test, "127.0.0.1"), '{"data":{}}');
    assert.match(await told(test, "10.0.0.1"), /^7 ip must be the address .* 10.0.0.1 came from 127.0.0.1$/);
    await test.taken(2);
    assert.equal(fleet.stats.foreign, 1);
    test.fleet.refusesForeign = false;
    fleet.reconfigure(fleetOptions({ addressCheck: "warn" }));
    test.workers?.reloaded();
    assert.equal(await told(test, "10.0.0.1"), '{"data":{}}');
  });

  Deno.test(`${named(workers)} answers the same whether the fleet is asked first or not`, async () => {
    for (const room of [0, 1_000_000]) {
      await using test = await TestPort.start(workers, { room, catalog: catalogForAll({ a: "1" }) });
      using connection = await BeatConnection.open(test.address);
      const infos = Array.from({ length: 50 }, (_, i) => agent(i % 10 === 9 ? "nobody" : `10.0.0.${i}`));
      const replies = await connection.callAll(infos);
      const expected = infos.map(({ ip }) => ip === "nobody" ? 7 : '{"data":{"a":"1"}}');
      assert.deepEqual(replies.map(({ text, exception }) => text ?? exception?.type), expected);
      await test.taken(45);
    }
  });
}
