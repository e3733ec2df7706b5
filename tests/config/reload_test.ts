import assert from "node:assert/strict";
import { readConfig } from "../../src/config/config.ts";
import { differences, withLive } from "../../src/config/reload.ts";
import type { Settings } from "../../src/config/schema.ts";

const REQUIRED = "mq.ip = 127.0.0.1\nmq.user = u\n";
const SIMPLE = "mq.password = one-secret\nauth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\n";

function settings(text: string): Settings {
  const read = readConfig(`${REQUIRED}${text}`, { readFile: () => "" });
  assert.ok("settings" in read, JSON.stringify(read));
  return read.settings;
}

Deno.test("differences names what has changed, whether it can be applied, and no secret", () => {
  const before = settings(SIMPLE);
  const after = settings(
    "mq.password = another-secret\nauth.mode = simple\nauth.localAppInfo = {'app1':'1.0.2'}\n" +
      "agent.timeout = 5m\nthrift.allow = 10.0.0.0/8\n",
  );
  assert.deepEqual(differences(before, after), [
    { key: "mq.password", from: "(hidden)", to: "(hidden)", live: false },
    { key: "auth.localAppInfo", from: '{"app1":"1.0.1"}', to: '{"app1":"1.0.2"}', live: true },
    { key: "thrift.allow", from: "nothing", to: '"10.0.0.0/8"', live: false },
    { key: "agent.timeout", from: "600000", to: "300000", live: true },
  ]);
  assert.deepEqual(differences(before, settings(SIMPLE)), []);
  const applied = withLive(before, after);
  assert.deepEqual(differences(applied, after).map(({ key }) => key), ["mq.password", "thrift.allow"]);
});

Deno.test("withLive keeps the apps of every agent when another source of apps waits for a restart", () => {
  const before = settings(SIMPLE);
  for (const apps of ["", "auth.localAppInfo = {'other':'9'}\n"]) {
    const after = settings(`mq.password = one-secret\nauth.mode = supervisor\n${apps}`);
    assert.deepEqual(withLive(before, after)["auth.localAppInfo"], { app1: "1.0.1" });
    assert.deepEqual(differences(before, after).map(({ key, live }) => [key, live]), [
      ["auth.mode", false],
      ["auth.localAppInfo", false],
    ]);
  }
});

Deno.test("withLive keeps the tokens of a service that is reached from elsewhere until it is not", () => {
  const token = "http.token = ops:0123456789abcdef\n";
  const open = settings(`${SIMPLE}http.host = 0.0.0.0\n${token}`);
  const closed = settings(SIMPLE);
  assert.deepEqual(withLive(open, closed)["http.token"], [{ name: "ops", secret: "0123456789abcdef" }]);
  assert.deepEqual(differences(open, closed).map(({ key, live }) => [key, live]), [
    ["http.host", false],
    ["http.token", false],
  ]);
  const other = settings(`${SIMPLE}http.host = 0.0.0.0\nhttp.token = dev:fedcba9876543210\n`);
  assert.equal(withLive(open, other)["http.token"]?.[0]?.name, "dev");
  assert.equal(withLive(settings(`${SIMPLE}${token}`), closed)["http.token"], undefined);
});

Deno.test("differences tells which host names have come and gone", () => {
  const change = differences(settings(SIMPLE), settings(`${SIMPLE}http.allowedHosts = a.example, b.example\n`));
  assert.deepEqual(change, [{ key: "http.allowedHosts", from: "localhost", to: "a.example, b.example", live: true }]);
});
