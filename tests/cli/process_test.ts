import assert from "node:assert/strict";
import { waitFor } from "../support/wait_for.ts";
import { ESC, plain, Pty } from "./pty.ts";
import { CliScene } from "./scene.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;

/** `deno run` with the permissions that the executable has, as install.sh says them. */
async function program(): Promise<string[]> {
  const script = await Deno.readTextFile(`${REPOSITORY}install.sh`);
  const [, permissions = ""] = /^PERMISSIONS=\(([^)]*)\)/m.exec(script) ?? [];
  const words = permissions.replaceAll('"', "").split(/\s+/);
  return [Deno.execPath(), "run", "--quiet", "--no-check", ...words, `${REPOSITORY}src/main.ts`];
}

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const CLEAN_ENV = {
  HOME: Deno.env.get("HOME") ?? "/root",
  PATH: Deno.env.get("PATH") ?? "",
  DENO_NO_UPDATE_CHECK: "1",
};

async function execute(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  const [command = "", ...rest] = [...await program(), ...args];
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args: rest,
    clearEnv: true,
    env: { ...CLEAN_ENV, ...env },
    stdin: "null",
  }).output();
  return { code, out: new TextDecoder().decode(stdout), err: new TextDecoder().decode(stderr) };
}

/** A line of bash at a terminal of its own, in which `$HB` is the program. */
async function terminal(line: string, env: Record<string, string> = {}): Promise<Pty> {
  return new Pty(line, { ...CLEAN_ENV, HB: (await program()).join(" "), ...env });
}

Deno.test("main ends with 0, 1 or 2, and never with a stack trace", async () => {
  await using scene = await CliScene.start();
  const cases: [string[], number, RegExp, RegExp][] = [
    [["version"], 0, /^elves-heartbeat \d+\.\d+\.\d+ \(.+\)\nDeno \d+\.\d+\.\d+, .+\n$/, /^$/],
    [["--version"], 0, /^elves-heartbeat \d/, /^$/],
    [["--help"], 0, /Usage: elves-heartbeat/, /^$/],
    [["silence", "list", "--config", scene.config], 0, /^$/, /^no silences\n$/],
    [["agents", "show", "10.9.9.9", "--config", scene.config], 1, /^$/, /^there is no agent/],
    [
      ["agents", "lsit"],
      2,
      /^$/,
      /^unknown command "agents lsit"; did you mean agents list\?\nsee: elves-heartbeat help\n$/,
    ],
    [["status", "--config", "/nonexistent"], 2, /^$/, /^\/nonexistent: there is no such file/],
    [["run", "--config", "/nonexistent"], 2, /^$/, /^\/nonexistent: cannot be read/],
  ];
  const ended = await Promise.all(cases.map(([args]) => execute(args)));
  cases.forEach(([args, code, out, err], i) => {
    assert.equal(ended[i]!.code, code, args.join(" "));
    assert.match(ended[i]!.out, out);
    assert.match(ended[i]!.err, err);
  });
});

Deno.test("main asks the service directly, whatever proxy the environment names", async () => {
  await using scene = await CliScene.start();
  const proxy = "http://127.0.0.1:9";
  const { code, err } = await execute(["silence", "list", "--config", scene.config], {
    http_proxy: proxy,
    HTTP_PROXY: proxy,
    ALL_PROXY: proxy,
  });
  assert.deepEqual([code, err], [0, "no silences\n"]);
});

