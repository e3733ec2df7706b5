import assert from "node:assert/strict";
import fc from "fast-check";
import { DocumentedApi } from "../http/api/documented_api.ts";
import { parseAnswer, type RawAnswer } from "../http/raw_http.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { statusOf } from "../support/status_of.ts";
import { Bystanders } from "./bystanders.ts";
import { fuzz, nastyText, PROTOTYPE_NAMES } from "./fuzz.ts";
import { mqSettings, type Stage } from "./stage.ts";

/** What an answer may say; 500 is none of them. */
const STATUSES = [200, 201, 204, 206, 303, 304, 400, 401, 403, 404, 405, 408, 409, 413, 415, 421, 431, 503];
/** How long an answer is waited for, ms; a request that lacks its end gets none. */
const PATIENCE_MS = 200;
/** It has no end. */
const STREAM = "/api/v1/stream";

const segment = fc.oneof(
  fc.constantFrom("", ".", "..", "api", "v1", "agents", "%2e%2e", "%2f", "%", "%00", "%ff", "10.0.0.1", "1", ";a=b"),
  fc.constantFrom(...PROTOTYPE_NAMES),
  nastyText.map(percentEncoded),
);
const pair = fc.tuple(
  fc.constantFrom("page", "size", "q", "cidr", "sort", "state", "app", "limit", "x", ...PROTOTYPE_NAMES),
  nastyText.map(percentEncoded),
).map(([name, value]) => `${name}=${value}`);
const header = fc.oneof(
  fc.constantFrom("Accept: text/html", "Range: bytes=0-1", "If-None-Match: *", "Expect: 100-continue", "Upgrade: h2c"),
  fc.constantFrom(
    "Origin: null",
    "Sec-Fetch-Site: cross-site",
    "Authorization: Bearer x",
    "Cookie: elves_heartbeat=a:b:c",
  ),
  fc.constantFrom("Content-Length: 1", "Content-Length: -1", "Transfer-Encoding: chunked", "Host: evil.example"),
  fc.constantFrom(
    "Content-Type: application/json",
    "Last-Event-ID: __proto__",
    "X: ".padEnd(9_000, "x"),
    ": x",
    "no colon",
  ),
  nastyText.map((text) => `X-Any: ${text}`),
);
const body = fc.oneof(
  fc.constant(""),
  fc.json(),
  nastyText,
  fc.constantFrom("0\r\n\r\n", "5\r\nabc", "[[[[", '{"a":1e999}'),
);

/** A request as no client would make it. */
const rawText = fc.record({
  method: fc.oneof(
    fc.constantFrom("GET", "HEAD", "POST", "DELETE", "PUT", "OPTIONS", "TRACE", "get", "", "A".repeat(99)),
    nastyText,
  ),
  path: fc.oneof(
    fc.array(segment, { maxLength: 6 }).map((parts) => `/${parts.join("/")}`),
    fc.constantFrom(
      "*",
      "http://evil.example/",
      "//evil",
      "/api/v1/agents",
      "/api/v1/events",
      "/login",
      "/metrics",
      "/",
    ),
  ),
  query: fc.array(pair, { maxLength: 3 }).map((pairs) => pairs.length === 0 ? "" : `?${pairs.join("&")}`),
  version: fc.constantFrom("1.1", "1.1", "1.0", "1.1", "2.0", "9"),
  headers: fc.array(header, { maxLength: 4 }),
  body,
}).map(({ method, path, query, version, headers, body }) =>
  `${method} ${path}${query} HTTP/${version}\r\nHost: localhost\r\nConnection: close\r\n` +
  `${headers.map((each) => `${each}\r\n`).join("")}\r\n${body}`
).filter((text) => !text.includes(STREAM));

