import assert from "node:assert/strict";
import { isIP, isIPv4 } from "node:net";
import fc from "fast-check";
import { addressKey, canonicalAddress, Cidrs, compareKeys, keyAddress } from "../../src/fleet/address.ts";
import { IdentityError, parseBeat, parseInstalledApps } from "../../src/fleet/beat.ts";
import { parseAgentQuery, parsePage, QueryError } from "../../src/fleet/query.ts";

const INFO = { ip: "10.0.0.1", asset: "CX1", version: "1", apps: "{}" };

Deno.test("canonicalAddress gives each address one spelling and refuses what is none", () => {
  const cases: [string, string | undefined][] = [
    [" 10.0.0.1\t", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:0a00:0001", "10.0.0.1"],
    ["FD00:0:0::00aB", "fd00::ab"],
    ["::1", "::1"],
    ["", undefined],
    ["10.0.0", undefined],
    ["010.0.0.1", undefined],
    ["10.0.0.1/8", undefined],
    ["256.0.0.1", undefined],
    ["fe80::1%eth0", undefined],
    ["a/b", undefined],
    ["10.0.0.1\u0000", undefined],
    ["127.1", undefined],
    ["0x7f000001", undefined],
  ];
  for (const [text, expected] of cases) assert.equal(canonicalAddress(text), expected, JSON.stringify(text));
});

Deno.test("canonicalAddress is stable: its result is its own canonical form", () => {
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
    const canonical = canonicalAddress(text);
    assert.ok(canonical !== undefined);
    assert.equal(canonicalAddress(canonical), canonical);
  }));
});

Deno.test("canonicalAddress takes as IPv4 what node:net does", () => {
  const octet = fc.oneof(
    fc.nat(300).map(String),
    fc.constantFrom("", "0", "00", "01", "255", "256", "1e2", "-1", " 1", "\u0661"),
  );
  const dotted = fc.array(octet, { minLength: 3, maxLength: 5 }).map((octets) => octets.join("."));
  let taken = 0;
  fc.assert(
    fc.property(fc.oneof(dotted, fc.ipV4(), fc.string()), (text) => {
      if (isIPv4(text)) taken++;
      if (isIPv4(text)) assert.equal(canonicalAddress(text), text);
      else if (isIP(text.trim()) === 0) assert.equal(canonicalAddress(text), undefined);
    }),
    { numRuns: 1_000 },
  );
  assert.ok(taken > 100, `${taken} of 1,000 were addresses`);
});

Deno.test("addressKey gives IPv4 as an integer, IPv6 as it is, and keyAddress the address again", () => {
  assert.equal(addressKey("0.0.0.0"), 0);
  assert.equal(addressKey("1.2.3.4"), 0x01020304);
  assert.equal(addressKey("255.255.255.255"), -1);
  assert.equal(addressKey("fd00::1"), "fd00::1");
  fc.assert(fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
    const address = canonicalAddress(text);
    assert.equal(address === undefined ? undefined : keyAddress(addressKey(address)), address);
  }));
});

Deno.test("compareKeys orders IPv4 by value and IPv6 behind, by text", () => {
  const ordered = [
    "0.0.0.0",
    "9.0.0.1",
    "10.0.0.1",
    "127.255.255.255",
    "128.0.0.0",
    "255.255.255.255",
    "fd00::1",
    "fe80::",
  ];
  const keys = ordered.map(addressKey);
  assert.deepEqual(keys.toReversed().sort(compareKeys).map(keyAddress), ordered);
  assert.equal(compareKeys(addressKey("fd00::1"), addressKey("fd00::1")), 0);
});

Deno.test("Cidrs holds ranges and single addresses of both families and names what is none", () => {
  const cidrs = new Cidrs("10.0.0.0/8, 192.168.1.7 ,fd00::/8,");
  for (const inside of ["10.255.0.1", "192.168.1.7", "fd12::1"]) assert.equal(cidrs.has(inside), true, inside);
  for (const outside of ["11.0.0.1", "192.168.1.8", "fe00::1"]) assert.equal(cidrs.has(outside), false, outside);
  for (const bad of ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "x/8", "fd00::/129", "10.0.0.0/8/8"]) {
    assert.throws(() => new Cidrs(bad), { name: "SyntaxError", message: RegExp(RegExp.escape(bad)) });
  }
});

