import assert from "node:assert/strict";
import { BINARY, requireBinary, startBinary } from "../support/binary.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;
const NEEDED_SETTINGS =
  "mq.ip = 127.0.0.1\nmq.port = 1\nmq.user = elves\nmq.password = secret\nzookeeper.enabled = false\n" +
  "auth.mode = simple\nauth.localAppInfo = {}\nthrift.heartbeat.host = 127.0.0.1\n";

Deno.test("install.sh install puts executable, configuration, unit, alerts and dashboard below the prefix", async () => {
  await using place = await makePlace();
  await place.install();
  const folder = place.prefix;
  assert.equal(await Deno.readTextFile(`${folder}/conf/conf.properties`), await place.readRelease("conf.properties"));
  assert.equal(await mode(`${folder}/conf/conf.properties`), "640");
  assert.equal(await mode(`${folder}/elves-heartbeat`), "755");

  const unit = `${folder}/conf/elves-heartbeat.service`;
  const text = await Deno.readTextFile(unit);
  assert.match(
    text,
    new RegExp(`^ExecStart=${folder}/elves-heartbeat run --config ${folder}/conf/conf.properties$`, "m"),
  );
  assert.doesNotMatch(text, /\/opt\/elves/);
  for (const name of ["alerts.yml", "grafana-dashboard.json"]) {
    assert.equal(await Deno.readTextFile(`${folder}/conf/${name}`), await place.readRelease(name));
    assert.equal(await mode(`${folder}/conf/${name}`), "644");
  }
});

