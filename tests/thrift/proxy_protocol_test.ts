import assert from "node:assert/strict";
import fc from "fast-check";
import { type ProxyHeader, readProxyHeader } from "../../src/thrift/proxy_protocol.ts";
import { WireError } from "../../src/thrift/wire.ts";
import { beatCall, concat } from "../support/beat_client.ts";
import { proxyHeader2 } from "./proxy_headers.ts";

const utf8 = new TextEncoder();
const CALL = beatCall({ asset: "CX1", ip: "10.0.0.1", version: "1", apps: "{}" });

const V4 = Uint8Array.of(203, 0, 113, 7, 10, 0, 0, 1, 0x9c, 0x40, 0x2b, 0x5e);
const V6 = concat([
  Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, ...new Array(11).fill(0), 7),
  new Uint8Array(16),
  Uint8Array.of(0x9c, 0x40, 0x2b, 0x5e),
]);
const TLV = Uint8Array.of(0x20, 0, 5, 1, 2, 3, 4, 5);

const GOOD: { what: string; bytes: Uint8Array; client: string | undefined }[] = [
  {
    what: "version 1, IPv4",
    bytes: utf8.encode("PROXY TCP4 203.0.113.7 10.0.0.1 40000 11102\r\n"),
    client: "203.0.113.7",
  },
  { what: "version 1, IPv6", bytes: utf8.encode("PROXY TCP6 2001:db8::7 ::1 40000 11102\r\n"), client: "2001:db8::7" },
  {
    what: "version 1, IPv6 in another spelling",
    bytes: utf8.encode("PROXY TCP6 2001:DB8:0::0007 ::1 40000 11102\r\n"),
    client: "2001:db8::7",
  },
  {
    what: "version 1, IPv4 in IPv6",
    bytes: utf8.encode("PROXY TCP6 ::ffff:203.0.113.7 ::1 40000 11102\r\n"),
    client: "203.0.113.7",
  },
  {
    what: "version 2, IPv4 in IPv6",
    bytes: proxyHeader2(
      1,
      0x21,
      Uint8Array.of(...new Array(10).fill(0), 255, 255, 203, 0, 113, 7, ...new Array(20).fill(0)),
    ),
    client: "203.0.113.7",
  },
  { what: "version 1, unknown", bytes: utf8.encode("PROXY UNKNOWN\r\n"), client: undefined },
  { what: "version 1, unknown with the rest", bytes: utf8.encode("PROXY UNKNOWN ::1 ::1 1 2\r\n"), client: undefined },
  { what: "version 2, IPv4", bytes: proxyHeader2(1, 0x11, V4), client: "203.0.113.7" },
  { what: "version 2, IPv6 with details", bytes: proxyHeader2(1, 0x21, concat([V6, TLV])), client: "2001:db8::7" },
  { what: "version 2, the proxy's own check", bytes: proxyHeader2(0, 0, TLV), client: undefined },
  { what: "version 2, a unix socket", bytes: proxyHeader2(1, 0x31, new Uint8Array(216)), client: undefined },
];

const BAD: { what: string; bytes: Uint8Array }[] = [
  { what: "an HTTP verb that begins with P", bytes: utf8.encode("POST / HTTP/1.1\r\n") },
  { what: "an unknown protocol", bytes: utf8.encode("PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n") },
  { what: "an address of the other family", bytes: utf8.encode("PROXY TCP4 ::1 ::1 1 2\r\n") },
  { what: "a zone", bytes: utf8.encode("PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n") },
  { what: "no address", bytes: utf8.encode("PROXY TCP4 host.example 1.2.3.4 1 2\r\n") },
  { what: "a missing port", bytes: utf8.encode("PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n") },
  { what: "a port above 65535", bytes: utf8.encode("PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n") },
  { what: "a line without CR", bytes: utf8.encode("PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n") },
  { what: "a line of 107 bytes without an end", bytes: utf8.encode("PROXY TCP4 ".padEnd(107, "1")) },
  { what: "a broken signature", bytes: Uint8Array.of(0x0d, 0x0a, 0x0d, 0x0b) },
  { what: "version 3", bytes: concat([proxyHeader2(1, 0x11, V4).map((byte, at) => at === 12 ? 0x31 : byte)]) },
  { what: "command 2", bytes: proxyHeader2(2, 0x11, V4) },
  { what: "IPv4 addresses that are too short", bytes: proxyHeader2(1, 0x11, V4.subarray(1)) },
  { what: "more than 4 KiB", bytes: proxyHeader2(1, 0x11, new Uint8Array(4096)).subarray(0, 16) },
];

for (const { what, bytes, client } of GOOD) {
  Deno.test(`readProxyHeader reads ${what}, at any place and cut anywhere`, () => {
    const buffer = concat([Uint8Array.of(1, 2, 3), bytes, CALL]);
    const expected: ProxyHeader = { length: bytes.length, client };
    assert.deepEqual(readProxyHeader(buffer, 3, buffer.length), expected);
    assert.deepEqual(readProxyHeader(buffer, 3, 3 + bytes.length), expected);
    for (let end = 3; end < 3 + bytes.length; end++) assert.equal(readProxyHeader(buffer, 3, end), undefined);
  });
}

for (const { what, bytes } of BAD) {
  Deno.test(`readProxyHeader refuses ${what}`, () => {
    assert.throws(() => readProxyHeader(bytes, 0, bytes.length), { name: "WireError", code: "bad_proxy_header" });
  });
}

Deno.test("readProxyHeader sees no header before a call", () => {
  for (const bytes of [CALL, beatCall({ asset: "", ip: "", version: "", apps: "", strict: false })]) {
    assert.deepEqual(readProxyHeader(bytes, 0, 1), { length: 0, client: undefined });
  }
});

Deno.test("readProxyHeader takes any bytes without an error of another kind", () => {
  const starts = fc.constantFrom(...GOOD.map(({ bytes }) => bytes), ...BAD.map(({ bytes }) => bytes));
  fc.assert(
    fc.property(starts, fc.nat(), fc.uint8Array({ maxLength: 60 }), (start, cut, rest) => {
      const bytes = concat([start.subarray(0, cut % (start.length + 1)), rest]);
      try {
        readProxyHeader(bytes, 0, bytes.length);
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 1_000 },
  );
});
