import assert from "node:assert/strict";
import fc from "fast-check";
import { buildCatalog, type Catalog, catalogForAll } from "../../src/apps/catalog.ts";
import { addressKey } from "../../src/fleet/address.ts";
import { packCatalog } from "../../src/thrift/workers/pack_catalog.ts";
import { PackedCatalog } from "../../src/thrift/workers/packed_catalog.ts";
import { finished } from "../support/finished.ts";

const AGENTS = 100_000;
/** V8 pauses a little now and then. */
const MOST_MS_BETWEEN_STEPS = 50;

function packed(catalog: Catalog): PackedCatalog {
  return new PackedCatalog(finished(packCatalog(catalog)));
}

const text = (bytes: Uint8Array | undefined) => bytes === undefined ? undefined : new TextDecoder().decode(bytes);

/** What HeartbeatService would answer. */
function expected(catalog: Catalog, address: string): string | undefined {
  const key = addressKey(address);
  return catalog.unknown.has(key) ? undefined : text(catalog.for(key).reply);
}

Deno.test("PackedCatalog answers every address as the catalog does that was packed", () => {
  const address = fc.oneof(
    fc.tuple(fc.nat(3), fc.nat(255)).map(([a, b]) => `10.0.${a}.${b}`),
    fc.nat(0xffff).map((n) => `fd00::${n.toString(16)}`),
  );
  const name = fc.string({ minLength: 1, maxLength: 8, unit: "grapheme" });
  const entry = fc.record({ app: name, version: name, agents: fc.array(address, { maxLength: 20 }) });
  const unread = fc.record({ app: name, agents: fc.array(address, { maxLength: 3 }) });
  fc.assert(
    fc.property(
      fc.array(entry, { maxLength: 12 }),
      fc.array(unread, { maxLength: 2 }),
      fc.array(address),
      (...made) => {
        const [entries, doubts, others] = made;
        const catalog = finished(buildCatalog(entries, { kept: new Set(), previous: undefined, unread: doubts }));
        const copy = packed(catalog);
        const asked = [...entries, ...doubts].flatMap(({ agents }) => agents);
        for (const ip of [...asked, ...others, "", "10.0.0.255"]) {
          assert.equal(text(copy.reply(ip)), expected(catalog, ip), ip);
          // What is kept of the first time is the same.
          assert.equal(text(copy.reply(ip)), expected(catalog, ip), ip);
        }
      },
    ),
  );
});

Deno.test("PackedCatalog gives all agents the same where the catalog does", () => {
  const catalog = catalogForAll({ app: "1.0", "资产": '"\\', __proto__x: "2" });
  assert.equal(text(packed(catalog).reply("10.0.0.1")), text(catalog.everywhere.reply));
  assert.equal(text(packed(catalogForAll({})).reply("10.0.0.1")), '{"data":{}}');
});

Deno.test("PackedCatalog of a large fleet is small, and its packing can be interrupted", () => {
  const list = Array.from({ length: AGENTS }, (_, i) => `10.${i >> 16}.${i >> 8 & 255}.${i & 255}`);
  const entries = Array.from({ length: 40 }, (_, app) => ({
    app: `app${app}`,
    version: "1.0",
    agents: list.filter((_, i) => (i * 7 + app * 13) % 41 < 10),
  }));
  const catalog = finished(buildCatalog(entries, { kept: new Set(), previous: undefined }));
  const job = packCatalog(catalog);
  let memory: SharedArrayBuffer | undefined;
  let longestMs = 0;
  while (memory === undefined) {
    const began = performance.now();
    const step = job.next();
    longestMs = Math.max(longestMs, performance.now() - began);
    if (step.done) memory = step.value;
  }
  assert.ok(memory.byteLength < 40 * AGENTS, `${memory.byteLength} bytes`);
  assert.ok(longestMs < MOST_MS_BETWEEN_STEPS, `${longestMs} ms without a break`);
  const copy = new PackedCatalog(memory);
  for (let i = 0; i < AGENTS; i += 997) assert.equal(text(copy.reply(list[i]!)), expected(catalog, list[i]!));
});
