import fc from "fast-check";
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type ClusterRecord, decodeRecord, encodeRecord } from "../../src/cluster/records.ts";

const MARKER = {
  ...{ number: 7, version: "1.0.0", caughtUp: true, settled: false, leading: true, leaves: false },
  catalog: { digest: "0123", atMs: 5 },
};
const SILENCE = { id: "a", cidr: "10.0.0.0/8", asset: undefined, reason: "", by: "ops", createdAtMs: 1, untilMs: 2 };
const BEAT = {
  ip: "10.0.0.1",
  asset: "a",
  version: "1",
  apps: "{}",
  stampMs: 1_700_000_000_000,
  ageMs: 12,
  peer: undefined,
};

const RECORDS: readonly ClusterRecord[] = [
  {
    kind: "beats",
    beats: [BEAT, { ...BEAT, ip: "fd00::1", version: "2" }, { ...BEAT, apps: "x".repeat(20_000), peer: "" }, {
      ...BEAT,
      asset: "\u{1f600}",
      peer: "10.0.0.9",
    }],
  },
  { kind: "marker", marker: MARKER },
  { kind: "marker", marker: { ...MARKER, catalog: undefined } },
  { kind: "claimed", events: [{ id: "agentOnline:10.0.0.1:5", atMs: 5 }] },
  { kind: "told", events: [{ id: "agentOnline:10.0.0.1:5", atMs: 5 }] },
  { kind: "forget", rows: [{ ip: "10.0.0.1", stampMs: 5 }] },
  { kind: "guardRelease" },
  { kind: "silenceAdd", silences: [SILENCE] },
  { kind: "silenceRemove", ids: ["a"] },
  { kind: "catalog", catalog: { atMs: 5, origin: "rollback", body: '{"result":[]}' } },
];

Deno.test("encodeRecord and decodeRecord are each other's reverse", () => {
  for (const record of RECORDS) {
    const envelope = { run: "host-11102.abc", sentMs: 1_700_000_000_000, record };
    assert.deepEqual(decodeRecord(encodeRecord(envelope)), envelope);
  }
});

Deno.test("encodeRecord writes what many agents have in common once", () => {
  const beats = Array.from(
    { length: 1_000 },
    (_, i) => ({ ...BEAT, ip: `10.0.${i >> 8}.${i & 255}`, apps: '{"app":"1.2.3"}' }),
  );
  const content = encodeRecord({ run: "r", sentMs: 0, record: { kind: "beats", beats } }).toString();
  assert.equal(content.split("1.2.3").length, 2);
});

Deno.test("decodeRecord tells a record of another version or kind from one that cannot be read", () => {
  const text = (record: unknown) => Buffer.from(typeof record === "string" ? record : JSON.stringify(record));
  const head = { v: 1, kind: "marker", run: "r", sent_ms: 5 };
  assert.equal(decodeRecord(text({ ...head, v: 2 })), "unknown");
  assert.equal(decodeRecord(text({ ...head, kind: "constructor" })), "unknown");
  const broken = ["", "nonsense", "[]", "null", { ...head, run: "" }, head, { ...head, sent_ms: "5" }];
  const beats = { ...head, kind: "beats", texts: ["1", "{}"] };
  const rows = [1, [], ["10.0.0.1"], ["10.0.0.1", "a", 0, 9, 1, 1], ["10.0.0.1", "a", 0, 1, 1.5, 1], [
    ...["10.0.0.1", "a", 0, 1, 1, 1],
    9,
  ]];
  for (const each of [...broken, { ...beats, beats: {} }, { ...beats, texts: [1], beats: [] }]) {
    assert.equal(decodeRecord(text(each)), "unreadable", JSON.stringify(each));
  }
  for (const row of rows) {
    assert.equal(decodeRecord(text({ ...beats, beats: [row] })), "unreadable", JSON.stringify(row));
  }
});

Deno.test("decodeRecord throws at nothing", () => {
  const start = fc.constantFrom(...RECORDS.map((record) => encodeRecord({ run: "r", sentMs: 0, record })));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void decodeRecord(bytes)), { numRuns: 300 });
  fc.assert(
    fc.property(start, fc.nat(), fc.uint8Array({ maxLength: 3 }), (record, at, bytes) => {
      const place = at % record.length;
      decodeRecord(Buffer.concat([record.subarray(0, place), bytes, record.subarray(place + 1)]));
    }),
    { numRuns: 1_000 },
  );
  fc.assert(
    fc.property(
      fc.jsonValue(),
      (value) =>
        void decodeRecord(
          Buffer.from(JSON.stringify({ v: 1, kind: "beats", run: "r", sent_ms: 0, beats: value, texts: value })),
        ),
    ),
    { numRuns: 300 },
  );
});
