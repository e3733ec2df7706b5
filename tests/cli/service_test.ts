import assert from "node:assert/strict";
import { readEndpoint } from "../../src/cli/endpoint.ts";
import { ConfigError } from "../../src/config/file.ts";
import { freePort } from "../support/free_port.ts";
import { call, CliScene, type Done } from "./scene.ts";

async function withFile<T>(text: string, test: (file: string) => T | Promise<T>): Promise<T> {
  const file = await Deno.makeTempFile({ suffix: ".properties" });
  try {
    await Deno.writeTextFile(file, text);
    return await test(file);
  } finally {
    await Deno.remove(file);
  }
}

function status(text: string): Promise<Done> {
  return withFile(text, (file) => call(["status", "--config", file]));
}

Deno.test("readEndpoint takes address and token from a configuration, whatever else is wrong in it", async () => {
  const cases: [string, string, string | undefined][] = [
    ["", "http://127.0.0.1:11103", undefined],
    ["mq.prot = 1\nhttp.port=12 # comment\n", "http://127.0.0.1:12", undefined],
    [
      "http.host = 0.0.0.0\nhttp.token = ops:0123456789abcdef, dev:fedcba9876543210",
      "http://127.0.0.1:11103",
      "0123456789abcdef",
    ],
    ["http.host = ::\nhttp.token = 0123456789abcdef", "http://[::1]:11103", "0123456789abcdef"],
    ["http.host = 10.1.2.3\nhttp.token =\n", "http://10.1.2.3:11103", undefined],
  ];
  for (const [text, base, token] of cases) {
    const endpoint = await withFile(text, (file) => readEndpoint(file));
    assert.deepEqual([endpoint.base, endpoint.token], [base, token], text);
  }
  const secret = "only-in-the-file-0123";
  await withFile(`${secret}\n`, async (tokens) => {
    assert.equal((await withFile(`http.tokenFile = ${tokens}\n`, readEndpoint)).token, secret);
  });
});

Deno.test("readEndpoint says what is wrong with the keys that it needs, and never shows a token", async () => {
  const cases: [string, RegExp][] = [
    ["\nhttp.port = high\n", /:2: http\.port must be a whole number from 0 to 65535$/],
    ["http.port = 0\n", /http\.port = 0 takes a free port that only the log of the service tells/],
    ["http.token = short\n", /:1: http\.token must be name:token or a token alone/],
    ["http.tokenFile = /nonexistent\n", /^\/nonexistent \(http\.tokenFile in .*\): there is no such file/],
  ];
  for (const [text, expected] of cases) {
    await withFile(text, (file) => {
      assert.throws(() => readEndpoint(file), (cause) => {
        assert.ok(cause instanceof ConfigError);
        assert.match(cause.message, expected);
        assert.doesNotMatch(cause.message, /short/);
        return true;
      });
    });
  }
});

Deno.test("commands say what was tried and what to do when the service does not run", async () => {
  const port = freePort();
  const { code, out, err } = await status(`http.port = ${port}\n`);
  assert.deepEqual([code, out], [1, ""]);
  const [tried, advice, end] = err.split("\n");
  assert.match(
    tried!,
    RegExp(
      `^GET http://127\\.0\\.0\\.1:${port}/api/v1/summary \\(http\\.host, http\\.port in .*\\): nothing listens there$`,
    ),
  );
  assert.equal(advice, "Does it run? systemctl status elves-heartbeat; journalctl -u elves-heartbeat -n 50");
  assert.equal(end, "");
  const missing = await call(["status", "--config", "/nonexistent"]);
  assert.equal(missing.code, 2);
  assert.match(missing.err, /^\/nonexistent: there is no such file; name the configuration with --config FILE\n$/);
});

Deno.test("commands show the first token, and say which key is wrong when the service does not know it", async () => {
  await using scene = await CliScene.start("http.token = ops:0123456789abcdef,dev:fedcba9876543210\n");
  assert.match((await scene.call("status")).out, /agents/);
  await scene.output("silence add --asset x --for 1h");
  assert.match(await scene.output("silence list"), /ops/);
  const { port } = scene.test.httpAddress;
  const without = await status(`http.port = ${port}\n`);
  assert.equal(without.code, 1);
  assert.match(
    without.err,
    /wants a token, and .* has none: set http\.token or http\.tokenFile as the service has it\n$/,
  );
  const wrong = await status(`http.port = ${port}\nhttp.token = wrong-wrong-wrong\n`);
  assert.equal(wrong.code, 1);
  assert.match(wrong.err, /does not know the first token of http\.token or http\.tokenFile/);
  assert.doesNotMatch(wrong.err, /wrong-wrong/);
});

Deno.test("commands say when something else answers on the port", async () => {
  const answers: [() => Response, RegExp][] = [
    [
      () => new Response("<html>", { status: 404 }),
      /answered with status 404 and no explanation: is something else on that port \(http\.port in /,
    ],
    [() => new Response("<html>"), /what answered there is not this service/],
    [
      () => Response.json({ hello: "world" }),
      /answered something unexpected \(instance: .*\)\nIs it of another version\?/,
    ],
    [
      () => Response.json({ detail: "the store is failing" }, { status: 503 }),
      /^the store is failing\nMore is in its log: journalctl -u elves-heartbeat -n 50\n$/,
    ],
  ];
  for (const [answer, expected] of answers) {
    await using server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, answer);
    const { code, err } = await status(`http.port = ${server.addr.port}\n`);
    assert.equal(code, 1);
    assert.match(err, expected);
  }
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.write(new TextEncoder().encode("SSH-2.0-OpenSSH_9.2\r\n\r\n"));
    await connection.read(new Uint8Array(4096));
  })();
  const { code, err } = await status(`http.port = ${listener.addr.port}\n`);
  await served;
  assert.equal(code, 1);
  assert.match(err, /what answered there is not this service|http\.port/);
});