/** Texts that hold half a surrogate pair cannot be encoded. */
function percentEncoded(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function checkRaw({ status, headers, body }: RawAnswer, request: string): void {
  assert.ok(STATUSES.includes(status), `${status} to ${JSON.stringify(request.slice(0, 400))}`);
  assert.equal(headers.get("set-cookie"), null);
  assert.equal(headers.get("x-any"), null);
  // What is no HTTP is refused by the runtime, before there is a request.
  const isRuntime = !headers.has("x-content-type-options");
  if (isRuntime) return assert.deepEqual([[400, 431].includes(status), body], [true, ""], request);
  if (status < 400 || body === "") return;
  if (headers.get("content-type")?.startsWith("text/html")) return;
  assert.equal(headers.get("content-type"), "application/problem+json");
  const problem = JSON.parse(unchunked(headers, body));
  assert.equal(problem.status, status);
  assert.ok(typeof problem.detail === "string" && problem.detail.length > 5);
}

function unchunked(headers: Headers, body: string): string {
  return headers.get("transfer-encoding") === "chunked" ? body.replaceAll(/^[0-9a-f]+\r\n|\r\n0?(\r\n)*$/gi, "") : body;
}

/** A question about a documented operation with any parameters, path, query or body. */
function documented(api: DocumentedApi): fc.Arbitrary<{ method: string; path: string; body: unknown }> {
  const operations = Object.entries(api.document.paths).filter(([path]) => path !== STREAM).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation }))
  );
  return fc.constantFrom(...operations).chain(({ path, method, operation }) => {
    const { parameters = [] } = operation as { parameters?: readonly { name: string; in: string }[] };
    const inQuery = parameters.filter((each) => each.in === "query").map(({ name }) => name);
    const value = fc.oneof(
      nastyText,
      fc.constantFrom("1", "0", "50", "1001", "online", "all", "-last_seen", "ip", "10.0.0.0/8", "1h", "1d", "current"),
    );
    const question = fc.dictionary(fc.constantFrom(...inQuery, "x", ...inQuery), value, { maxKeys: 3 });
    const fields = fc.dictionary(
      fc.constantFrom("asset", "cidr", "for", "until", "reason", "offline_for", "at_ms", ...PROTOTYPE_NAMES),
      fc.oneof(value, fc.constantFrom<unknown>(0, 1, -1, null, {}, [], 1e308)),
      { maxKeys: 4 },
    );
    return fc.record({
      method: fc.constant(method),
      path: fc.tuple(nastyText.filter((text) => text.trim() !== "" && !/^\.+$/.test(text)), question).map(
        ([name, asked]) => {
          const filled = path.replaceAll(/\{[^}]*\}/g, () => percentEncoded(name));
          const query = new URLSearchParams(Object.entries(asked)).toString();
          return query === "" ? filled : `${filled}?${query}`;
        },
      ),
      body: method === "POST" ? fc.oneof(fields, fields, fc.jsonValue()) : fc.constant(undefined),
    });
  });
}

/** Fuzzes the HTTP port while others use it. */
export async function fuzzHttp({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(mqSettings(rabbit));
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  await fuzz("HTTP requests of any bytes", {
    cases: fc.array(rawText, { minLength: 1, maxLength: 8 }),
    check: async (requests) => {
      await Promise.all(requests.map(async (request) => {
        const answer = await rawAnswer(service, request);
        if (answer !== undefined) checkRaw(answer, request);
      }));
    },
  }, { seconds: 5 });
  const api = await DocumentedApi.of(service);
  await fuzz("HTTP API", {
    cases: documented(api),
    check: async ({ method, path, body }) => {
      await api.ask(path, { method: method as "GET", ...(body === undefined ? {} : { body }) });
    },
  }, { seconds: 5 });
  await bystanders.served("fuzzing of the HTTP port");
  assert.deepEqual(service.log.matching(/could not be answered|does not serve/), []);
  assert.equal(await statusOf(`${service.url}/healthz`), 200);
  assert.equal(Object.getPrototypeOf({}), Object.prototype);
}

/** The answer; undefined where the server closes without one, or waits for what the request lacks. */
async function rawAnswer({ httpAddress }: TestApp, request: string): Promise<RawAnswer | undefined> {
  const connection = await Deno.connect(httpAddress);
  let isOpen = true;
  const close = () => {
    if (isOpen) connection.close();
    isOpen = false;
  };
  const timer = setTimeout(close, PATIENCE_MS);
  let text = "";
  try {
    const bytes = new TextEncoder().encode(request);
    for (let at = 0; at < bytes.length;) at += await connection.write(bytes.subarray(at));
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(65_536);
    for (let count = await connection.read(chunk); count !== null; count = await connection.read(chunk)) {
      text += decoder.decode(chunk.subarray(0, count), { stream: true });
    }
  } catch {
    // Closed by either side; what came before that counts.
  } finally {
    clearTimeout(timer);
    close();
  }
  // What follows on `Expect: 100-continue` comes before the answer.
  const answer = text.replace("HTTP/1.1 100 Continue\r\n\r\n", "");
  return answer.includes("\r\n\r\n") ? parseAnswer(answer) : undefined;
}