Deno.test("main ends quietly when nobody reads on", async () => {
  await using scene = await CliScene.start();
  for (let i = 0; i < 5_000; i++) scene.beat(`10.1.${i >> 8}.${i & 255}`);
  const [command = "", ...rest] = await program();
  const child = new Deno.Command(command, {
    args: [...rest, "agents", "list", "--json", "--config", scene.config],
    clearEnv: true,
    env: CLEAN_ENV,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  await reader.cancel();
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal((await child.status).code, 0);
});

Deno.test("main follows events until SIGINT, and ends with 0", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.0.0.1");
  const [command = "", ...rest] = await program();
  await waitFor(async () => JSON.parse(await scene.output("events --json")).events.length === 1, {
    timeoutMs: 10_000,
    what: "the event in the store",
  });
  const child = new Deno.Command(command, {
    args: [...rest, "events", "--follow", "--config", scene.config],
    clearEnv: true,
    env: CLEAN_ENV,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  assert.match(new TextDecoder().decode(value), /^TIME .*\n.*10\.0\.0\.1/);
  child.kill("SIGINT");
  await reader.cancel();
  assert.equal(await new Response(child.stderr).text(), "");
  assert.equal((await child.status).code, 0);
});

Deno.test("main shows colours at a terminal only, and none where NO_COLOR or TERM say so", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.0.0.1");
  const line = `$HB agents list --config ${scene.config}`;
  const cases: [string, Record<string, string>, boolean][] = [
    [line, {}, true],
    [line, { NO_COLOR: "1" }, false],
    [line, { NO_COLOR: "" }, true],
    [line, { TERM: "dumb" }, false],
    [`${line} | cat`, {}, false],
  ];
  await Promise.all(cases.map(async ([line, env, isColored]) => {
    await using pty = await terminal(line, env);
    assert.equal(await pty.ended(), 0);
    assert.match(plain(pty.output), /^STATE {3}IP .*\r\nonline {2}10\.0\.0\.1 /m);
    assert.equal(pty.output.includes(`${ESC}[1mSTATE${ESC}[0m`), isColored);
    assert.equal(pty.output.includes(`${ESC}[32monline${ESC}[0m  10.0.0.1`), isColored);
  }));
});

Deno.test("main asks at a terminal before it forgets an agent", async () => {
  await using scene = await CliScene.start();
  for (const [answer, code, left] of [["n", 1, 1], ["", 1, 1], ["y", 0, 0]] as const) {
    scene.beat("10.0.0.1");
    await using pty = await terminal(`$HB agents forget 10.0.0.1 --config ${scene.config}`);
    await pty.shown(/Forget agent 10\.0\.0\.1\? \[y\/N\] $/);
    await pty.type(`${answer}\n`);
    assert.equal(await pty.ended(), code, pty.output);
    assert.equal(JSON.parse(await scene.output("agents list --json")).total, left);
  }
});

Deno.test("main redraws agents watch in place, as wide as the window, and gives the cursor back at SIGINT", async () => {
  await using scene = await CliScene.start();
  for (let i = 1; i <= 30; i++) scene.beat(`10.0.0.${i}`, { asset: "a-name-that-is-rather-long-".repeat(4) });
  await using pty = await terminal(`exec $HB agents watch --config ${scene.config}`);
  const home = `${ESC}[H`;
  const screens = () => pty.output.split(home).slice(1);
  const drawn = async (count: number) => {
    await waitFor(() => screens().length > count, { timeoutMs: 20_000, what: `${count} screens` });
    return screens()[count - 1] ?? "";
  };
  const first = await drawn(1);
  assert.match(pty.output, /^\S+ \d+\r\n/);
  assert.ok(pty.output.split(home)[0]!.endsWith(`${ESC}[?25l`), "the cursor is hidden");
  assert.ok(first.startsWith(`${ESC}[2J`), "the first screen clears the window");
  assert.match(first, /30 online, 0 suspect, 0 offline; 30 listed/);
  const lines = (screen: string) => plain(screen).split("\r\n");
  assert.equal(lines(first).length, 12);
  for (const line of lines(first)) assert.ok(line.length < 80, line);
  assert.ok(!(await drawn(2)).includes(`${ESC}[2J`), "the next is drawn over it");

  await pty.resize(60, 8);
  const cleared = () => screens().findIndex((screen, i) => i > 0 && screen.startsWith(`${ESC}[2J`));
  await waitFor(() => cleared() > 0, { timeoutMs: 20_000, what: "a screen of the new size" });
  const narrow = await drawn(cleared() + 1);
  assert.equal(lines(narrow).length, 8);
  for (const line of lines(narrow)) assert.ok(line.length < 60, line);

  await pty.kill("SIGINT");
  assert.equal(await pty.ended(), 0);
  assert.ok(pty.output.endsWith(`\r\n${ESC}[?25h`));
});
