import assert from "node:assert/strict";
import { Access } from "../../src/http/access.ts";
import { Problem } from "../../src/http/problem.ts";
import type { Route } from "../../src/http/route.ts";
import { HttpServer, type Observation } from "../../src/http/server.ts";
import { FaultLog } from "../../src/log.ts";
import { systemClock } from "../../src/clock.ts";
import { startApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { freePort } from "../support/free_port.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { type Address, rawRequest } from "./raw_http.ts";

/** A server with routes of a test. */
class Server implements AsyncDisposable {
  readonly log = new MemoryLog();
  readonly observed: Observation[] = [];
  readonly http: HttpServer;

  constructor(routes: readonly Route[], { port = 0 } = {}) {
    const now = () => systemClock.monotonic();
    const access = new Access({ tokens: undefined, allowedHosts: new Set(["localhost"]) }, {
      clock: systemClock,
      faults: new FaultLog(this.log.logger, now),
    });
    this.http = new HttpServer({
      hostname: "127.0.0.1",
      port,
      access,
      log: this.log.logger,
      clock: systemClock,
      observe: (request) => this.observed.push(request),
      random: () => 0,
    });
    this.http.start({ routes, loginPage: () => new Response("login", { status: 401 }) });
  }

  get address(): Address {
    const { address } = this.http;
    assert.ok(address !== undefined);
    return address;
  }

  get url(): string {
    return `http://127.0.0.1:${this.address.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.http.stop();
    this.log[Symbol.dispose]();
  }
}

const ECHO: Route[] = [
  { method: "GET", path: "/", handle: () => new Response("root") },
  { method: "GET", path: "/items/{id}", handle: ({ params }) => Response.json(params) },
  { method: "GET", path: "/items/special", handle: () => new Response("special") },
  { method: "DELETE", path: "/items/{id}", handle: () => new Response(null, { status: 204 }) },
  { method: "POST", path: "/items", handle: ({ body }) => Response.json({ body: body ?? "none" }) },
  { method: "GET", path: "/open", open: true, handle: () => new Response("open") },
];

function get(address: Address, target: string, { version = "1.1", head = "Host: localhost\r\n" } = {}) {
  return rawRequest(address, `GET ${target} HTTP/${version}\r\n${head}Connection: close\r\n\r\n`);
}

Deno.test("HttpServer finds routes by exact segments, whatever tricks a path has", async () => {
  await using server = new Server(ECHO);
  const rows: [target: string, status: number, body?: string][] = [
    ["/", 200, "root"],
    ["/?x=1", 200, "root"],
    ["/items/7", 200, '{"id":"7"}'],
    ["/items/special", 200, "special"],
    ["/items/a%2Fb%20c%E2%82%AC", 200, '{"id":"a/b c€"}'],
    ["/items/%00", 200, '{"id":"\\u0000"}'],
    ["/items/__proto__", 200, '{"id":"__proto__"}'],
    ["/items/..", 200, "root"],
    ["/items/%2e%2e/items/7", 200, '{"id":"7"}'],
    ["/items/7/../8", 200, '{"id":"8"}'],
    ["/items/", 404],
    ["/items/7/", 404],
    ["//items/7", 404],
    ["/items//7", 404],
    ["//evil.example/items/7", 404],
    ["/ITEMS/7", 404],
    ["/items%2F7", 404],
    ["/items/{id}", 200, '{"id":"{id}"}'],
    ["/items/%zz", 400],
    ["/items/%ff", 400],
    ["http://localhost/items/7", 200, '{"id":"7"}'],
    ["http://evil.example/items/7", 421],
    ["http://user:secret@localhost/items/7", 400],
    [`/items/${"a".repeat(9_000)}`, 400],
  ];
  for (const [target, status, body] of rows) {
    const answer = await get(server.address, target);
    assert.deepEqual([target, answer.status], [target, status]);
    if (body !== undefined) assert.equal(answer.body, body);
    else assert.equal(answer.headers.get("content-type"), "application/problem+json");
  }
});

Deno.test("HttpServer refuses a Host that is more or less than one host", async () => {
  await using server = new Server(ECHO);
  for (
    const host of ["localhost/items/7?", "a b", "localhost, evil", "user@localhost", "", "localhost:99999", "[::1"]
  ) {
    const answer = await get(server.address, "/open", { head: `Host: ${host}\r\n` });
    assert.deepEqual([host, answer.status], [host, 400]);
  }
  const twice = await get(server.address, "/open", { head: "Host: localhost\r\nHost: evil.example\r\n" });
  assert.equal(twice.status, 400);
  assert.equal((await get(server.address, "/", { version: "1.0", head: "" })).status, 200);
});

Deno.test("HttpServer answers HEAD as GET without the body, and other methods with what is allowed", async () => {
  await using server = new Server(ECHO);
  const head = await fetch(`${server.url}/items/7`, { method: "HEAD" });
  assert.deepEqual([head.status, head.headers.get("content-length"), await head.text()], [200, "10", ""]);
  const rows: [method: string, path: string, allow: string][] = [
    ["PUT", "/items/7", "GET, HEAD, DELETE"],
    ["POST", "/items/special", "GET, HEAD, DELETE"],
    ["OPTIONS", "/items", "POST"],
    ["HEAD", "/items", "POST"],
  ];
  for (const [method, path, allow] of rows) {
    const answer = await fetch(`${server.url}${path}`, { method });
    await answer.body?.cancel();
    assert.deepEqual([method, answer.status, answer.headers.get("allow")], [method, 405, allow]);
  }
});

Deno.test("HttpServer gives every answer the headers that keep browsers from misusing it", async () => {
  await using server = new Server([
    ...ECHO,
    { method: "GET", path: "/kept", handle: () => new Response("", { headers: { "cache-control": "max-age=9" } }) },
  ]);
  for (const path of ["/", "/open", "/nothing", "/items/%zz"]) {
    const { headers } = await get(server.address, path);
    assert.equal(headers.get("x-content-type-options"), "nosniff");
    assert.equal(headers.get("cross-origin-resource-policy"), "same-origin");
    assert.equal(headers.get("referrer-policy"), "same-origin");
    assert.equal(headers.get("x-frame-options"), "DENY");
    assert.equal(headers.get("cache-control"), "no-store");
    assert.match(headers.get("content-security-policy") ?? "", /^default-src 'none'; script-src 'self';/);
  }
  assert.equal((await get(server.address, "/kept")).headers.get("cache-control"), "max-age=9");
});

Deno.test("HttpServer reads bodies up to 64 KiB of JSON and says what is wrong with others", async () => {
  await using server = new Server(ECHO);
  const post = async (body: BodyInit | null, type: string | undefined = "application/json") => {
    const headers: Record<string, string> = type === "" ? {} : { "content-type": type };
    const answer = await fetch(`${server.url}/items`, { method: "POST", body, headers });
    return [answer.status, await answer.json()];
  };
  const ok = (body: unknown) => [200, { body }];
  assert.deepEqual(await post('{"a":[1,"ü"]}'), ok({ a: [1, "ü"] }));
  assert.deepEqual(await post("[1]", "Application/JSON; charset=utf-8"), ok([1]));
  assert.deepEqual(await post(null, ""), ok("none"));
  assert.deepEqual(await post(JSON.stringify("a".repeat(65_534))), ok("a".repeat(65_534)));
  const refused: [BodyInit, string | undefined, number][] = [
    [JSON.stringify("a".repeat(65_535)), undefined, 413],
    ["{", undefined, 400],
    [Uint8Array.of(0x22, 0xff, 0x22), undefined, 400],
    ["{}", "text/plain", 415],
    ["a=1", "application/x-www-form-urlencoded", 415],
  ];
  for (const [body, type, status] of refused) {
    const [came, problem] = await post(body, type);
    assert.deepEqual([came, problem.status, problem.type], [status, status, "about:blank"]);
  }
  const head = "POST /items HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n";
  const chunk = `10000\r\n${" ".repeat(0x10000)}\r\n`;
  const chunked = await rawRequest(
    server.address,
    `${head}Transfer-Encoding: chunked\r\n\r\n${chunk}${chunk}0\r\n\r\n`,
  );
  assert.equal(chunked.status, 413);
});

Deno.test("HttpServer does not wait for ever for a body", async () => {
  await using server = new Server(ECHO);
  const head =
    "POST /items HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n";
  const connection = await Deno.connect(server.address);
  try {
    await connection.write(new TextEncoder().encode(`${head}{"a"`));
    const bytes = new Uint8Array(4_096);
    const length = await connection.read(bytes) ?? 0;
    assert.match(new TextDecoder().decode(bytes.subarray(0, length)), /^HTTP\/1\.1 408 /);
  } finally {
    connection.close();
  }
});

Deno.test("HttpServer tells the log and not the caller why it failed", async () => {
  await using server = new Server([
    {
      method: "GET",
      path: "/fails",
      handle() {
        throw new TypeError("the secret inside");
      },
    },
    { method: "GET", path: "/refuses", handle: () => Promise.reject(new Problem(409, "not now", { field: "x" })) },
  ]);
  const failed = await get(server.address, "/fails");
  assert.equal(failed.status, 500);
  assert.equal(failed.headers.get("content-type"), "application/problem+json");
  assert.doesNotMatch(failed.body, /secret|TypeError/);
  assert.equal(server.log.matching(/ERR http: .*the secret inside/).length, 1);
  const refused = await get(server.address, "/refuses");
  assert.deepEqual(JSON.parse(refused.body), {
    type: "about:blank",
    title: "Conflict",
    status: 409,
    detail: "not now",
    field: "x",
  });
});

Deno.test("HttpServer observes the route and never the path", async () => {
  await using server = new Server(ECHO);
  await get(server.address, "/items/7");
  await get(server.address, "/secret/path");
  assert.deepEqual(server.observed.map(({ method, route, status }) => [method, route, status]), [
    ["GET", "/items/{id}", 200],
    ["GET", "other", 404],
  ]);
  assert.ok(server.observed.every(({ seconds }) => seconds >= 0 && seconds < 60));
});

Deno.test("HttpServer refuses requests beyond those that may be under way", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  await using server = new Server([
    { method: "GET", path: "/slow", handle: () => held.then(() => new Response("done")) },
    ...ECHO,
  ]);
  const slow = Array.from({ length: 256 }, () => fetch(`${server.url}/slow`).then((answer) => answer.text()));
  const refused = await waitFor(async () => {
    const answer = await get(server.address, "/");
    return answer.status === 503 && answer;
  }, { timeoutMs: 20_000, what: "a refusal" });
  assert.equal(refused.headers.get("retry-after"), "1");
  assert.equal((await get(server.address, "/open")).status, 200);
  release();
  assert.deepEqual(new Set(await Promise.all(slow)), new Set(["done"]));
  assert.equal((await get(server.address, "/")).status, 200);
});

Deno.test("HttpServer answers what is under way before it stops, and waits for nobody else", async () => {
  let release = () => {};
  const held = new Promise<void>((resolve) => release = resolve);
  const server = new Server([
    { method: "GET", path: "/slow", handle: () => held.then(() => new Response("done")) },
  ]);
  const { address } = server;
  const half = await Deno.connect(address);
  await half.write(new TextEncoder().encode("GET / HT"));
  const slow = fetch(`${server.url}/slow`).then((answer) => answer.text());
  await waitFor(() =>
    fetch(`${server.url}/`).then(async (answer) => {
      await answer.body?.cancel();
      return answer.status === 404;
    }), { timeoutMs: 5_000, what: "an answer" });
  const stopped = server[Symbol.asyncDispose]();
  release();
  assert.equal(await slow, "done");
  await stopped;
  assert.equal(await half.read(new Uint8Array(1)), null);
  half.close();
  await assert.rejects(Deno.connect(address), Deno.errors.ConnectionRefused);
});

Deno.test("HttpServer answers questions but changes nothing once the stop has begun", async () => {
  await using server = new Server(ECHO);
  server.http.refuseChanges();
  const refused = await fetch(`${server.url}/items/7`, { method: "DELETE" });
  assert.deepEqual([refused.status, (await refused.json()).detail], [503, "the service stops"]);
  assert.equal((await get(server.address, "/items/7")).status, 200);
});

Deno.test("HttpServer gets its port as soon as it is free, and beats go on until then", async () => {
  const port = freePort();
  const holder = Deno.listen({ hostname: "127.0.0.1", port });
  let isHeld = true;
  try {
    await using app = await startApp(`http.port = ${port}`);
    assert.equal(app.app.httpAddress, undefined);
    assert.equal(
      app.log.matching(new RegExp(`ERR http: 127\\.0\\.0\\.1:${port} is in use \\(http\\.port\\)`)).length,
      1,
    );
    assert.equal(
      typeof (await beat(app.beatAddress, { asset: "a", ip: "10.0.0.1", version: "1", apps: "{}" })).text,
      "string",
    );
    holder.close();
    isHeld = false;
    await waitFor(() => app.app.httpAddress !== undefined, { timeoutMs: 20_000, what: "the port" });
    const summary = await (await fetch(`${app.url}/api/v1/summary`)).json();
    assert.equal(summary.agents.online, 1);
    assert.equal(app.log.matching(new RegExp(`page, API and metrics on http://127\\.0\\.0\\.1:${port}$`)).length, 1);
  } finally {
    if (isHeld) holder.close();
  }
});

Deno.test("HttpServer closes also half requests when beats need their descriptors, and opens its port again", async () => {
  await using server = new Server(ECHO, { port: freePort() });
  using half = await Deno.connect(server.address);
  await half.write(new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\n"));
  const { address } = server;
  const ended = half.read(new Uint8Array(1)).catch(() => null);
  assert.equal((await get(address, "/")).status, 200);
  server.http.shed();
  assert.equal(await ended, null);
  const isServed = () => get(address, "/").then(({ status }) => status === 200, () => false);
  await waitFor(isServed, { timeoutMs: 10_000, what: "the port to be open again" });
});