Deno.test("parseBeat refuses identities that cannot be one and says why", () => {
  const refused: [Partial<typeof INFO>, RegExp][] = [
    [{ ip: "" }, /ip must be an IPv4 or IPv6 address, "" came/],
    [{ ip: "a/b" }, /ip must be .*"a\/b" came/],
    [{ ip: "10.0.0.1\r\n10.0.0.2" }, /ip must be/],
    [{ ip: "x".repeat(30_000) }, /"x{64}\.\.\." came/],
    [{ asset: "x".repeat(256) }, /at most 255 characters, 256 came/],
    [{ asset: "a\nb" }, /no control characters, "a\\nb" came/],
    [{ asset: "\u0085" }, /no control characters/],
  ];
  for (const [part, message] of refused) {
    assert.throws(
      () => parseBeat({ ...INFO, ...part }),
      (cause) => cause instanceof IdentityError && message.test(cause.message),
    );
  }
});

Deno.test("parseBeat takes unicode and empty assets and cuts an endless version", () => {
  assert.equal(parseBeat({ ...INFO, asset: "资产-№1 \u202e" }).asset, "资产-№1 \u202e");
  assert.equal(parseBeat({ ...INFO, asset: "" }).asset, "");
  assert.equal(parseBeat({ ...INFO, asset: "x".repeat(255) }).asset.length, 255);
  assert.equal(parseBeat({ ...INFO, version: "9".repeat(20_000) }).version.length, 255);
});

Deno.test("parseInstalledApps keeps what can be read and tells the rest", () => {
  const cases: [string, string, RegExp | undefined][] = [
    ["", "{}", undefined],
    ['{"a":"1"}', '{"a":"1"}', undefined],
    ['{"a":2.5}', '{"a":"2.5"}', undefined],
    ['{"__proto__":"1","constructor":"2"}', '{"__proto__":"1","constructor":"2"}', undefined],
    ['{"a":"1","b":null,"c":{}}', '{"a":"1"}', /version of app "c" is not a text/],
    ["[]", "{}", /not a JSON object/],
    ["null", "{}", /not a JSON object/],
    ["{a:1}", "{}", /not JSON/],
    ["[".repeat(30_000), "{}", /not JSON/],
    [`{"${"x".repeat(1_000)}":"1"}`, `{"${"x".repeat(1_000)}":"1"}`, undefined],
    // What V8 is slow to look up.
    [`{"${"x".repeat(1_001)}":"1"}`, "{}", /text of more than 1000 characters/],
    [`{"a":"${'\\"'.repeat(1_001)}"}`, "{}", /text of more than 1000 characters/],
  ];
  for (const [text, json, fault] of cases) {
    const apps = parseInstalledApps(text);
    assert.equal(apps.json, json);
    if (fault === undefined) assert.equal(apps.fault, undefined);
    else assert.match(apps.fault ?? "", fault);
  }
});

Deno.test("parseInstalledApps always gives a JSON object of texts", () => {
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string({ unit: "binary" })), (text) => {
    const apps = JSON.parse(parseInstalledApps(text).json);
    assert.ok(Object.values(apps).every((version) => typeof version === "string"));
  }));
});

Deno.test("parsePage takes numbers and their texts, and treats empty, 0 and null as not given", () => {
  assert.deepEqual(parsePage({}), { size: undefined, number: 1 });
  assert.deepEqual(parsePage({ pagesize: "", pagenumber: null }), { size: undefined, number: 1 });
  assert.deepEqual(parsePage({ pagesize: 0, pagenumber: "0" }), { size: undefined, number: 1 });
  assert.deepEqual(parsePage({ pagesize: "10", pagenumber: 3 }), { size: 10, number: 3 });
});

Deno.test("parseAgentQuery and parsePage name the parameter that cannot be used", () => {
  const refused: [Record<string, unknown>, RegExp][] = [
    [{ pagesize: -1 }, /pagesize must be a whole number, 1 or more, -1 came/],
    [{ pagesize: "ten" }, /pagesize must be a whole number, 1 or more, "ten" came/],
    [{ pagenumber: 1.5 }, /pagenumber must be a whole number/],
    [{ ip: ["10.0.0.1"] }, /ip must be a text, \["10\.0\.0\.1"\] came/],
    [{ cidr: "10.0.0.1,".repeat(200) }, /cidr must be a text of at most 1000 characters, "10\.0/],
    [{ state: "gone" }, /state must be one of online, suspect, offline, all, "gone" came/],
    [{ state: "constructor" }, /state must be one of/],
    [{ cidr: "10.0.0.0/99" }, /cidr must be an address range/],
    [{ sort: "toString" }, /sort must be ip or one of/],
  ];
  for (const [parameters, message] of refused) {
    assert.throws(
      () => {
        parseAgentQuery(parameters);
        parsePage(parameters);
      },
      (cause) => cause instanceof QueryError && message.test(cause.message),
      JSON.stringify(parameters),
    );
  }
});
