import assert from "node:assert/strict";
import fc from "fast-check";
import { SseClient } from "../http/sse_client.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { beat } from "../support/beat_client.ts";
import { statusOf } from "../support/status_of.ts";
import { waitFor } from "../support/wait_for.ts";
import { Bystanders } from "./bystanders.ts";
import { fuzz } from "./fuzz.ts";
import { mqSettings, type Stage } from "./stage.ts";

const SECRET = "0123456789abcdef-ops";
const SUMMARY = "/api/v1/summary";
/** Clients that the stream takes (src/http/stream.ts). */
const MAX_CLIENTS = 100;
/** What would be a header, a message of the stream or markup where it is not written as text. */
const EVIL = "1\r\nSet-Cookie: evil=1\r\n\r\nevent: evil\ndata: {}\n\n<script>evil()</script>";

/** Guesses tokens and forges cookies. */
export async function guessedTokens({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(`${mqSettings(rabbit)}http.token = ops:${SECRET}\n`);
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  const login = await fetch(`${service.url}/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: SECRET }),
  });
  const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
  assert.equal(await status(service, { cookie }), 200);
  const changes = fc.array(fc.tuple(fc.nat(), fc.string({ minLength: 0, maxLength: 2 })), {
    minLength: 1,
    maxLength: 3,
  });
  const near = changes.map((list) => ({
    cookie: list.reduce((text, [place, put]) => spliced(text, place, put), cookie.slice(cookie.indexOf("=") + 1)),
    secret: list.reduce((text, [place, put]) => spliced(text, place, put), SECRET),
  }));
  await fuzz("tokens and cookies", {
    cases: near,
    check: async (guess) => {
      const value = `elves_heartbeat=${headerSafe(guess.cookie)}`;
      if (value.trim() !== cookie) assert.equal(await status(service, { cookie: value }), 401, value);
      const secret = headerSafe(guess.secret);
      if (secret.trim() === SECRET) return;
      assert.equal(await status(service, { authorization: `Bearer ${secret}` }), 401, secret);
    },
  }, { seconds: 3 });
  await bystanders.served("guesses of tokens");
  assert.equal(await status(service, { authorization: `Bearer ${SECRET}` }), 200);
  assert.ok(service.log.matching(/came with a token that is not known/).length <= 1);
  assert.deepEqual(service.log.matching(new RegExp(SECRET.slice(0, 12))), []);
}

function spliced(text: string, place: number, put: string): string {
  const at = place % (text.length + 1);
  return text.slice(0, at) + put + text.slice(at + 1);
}

/** Without what cannot stand in a header, and what ends a cookie or a token. */
function headerSafe(text: string): string {
  return text.replaceAll(/[^!-~]|[;, ]/g, "_");
}

function status({ url }: TestApp, headers: Record<string, string>): Promise<number> {
  return statusOf(url + SUMMARY, { headers });
}

/** Puts line ends, headers and markup into everything that an agent may say. */
export async function injectedText({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(mqSettings(rabbit));
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  await using stream = await SseClient.open(`${service.url}/api/v1/stream`);
  const info = {
    ip: "10.0.0.9",
    asset: "<script>evil()</script>",
    version: "0",
    apps: JSON.stringify({ [EVIL]: EVIL }),
  };
  assert.equal((await beat(service.beatAddress, { ...info, asset: EVIL })).exception?.type, 7);
  await beat(service.beatAddress, info);
  await beat(service.beatAddress, { ...info, version: EVIL });
  await waitFor(() => stream.of("event").some(({ kind }) => kind === "versionChanged"), {
    timeoutMs: 10_000,
    what: "the agent's other version on the stream",
  });
  const kinds = new Set(stream.messages.map(({ event }) => event));
  assert.deepEqual([...kinds].filter((kind) => kind !== "summary" && kind !== "event"), []);
  const name = encodeURIComponent(EVIL);
  const paths = ["agents", "agents/10.0.0.9", "apps", `apps/${name}`, `agents?q=${name}`, "events", `agents/${name}`];
  for (const path of paths) {
    const answer = await fetch(`${service.url}/api/v1/${path}`);
    const text = await answer.text();
    assert.equal(answer.headers.get("set-cookie"), null, path);
    assert.match(answer.headers.get("content-type") ?? "", /^application\/(problem\+)?json/, path);
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff");
    assert.doesNotMatch(text, /[\r\n]/, path);
    JSON.parse(text);
  }
  const row = await (await fetch(`${service.url}/api/v1/agents/10.0.0.9`)).json();
  assert.deepEqual([row.version, row.apps], [EVIL, { [EVIL]: EVIL }]);
  assert.doesNotMatch(await (await fetch(`${service.url}/metrics`)).text(), /evil/);
  assert.deepEqual(service.log.matching(/\r|\n|^event: evil|^Set-Cookie/), []);
  await bystanders.served("text with line ends and markup");
}

/** Opens ten times as many streams as there may be. */
export async function manyStreams({ rabbit }: Stage): Promise<void> {
  await using service = await startApp(mqSettings(rabbit));
  await using bystanders = await Bystanders.join(service.beatAddress, rabbit);
  const abort = new AbortController();
  const url = `${service.url}/api/v1/stream`;
  const answers = await Promise.all(
    Array.from({ length: 10 * MAX_CLIENTS + 1 }, () => fetch(url, { signal: abort.signal })),
  );
  const refused = answers.filter(({ status }) => status !== 200);
  assert.equal(refused.length, 9 * MAX_CLIENTS + 1);
  for (const answer of refused) {
    assert.deepEqual([answer.status, answer.headers.get("retry-after")], [503, "5"]);
    assert.match((await answer.json()).detail, /100 clients/);
  }
  await bystanders.beatsOn();
  assert.equal((await (await fetch(service.url + SUMMARY)).json()).stream_clients, MAX_CLIENTS);
  abort.abort();
  const isFree = () => fetch(service.url + SUMMARY).then(async (answer) => (await answer.json()).stream_clients === 0);
  await waitFor(isFree, { timeoutMs: 20_000, what: "the streams to end" });
  await using client = await SseClient.open(url);
  await client.has("summary", 1);
  await bystanders.served("1,001 streams");
}
