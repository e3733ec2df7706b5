import assert from "node:assert/strict";
import { settingsOf, startApp, type TestApp } from "../support/app.ts";
import { rawRequest } from "./raw_http.ts";
import { SseClient } from "./sse_client.ts";

const OPS = "0123456789abcdef-ops";
const DEV = "0123456789abcdef-dev";
const TOKENS = `http.token = ops:${OPS}, dev:${DEV}`;
const SUMMARY = "/api/v1/summary";

function bearer(secret: string): Record<string, string> {
  return { authorization: `Bearer ${secret}` };
}

/** Asks with headers that fetch does not let a program set. */
function ask(app: TestApp, path: string, headers: Record<string, string>, { method = "GET", body = "" } = {}) {
  const head = { host: `127.0.0.1:${app.httpAddress.port}`, connection: "close", ...headers };
  const lines = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const length = body === "" ? "" : `content-length: ${new TextEncoder().encode(body).length}\r\n`;
  return rawRequest(app.httpAddress, `${method} ${path} HTTP/1.1\r\n${lines}${length}\r\n${body}`);
}

async function login(app: TestApp, secret: string, headers: Record<string, string> = {}): Promise<Response> {
  return await fetch(`${app.url}/login`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ token: secret }),
  });
}

/** The name and value of the cookie that an answer sets. */
function cookieOf(headers: Headers): string {
  return headers.get("set-cookie")?.split(";")[0] ?? "";
}

Deno.test("Access lets everybody in on loopback when no token is configured, under the name local", async () => {
  await using app = await startApp();
  assert.equal((await ask(app, SUMMARY, {})).status, 200);
  const silence = await fetch(`${app.url}/api/v1/silences`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ cidr: "10.0.0.0/8", for: "1h" }),
  });
  assert.deepEqual([silence.status, (await silence.json()).by], [201, "local"]);
});

Deno.test("Access wants a token for everything but the health checks when one is configured", async () => {
  await using app = await startApp(TOKENS);
  const closed = app.app.routes.filter(({ open, anonymous }) => !open && !anonymous);
  assert.ok(closed.length > 20);
  for (const { method, path } of closed) {
    const answer = await ask(app, path.replaceAll(/\{[^}]*\}/g, "1"), {}, { method });
    assert.deepEqual([method, path, answer.status], [method, path, 401]);
    assert.match(answer.headers.get("www-authenticate") ?? "", /^Bearer/);
    assert.equal(JSON.parse(answer.body).status, 401);
  }
  for (const path of ["/healthz", "/readyz/beats"]) assert.equal((await ask(app, path, {})).status, 200);
  assert.equal((await ask(app, "/readyz", {})).status, 503);
  assert.equal((await ask(app, "/nothing/here", {})).status, 401);
  for (const secret of [OPS, DEV]) assert.equal((await ask(app, SUMMARY, bearer(secret))).status, 200);
  for (const secret of ["", "0123456789abcdef-op", `${OPS}x`, "ops", `ops:${OPS}`]) {
    assert.equal((await ask(app, SUMMARY, bearer(secret))).status, 401);
  }
  assert.equal((await ask(app, SUMMARY, { authorization: `bearer ${OPS}` })).status, 200);
  assert.equal((await ask(app, SUMMARY, { authorization: `Basic ${OPS}` })).status, 401);
});

Deno.test("Access tells the API by which token somebody came", async () => {
  await using app = await startApp(TOKENS);
  const answer = await fetch(`${app.url}/api/v1/silences`, {
    method: "POST",
    headers: { "content-type": "application/json", ...bearer(DEV) },
    body: JSON.stringify({ asset: "web-*", for: "1h" }),
  });
  assert.equal((await answer.json()).by, "dev");
});

Deno.test("Access logs refused tokens once a minute with the peer, and never the token", async () => {
  await using app = await startApp(TOKENS);
  for (let i = 0; i < 5; i++) await ask(app, SUMMARY, bearer("wrong-but-long-enough"));
  const refused = await login(app, "another-wrong-secret");
  assert.deepEqual([refused.status, (await refused.json()).field], [401, "token"]);
  assert.equal(app.log.matching(/127\.0\.0\.1 came with a token that is not known/).length, 1);
  assert.deepEqual(app.log.matching(/wrong/), []);
});