Deno.test("The unit is valid, exposes little and can be given credentials", async () => {
  await using place = await makePlace();
  await place.install();
  const unit = `${place.prefix}/conf/elves-heartbeat.service`;
  const text = await Deno.readTextFile(unit);
  const withCredentials = text.replaceAll(/^#(?=LoadCredential=)/gm, "");
  assert.equal(withCredentials.match(/^LoadCredential=/gm)?.length, 2);
  for (const version of [text, withCredentials]) {
    await Deno.writeTextFile(unit, version);
    const verify = await run("systemd-analyze", ["verify", "--recursive-errors=no", unit]);
    assert.deepEqual(verify, { code: 0, stdout: "", stderr: "" });
    const security = await run("systemd-analyze", ["security", "--offline=true", "--no-pager", "--threshold=20", unit]);
    assert.equal(security.code, 0, security.stdout);
    const exposure = /Overall exposure level for elves-heartbeat\.service: (\d+\.\d)/.exec(security.stdout)?.[1];
    assert.ok(Number(exposure) <= 2, security.stdout);
  }
});

Deno.test("The unit names credentials where the settings that its comments show find them", async () => {
  const unit = await Deno.readTextFile(`${REPOSITORY}conf/elves-heartbeat.service`);
  const loaded = [...unit.matchAll(/^#LoadCredential=([\w.]+):/gm)].map(([, name]) => name);
  const settings = [...unit.matchAll(/^# {3}([\w.]+) = \/run\/credentials\/elves-heartbeat\.service\/([\w.]+)$/gm)];
  assert.deepEqual(settings.map(([, , name]) => name), loaded);
  assert.deepEqual(settings.map(([, key]) => key), ["mq.passwordFile", "http.tokenFile"]);
  const shipped = await Deno.readTextFile(`${REPOSITORY}conf/conf.properties`);
  for (const [, key] of settings) assert.ok(shipped.includes(`\n#${key} =`), `conf.properties has ${key}`);
});

Deno.test("install.sh install keeps an edited configuration and puts only changed defaults beside it", async () => {
  await using place = await makePlace();
  await place.install();
  const conf = `${place.prefix}/conf/conf.properties`;
  await Deno.writeTextFile(conf, "mq.password = edited\n");

  await place.install();
  assert.equal(await Deno.readTextFile(conf), "mq.password = edited\n");
  await assert.rejects(Deno.stat(`${conf}.new`), Deno.errors.NotFound);

  await place.writeRelease("conf.properties", "# the next release\n");
  const output = await place.install();
  assert.match(output, /new defaults .*conf\.properties\.new/);
  assert.equal(await Deno.readTextFile(conf), "mq.password = edited\n");
  assert.equal(await Deno.readTextFile(`${conf}.new`), "# the next release\n");
  assert.equal(await mode(`${conf}.new`), "640");
});

Deno.test("install.sh install replaces the executable while the old one runs", async () => {
  await using place = await makePlace();
  await place.install();
  const path = `${place.prefix}/elves-heartbeat`;
  await using running = await startBinary({ config: NEEDED_SETTINGS, path });

  await place.useExecutable("#!/bin/sh\necho elves-heartbeat of the next release\n");
  const output = await place.install();
  assert.match(output, new RegExp(`before still runs \\(process ${running.pid}\\) until it is restarted`));
  const next = await run(path, ["version"]);
  assert.equal(next.stdout, "elves-heartbeat of the next release\n");
  (await Deno.connect({ hostname: "127.0.0.1", port: running.port })).close();
  assert.equal((await running.stop()).code, 0);
});

Deno.test("install.sh uninstall removes the program and keeps configuration and data", async () => {
  await using place = await makePlace();
  await place.install();
  await Deno.mkdir(`${place.prefix}/data`);
  await Deno.writeTextFile(`${place.prefix}/data/store`, "rows");
  const { code, stdout } = await place.call("uninstall", "--prefix", place.prefix);
  assert.equal(code, 0);
  assert.match(stdout, new RegExp(`kept the configuration in ${place.prefix}/conf`));
  const left = [...Deno.readDirSync(place.prefix), ...Deno.readDirSync(`${place.prefix}/conf`)];
  assert.deepEqual(left.map((entry) => entry.name).sort(), ["conf", "conf.properties", "data"]);
});

Deno.test("install.sh refuses what it does not know with its usage and exit code 2", async () => {
  await using place = await makePlace();
  const wrong = [["--wrong"], ["instal"], ["build", "test"], ["--prefix"], ["--prefix", "/tmp/a b"], [
    "build",
    "--once",
  ]];
  for (const args of wrong) {
    const { code, stdout, stderr } = await place.call(...args);
    assert.deepEqual({ args, code, stdout }, { args, code: 2, stdout: "" });
    assert.match(stderr, /Usage: \.\/install\.sh/);
  }
  const help = await place.call("--help");
  assert.equal(help.code, 0);
  assert.match(help.stdout, /uninstall .*\n[^]*--prefix DIR/);
});

Deno.test("The installed executable tells its build and runs without Deno in an empty environment", async () => {
  await using place = await makePlace();
  await place.install();
  const path = `${place.prefix}/elves-heartbeat`;
  const { code, stdout } = await run("/usr/bin/env", ["-i", path, "version"]);
  assert.equal(code, 0);
  const { version } = JSON.parse(await Deno.readTextFile(`${REPOSITORY}deno.json`));
  assert.match(stdout, new RegExp(`elves-heartbeat ${version}\\b`));
  assert.match(stdout, /\bDeno \d+\.\d+\.\d+/);

  await using running = await startBinary({ config: NEEDED_SETTINGS, path });
  assert.equal((await running.stop()).code, 0);
});

/** A release to install from, whose parts a test may change, and a prefix to install to. */
async function makePlace(): Promise<Place> {
  await requireBinary();
  const folder = await Deno.realPath(await Deno.makeTempDir({ prefix: "hb-install-" }));
  for (const name of ["conf", "dist"]) await Deno.mkdir(`${folder}/release/${name}`, { recursive: true });
  await Deno.copyFile(`${REPOSITORY}install.sh`, `${folder}/release/install.sh`);
  for (const { name } of Deno.readDirSync(`${REPOSITORY}conf`)) {
    await Deno.copyFile(`${REPOSITORY}conf/${name}`, `${folder}/release/conf/${name}`);
  }
  await Deno.symlink(BINARY, `${folder}/release/dist/elves-heartbeat`);
  return new Place(folder);
}

class Place implements AsyncDisposable {
  readonly prefix: string;
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    this.prefix = `${folder}/prefix/elves-heartbeat`;
  }

  /** Installs without building and without touching the system; returns what was printed. */
  async install(): Promise<string> {
    const { code, stdout, stderr } = await this.call("--no-build", "--no-service", "--prefix", this.prefix);
    assert.equal(code, 0, stdout + stderr);
    assert.equal(stderr, "");
    return stdout;
  }

  call(...args: string[]): Promise<Output> {
    return run(`${this.#folder}/release/install.sh`, args);
  }

  readRelease(name: string): Promise<string> {
    return Deno.readTextFile(`${this.#folder}/release/conf/${name}`);
  }

  writeRelease(name: string, text: string): Promise<void> {
    return Deno.writeTextFile(`${this.#folder}/release/conf/${name}`, text);
  }

  async useExecutable(script: string): Promise<void> {
    const path = `${this.#folder}/release/dist/elves-heartbeat`;
    await Deno.remove(path);
    await Deno.writeTextFile(path, script, { mode: 0o755 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

async function run(command: string, args: string[]): Promise<Output> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args, stdin: "null" }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

async function mode(path: string): Promise<string> {
  return ((await Deno.stat(path)).mode ?? 0).toString(8).slice(-3);
}
