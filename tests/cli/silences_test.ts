import assert from "node:assert/strict";
import { CliScene } from "./scene.ts";

Deno.test("silence add, list and remove", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.1.0.1");
  scene.beat("10.2.0.1");
  assert.deepEqual((await scene.call("silence list")).err, "no silences\n");
  const added = await scene.output("silence add --cidr 10.1.0.0/16 --asset web-* --for 2h --reason switches");
  const [, id = ""] = /^silence (\w+) until \S+ \S+, 1 agent now\n$/.exec(added) ?? [];
  assert.notEqual(id, "");
  const list = await scene.output("silence list", { columns: 80 });
  assert.match(list, /^ID +UNTIL +AGENTS +WHICH +BY +REASON\n/);
  assert.match(list, RegExp(`^${id} +\\S+ \\S+ +1 {2}10\\.1\\.0\\.0/16 and web-\\* {2}local {2}switches$`, "m"));
  assert.equal(JSON.parse(await scene.output("silence list --json")).silences[0].id, id);
  const removed = await scene.call(`silence remove nothing ${id}`);
  assert.deepEqual([removed.code, removed.out], [1, `silence ${id} is ended\n`]);
  assert.match(removed.err, /^nothing: there is no silence/);
  const until = await scene.output("silence add --asset web-1 --until 2026-02-03T04:05:06Z --json");
  assert.equal(JSON.parse(until).until, "2026-02-03T04:05:06.000Z");
});

Deno.test("silence add says with 2 what is missing or wrong", async () => {
  await using scene = await CliScene.start();
  const cases: [string, RegExp][] = [
    [
      "silence add --for 2h",
      /^silence add needs --cidr or --asset: which agents\nsee: elves-heartbeat help silence add\n$/,
    ],
    ["silence add --cidr 10.0.0.0/8", /needs either --for or --until/],
    ["silence add --cidr 10.0.0.0/8 --for 1h --until 2030-01-01T00:00:00Z", /needs either --for or --until/],
    ["silence add --cidr 10.0 --for 1h", /^cidr: /],
    ["silence add --cidr 10.0.0.0/8 --for ever", /^for must be/],
  ];
  for (const [line, expected] of cases) {
    const { code, err } = await scene.call(line);
    assert.equal(code, 2, line);
    assert.match(err, expected);
  }
});
