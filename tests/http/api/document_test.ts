import { Validator } from "@seriousme/openapi-schema-validator";
import assert from "node:assert/strict";
import { startApp } from "../../support/app.ts";
import { waitFor } from "../../support/wait_for.ts";
import { DocumentedApi } from "./documented_api.ts";
import { ApiScene, SUPERVISED } from "./scene.ts";

Deno.test("openApiDocument is one for a validator that others wrote, and may be kept", async () => {
  await using scene = await ApiScene.start();
  const { body, headers } = await scene.api.ask("/api/v1/openapi.json");
  const result = await new Validator().validate(structuredClone(body));
  assert.ok(result.valid, JSON.stringify(result.errors));
  const tag = headers.get("etag") ?? "";
  const again = await scene.api.ask("/api/v1/openapi.json", { headers: { "if-none-match": tag } });
  assert.deepEqual([again.status, again.body], [304, ""]);
});

Deno.test("openApiDocument describes every route of the service for programs, and no other", async () => {
  await using scene = await ApiScene.start();
  const isForPrograms = (path: string) => /^\/(api\/|healthz|readyz|metrics)/.test(path);
  const routes = scene.test.app.routes.filter(({ path }) => isForPrograms(path));
  const documented = Object.entries(scene.api.document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
  );
  assert.deepEqual(documented.sort(), routes.map(({ method, path }) => `${method} ${path}`).sort());
});

Deno.test("openApiDocument closes every object, so that an undocumented member is a fault", async () => {
  await using scene = await ApiScene.start();
  const open: string[] = [];
  const walk = (value: unknown, path: string) => {
    if (typeof value !== "object" || value === null) return;
    const { type, properties, additionalProperties } = value as Record<string, unknown>;
    if (type === "object" && properties !== undefined && additionalProperties !== false) open.push(path);
    for (const [key, part] of Object.entries(value)) walk(part, `${path}/${key}`);
  };
  walk(scene.api.document, "");
  assert.deepEqual(open, []);
});

/** What every operation is asked once; what is not here needs no more than its path. */
const QUESTIONS: Readonly<Record<string, { path?: string; body?: unknown; good?: number }>> = {
  "GET /api/v1/agents/{ip}": { path: "/api/v1/agents/10.0.0.1" },
  "DELETE /api/v1/agents/{ip}": { path: "/api/v1/agents/10.0.0.2", good: 204 },
  "POST /api/v1/agents/prune": { body: { offline_for: "1d" } },
  "GET /api/v1/apps/{app}": { path: "/api/v1/apps/a" },
  "POST /api/v1/silences": { body: { asset: "*", for: "1h" }, good: 201 },
  "DELETE /api/v1/silences/{id}": { path: "/api/v1/silences/none", good: 404 },
  "POST /api/v1/guard/release": { good: 409 },
  "GET /api/v1/catalogs/diff": { path: "/api/v1/catalogs/diff?from=current&to=current" },
  "GET /api/v1/catalogs/{id}": { path: "/api/v1/catalogs/1" },
  "POST /api/v1/catalogs/{id}/rollback": { path: "/api/v1/catalogs/1/rollback" },
  "POST /api/v1/catalogs/accept": { body: { at_ms: 1 }, good: 409 },
  "GET /readyz": { good: 503 },
};

Deno.test("Every operation of the document answers as documented, and refuses what it does not know", async () => {
  await using scene = await ApiScene.start(SUPERVISED);
  scene.beat({ ip: "10.0.0.1", asset: "CX1", apps: '{"a":"1"}' });
  scene.beat({ ip: "10.0.0.2" });
  await scene.offer(["a", "1", ["10.0.0.1"]]);
  await waitFor(async () => (await scene.api.get("/api/v1/catalogs")).catalogs.length === 1, {
    timeoutMs: 10_000,
    what: "the catalog on disk",
  });
  const open = ["/healthz", "/readyz", "/readyz/beats", "/metrics", "/api/v1/summary", "/api/v1/stream"];
  for (const [path, item] of Object.entries(scene.api.document.paths)) {
    for (const method of Object.keys(item).map((each) => each.toUpperCase()) as ("GET" | "POST" | "DELETE")[]) {
      const operation = `${method} ${path}`;
      // A stream has no end; see the test below.
      if (path === "/api/v1/stream") continue;
      const { path: asked = path, body, good = 200 } = QUESTIONS[operation] ?? {};
      const answer = await scene.api.ask(asked, { method, body });
      assert.equal(answer.status, good, `${operation}: ${JSON.stringify(answer.body)}`);
      if (open.includes(path)) continue;
      const separator = asked.includes("?") ? "&" : "?";
      const problem = await scene.api.refused(`${asked}${separator}constructor=1`, 400, { method, body });
      assert.equal(problem.field, "constructor", operation);
    }
  }
});

Deno.test("GET /stream sends a summary and events as documented", async () => {
  await using scene = await ApiScene.start();
  const response = await fetch(`${scene.test.url}/api/v1/stream`);
  assert.equal(response.headers.get("content-type")?.split(";", 1)[0], "text/event-stream");
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.ok(reader);
  scene.beat({ ip: "10.0.0.1", asset: "\n\ndata: {}" });
  const seen = new Set<string>();
  for (let text = ""; !(seen.has("summary") && seen.has("event"));) {
    const { value, done } = await reader.read();
    assert.ok(!done, text);
    text += value;
    for (let end = text.indexOf("\n\n"); end !== -1; end = text.indexOf("\n\n")) {
      const fields = text.slice(0, end).split("\n");
      text = text.slice(end + 2);
      const field = (name: string) => fields.find((each) => each.startsWith(`${name}: `))?.slice(name.length + 2);
      const kind = field("event");
      if (kind === undefined) continue;
      seen.add(kind);
      scene.api.conforms(kind === "summary" ? "Summary" : "Event", JSON.parse(field("data") ?? ""));
    }
  }
  await reader.cancel();
});

Deno.test("Problems of access and of bodies are as documented, and the audit names the token", async () => {
  await using test = await startApp("http.token = ops:secret-of-16-letters\n");
  const api = await DocumentedApi.of(test, { authorization: "Bearer secret-of-16-letters" });
  await api.refused("/api/v1/agents", 401, { headers: { authorization: "Bearer another-16-letters" } });
  await api.refused("/api/v1/agents", 403, { headers: { "sec-fetch-site": "cross-site" } });
  const add = { method: "POST", body: { asset: "*", for: "1h" } } as const;
  await api.refused("/api/v1/silences", 415, { ...add, headers: { "content-type": "text/plain" } });
  await api.refused("/api/v1/silences", 413, { ...add, body: { asset: "x".repeat(70_000) } });
  assert.equal((await api.ask("/api/v1/silences", add)).body.by, "ops");
});
