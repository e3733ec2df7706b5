import assert from "node:assert/strict";
import fc from "fast-check";
import { AppSet } from "../../src/apps/app_set.ts";
import { Catalog, catalogForAll } from "../../src/apps/catalog.ts";
import { catalogDigest } from "../../src/cluster/catalog_digest.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { AddressMap } from "../../src/fleet/address_map.ts";
import { finished } from "../support/finished.ts";

type Apps = Readonly<Record<string, string>>;
type Named = readonly (readonly [ip: string, apps: Apps])[];

function digest(catalog: Catalog): string {
  return finished(catalogDigest(catalog));
}

function catalog(named: Named, everywhere: Apps = {}): Catalog {
  const memory = { bytesLeft: Infinity };
  const set = (apps: Apps) => {
    const sorted = Object.entries(apps).map(([app, version]) => ({ app, version }));
    return new AppSet(sorted.sort((a, b) => a.app < b.app ? -1 : 1), memory);
  };
  const byAddress = new AddressMap<AppSet>();
  for (const [ip, apps] of named) byAddress.set(addressKey(ip), set(apps));
  return new Catalog(set(everywhere), byAddress, { apps: new Set() });
}

Deno.test("catalogDigest is the same for what gives every agent the same", () => {
  assert.match(digest(catalog([])), /^[0-9a-f]{16}$/);
  assert.equal(digest(catalog([], { a: "1" })), digest(catalogForAll({ a: "1" })));
  // An agent that is named with what all have is as one that is not named.
  assert.equal(digest(catalog([["10.0.0.1", {}]])), digest(catalog([])));
  assert.equal(digest(catalog([["10.0.0.1", { a: "1" }]], { a: "1" })), digest(catalog([], { a: "1" })));
});

Deno.test("catalogDigest tells apart what gives any agent anything else", () => {
  const catalogs = [
    catalog([]),
    catalog([], { a: "1" }),
    catalog([["10.0.0.1", { a: "1" }]]),
    catalog([["10.0.0.2", { a: "1" }]]),
    catalog([["10.0.0.1", { a: "2" }]]),
    catalog([["10.0.0.1", { b: "1" }]]),
    catalog([["10.0.0.1", {}]], { a: "1" }),
    catalog([["10.0.0.1", { a: "1" }], ["10.0.0.2", { a: "2" }]]),
    catalog([["10.0.0.1", { a: "2" }], ["10.0.0.2", { a: "1" }]]),
    catalog([["10.0.0.1", { a: "1" }], ["10.0.0.2", { a: "1" }]]),
  ];
  const digests = catalogs.map(digest);
  assert.equal(new Set(digests).size, catalogs.length, digests.join());
});

Deno.test("catalogDigest does not depend on the order of agents", () => {
  const agents = fc.uniqueArray(fc.tuple(fc.ipV4(), fc.constantFrom<Apps>({}, { a: "1" }, { a: "2" }, { b: "" })), {
    selector: ([ip]) => ip,
    maxLength: 600,
  });
  fc.assert(
    fc.property(agents, (named) => assert.equal(digest(catalog(named.toReversed())), digest(catalog(named)))),
    { numRuns: 50 },
  );
});

Deno.test("catalogDigest of a large catalog may be interrupted every few hundred agents and apps", () => {
  const named = Array.from({ length: 1_025 }, (_, i): [string, Apps] => [`10.0.${i >> 8}.${i & 255}`, { a: `${i}` }]);
  const steps = (count: number) => [...catalogDigest(catalog(named.slice(0, count)))].length;
  assert.deepEqual([127, 128, 255, 256, 1_025].map(steps), [0, 1, 1, 2, 8]);
});