Deno.test("Access exchanges a token for a cookie that outlives a restart but not the token", async () => {
  const dataDir = await Deno.makeTempDir({ prefix: "hb-access-" });
  try {
    let cookie: string;
    {
      await using app = await startApp(TOKENS, { dataDir });
      const answer = await login(app, OPS);
      assert.equal(answer.status, 204);
      const header = answer.headers.get("set-cookie") ?? "";
      assert.match(header, /; Path=\/; Max-Age=43200; HttpOnly; SameSite=Strict$/);
      assert.ok(!header.includes(OPS));
      cookie = cookieOf(answer.headers);
      assert.equal((await ask(app, SUMMARY, { cookie })).status, 200);
      assert.equal((await ask(app, SUMMARY, { cookie: `a=b; elves_heartbeat=junk; ${cookie}` })).status, 200);
      assert.match(
        (await login(app, OPS, { "x-forwarded-proto": "https" })).headers.get("set-cookie") ?? "",
        /; Secure/,
      );
    }
    await using app = await startApp(TOKENS, { dataDir });
    assert.equal((await ask(app, SUMMARY, { cookie })).status, 200);
    const [name, end, signature] = cookie.split("=")[1]!.split(":");
    const forged = [
      `dev:${end}:${signature}`,
      `${name}:${Number(end) + 1}:${signature}`,
      `${name}:${end}:${signature?.replace(/^./, (first) => first === "A" ? "B" : "A")}`,
      `${name}:${end}:`,
      `${name}:${end}:${signature}:`,
      "",
    ];
    for (const value of forged) {
      assert.equal((await ask(app, SUMMARY, { cookie: `elves_heartbeat=${value}` })).status, 401, value);
    }
    app.app.reload(settingsOf(`http.token = ops:${OPS}-new, dev:${DEV}`, dataDir));
    assert.equal((await ask(app, SUMMARY, { cookie })).status, 401);
    assert.equal((await ask(app, SUMMARY, bearer(OPS))).status, 401);
    assert.equal((await ask(app, SUMMARY, bearer(`${OPS}-new`))).status, 200);
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
});

Deno.test("Access ends streams when the tokens change", async () => {
  await using app = await startApp(TOKENS);
  await using client = await SseClient.open(`${app.url}/api/v1/stream`, bearer(OPS));
  await client.has("summary", 1);
  app.app.reload(settingsOf(`http.token = ${DEV}`, "/nowhere"));
  await client.ended();
});

Deno.test("Access answers forms of the login page with the page, and clears the cookie at the logout", async () => {
  await using app = await startApp(TOKENS);
  const form = async (path: string, body: string) => {
    const answer = await fetch(`${app.url}${path}`, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams(body),
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  const good = await form("/login", `token=${OPS}`);
  assert.deepEqual([good.status, good.headers.get("location")], [303, "/"]);
  assert.equal((await ask(app, SUMMARY, { cookie: cookieOf(good.headers) })).status, 200);
  const bad = await form("/login", "token=wrong-but-long-enough");
  assert.deepEqual([bad.status, bad.headers.get("set-cookie")], [401, null]);
  const none = await form("/login", "tokn=1");
  assert.deepEqual([none.status, JSON.parse(none.text).field], [400, "token"]);
  const out = await form("/logout", "x=1");
  assert.equal(out.status, 303);
  assert.match(out.headers.get("set-cookie") ?? "", /^elves_heartbeat=; Path=\/; Max-Age=0/);
});

Deno.test("Access refuses names that are not allowed, and serves health checks under any", async () => {
  await using app = await startApp("http.allowedHosts = localhost, hb.example");
  const { port } = app.httpAddress;
  for (
    const host of [
      "127.0.0.1",
      `127.0.0.1:${port}`,
      "10.1.2.3:80",
      "[::1]:80",
      "localhost:1",
      "HB.example",
      "hb.example:443",
    ]
  ) {
    assert.equal((await ask(app, SUMMARY, { host })).status, 200, host);
  }
  for (const host of ["evil.example", "hb.example.evil", "hb.example.", "xhb.example:80", "127.0.0.1.evil.example"]) {
    const answer = await ask(app, SUMMARY, { host });
    assert.equal(answer.status, 421, host);
    assert.match(JSON.parse(answer.body).detail, /http\.allowedHosts/);
    assert.equal((await ask(app, "/healthz", { host })).status, 200, host);
  }
  app.app.reload(settingsOf("http.allowedHosts = evil.example", "/nowhere"));
  assert.equal((await ask(app, SUMMARY, { host: "evil.example" })).status, 200);
  assert.equal((await ask(app, SUMMARY, { host: "hb.example" })).status, 421);
});

Deno.test("Access refuses what pages of other sites have a browser send", async () => {
  await using app = await startApp();
  const json = { "content-type": "application/json" };
  const own = `http://127.0.0.1:${app.httpAddress.port}`;
  const rows: [method: string, path: string, headers: Record<string, string>, status: number][] = [
    ["GET", SUMMARY, { "sec-fetch-site": "same-origin" }, 200],
    ["GET", SUMMARY, { "sec-fetch-site": "none" }, 200],
    ["GET", SUMMARY, { "sec-fetch-site": "cross-site" }, 403],
    ["GET", SUMMARY, { "sec-fetch-site": "same-site" }, 403],
    [
      "GET",
      SUMMARY,
      { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" },
      403,
    ],
    ["GET", SUMMARY, { origin: "http://evil.example" }, 403],
    ["POST", "/api/v1/agents/prune", { ...json, origin: "http://evil.example" }, 403],
    ["POST", "/api/v1/agents/prune", { ...json, origin: "null" }, 403],
    ["POST", "/api/v1/agents/prune", { ...json, origin: "http://127.0.0.1:1" }, 403],
    ["POST", "/api/v1/agents/prune", { ...json, "sec-fetch-site": "cross-site" }, 403],
    ["POST", "/api/v1/agents/prune", { ...json, origin: own }, 200],
    ["POST", "/api/v1/agents/prune", { "content-type": "text/plain" }, 415],
    ["POST", "/api/v1/agents/prune", {}, 415],
    ["POST", "/login", { "content-type": "application/x-www-form-urlencoded", origin: "http://evil.example" }, 403],
    ["POST", "/api/v1/agents/prune", { "content-type": "application/x-www-form-urlencoded" }, 415],
    ["OPTIONS", SUMMARY, { origin: "http://evil.example", "access-control-request-method": "GET" }, 403],
  ];
  for (const [method, path, headers, status] of rows) {
    const body = method === "POST" ? '{"offline_for":"24h"}' : "";
    const answer = await ask(app, path, headers, { method, body });
    assert.deepEqual([method, path, headers, answer.status], [method, path, headers, status]);
    assert.equal(answer.headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("Access takes the origin of a proxy with TLS that passes Host on", async () => {
  await using app = await startApp("http.allowedHosts = hb.example");
  const headers = { host: "hb.example", origin: "https://hb.example", "content-type": "application/json" };
  const answer = await ask(app, "/api/v1/agents/prune", headers, { method: "POST", body: '{"offline_for":"24h"}' });
  assert.equal(answer.status, 200);
});

Deno.test("Access shows the login page to browsers that come without a login, also by a link from elsewhere", async () => {
  await using app = await startApp(TOKENS);
  const browser = { accept: "text/html,*/*;q=0.8", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" };
  for (const site of ["none", "same-origin", "cross-site", "same-site"]) {
    const answer = await ask(app, "/", { ...browser, "sec-fetch-site": site });
    assert.equal(answer.status, 401);
    assert.equal(answer.headers.get("content-type"), "text/html; charset=utf-8");
    assert.match(answer.headers.get("content-security-policy") ?? "", /form-action 'self'/);
    assert.match(answer.body, /<form/);
  }
  const cookie = cookieOf((await login(app, OPS)).headers);
  assert.equal((await ask(app, "/", { ...browser, cookie, "sec-fetch-site": "none" })).status, 200);
  const framed = { ...browser, cookie, "sec-fetch-dest": "iframe", "sec-fetch-site": "cross-site" };
  assert.equal((await ask(app, "/", framed)).status, 403);
});
