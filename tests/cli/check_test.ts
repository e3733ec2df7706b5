import assert from "node:assert/strict";
import { freePort } from "../support/free_port.ts";
import { call, CliScene } from "./scene.ts";

/** Everything but RabbitMQ in order, which is not there. */
function config(folder: string, more: string): string {
  return `mq.ip = 127.0.0.1\nmq.port = ${freePort()}\nmq.user = u\nmq.password = s3cret-word\nauth.mode = simple\n` +
    `auth.localAppInfo = {'app1':'1.0.1'}\nthrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = 0\n` +
    `data.dir = ${folder}\n${more}`;
}

async function check(more: string, whole = false): Promise<{ code: number; out: string; err: string; file: string }> {
  const folder = await Deno.makeTempDir({ prefix: "hb-check-" });
  try {
    const file = `${folder}/conf.properties`;
    await Deno.writeTextFile(file, whole ? more : config(folder, more));
    return { ...await call(["check", "--config", file]), file };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("check tells what is on the HTTP port: nobody, this service with its readiness, something else", async () => {
  const port = freePort();
  const free = await check(`http.port = ${port}\n`);
  assert.match(free.out, RegExp(`^ok +http +127\\.0\\.0\\.1:${port} is free$`, "m"));
  assert.doesNotMatch(free.out, / running /);

  await using scene = await CliScene.start();
  const ours = await check(`http.port = ${scene.test.httpAddress.port}\n`);
  assert.match(ours.out, /^ok +http +127\.0\.0\.1:\d+ is served already, by this service$/m);
  assert.match(ours.out, /^FAULT +running +the service is not ready: mq( \(.+\))?$/m);

  await using other = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, () => new Response("hello"));
  const theirs = await check(`http.port = ${other.addr.port}\n`);
  assert.equal(theirs.code, 1);
  assert.match(
    theirs.out,
    /^FAULT +http +127\.0\.0\.1:\d+ is in use by something else: stop it, or take another http\.port$/m,
  );
});

Deno.test("check says what of a running service does not work although it is ready", async () => {
  const part = { ok: true, fault: null };
  const answer = { ready: true, warming: false, beats: part, mq: part, zookeeper: part, store: part, catalog: part };
  const cases: [object, string][] = [
    [{}, "ok       running    the service is ready"],
    [{ warming: true }, "warning  running    the service is ready, but has not heard of all agents yet"],
    [
      { zookeeper: { ok: false, fault: "session expired" }, catalog: { ok: false } },
      "warning  running    the service is ready, but not zookeeper (session expired), catalog",
    ],
  ];
  for (const [parts, line] of cases) {
    await using server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      () => Response.json({ ...answer, ...parts }),
    );
    const { out } = await check(`http.port = ${server.addr.port}\n`);
    assert.ok(out.includes(`\n${line}\n`), out);
  }
});

Deno.test("check tells all faults of a configuration at once, and what is odd besides", async () => {
  const { code, out, err, file } = await check(
    "mq.prot = 1\nunheard.of = 1\nmq.ip = h\nmq.user = u\nauth.mode = x\n",
    true,
  );
  assert.deepEqual([code, out], [2, ""]);
  assert.deepEqual(err.split("\n"), [
    `${file}:1: mq.prot is no known key; did you mean mq.port?`,
    `${file}:5: auth.mode must be supervisor or simple, "x" came`,
    `${file}: mq.password must be set (or mq.passwordFile)`,
    `warning: ${file}:2: unheard.of is no known key and is left alone`,
    "",
  ]);
});
