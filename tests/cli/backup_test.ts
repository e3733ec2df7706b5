import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { call, CliScene } from "./scene.ts";

function files(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("backup writes a database that can be opened, for its owner only", async () => {
  await using scene = await CliScene.start();
  scene.beat("10.0.0.1");
  const file = `${scene.folder}/copy.db`;
  assert.match(await scene.output(`backup ${file}`), /copy\.db: [\d,]+ bytes\n$/);
  assert.equal(Deno.statSync(file).mode! & 0o777, 0o600);
  using database = new DatabaseSync(file, { readOnly: true });
  assert.deepEqual(Object.values(database.prepare("PRAGMA integrity_check").get()!), ["ok"]);
  assert.deepEqual(files(scene.folder), ["conf.properties", "copy.db"]);
});

Deno.test("backup replaces a file only with --force, and leaves it as it was when the service fails", async () => {
  await using scene = await CliScene.start();
  const file = `${scene.folder}/copy.db`;
  await Deno.writeTextFile(file, "precious");
  const refused = await scene.call(`backup ${file}`);
  assert.deepEqual([refused.code, refused.err], [1, `${file} is there already; --force replaces it\n`]);
  assert.equal(await Deno.readTextFile(file), "precious");
  await scene.test.stop();
  const failed = await scene.call(`backup ${file} --force`);
  assert.equal(failed.code, 1);
  assert.match(failed.err, /nothing listens there/);
  assert.equal(await Deno.readTextFile(file), "precious");
  assert.deepEqual(files(scene.folder), ["conf.properties", "copy.db"]);
});

Deno.test("backup replaces the file with --force, and says when it cannot write", async () => {
  await using scene = await CliScene.start();
  const file = `${scene.folder}/copy.db`;
  await Deno.writeTextFile(file, "old");
  await scene.output(`backup ${file} --force`);
  assert.equal((await Deno.readTextFile(file)).slice(0, 6), "SQLite");
  const nowhere = await scene.call(`backup ${scene.folder}/nothing/copy.db`);
  assert.equal(nowhere.code, 1);
  assert.match(nowhere.err, /nothing\/copy\.db cannot be written: /);
});

Deno.test("backup leaves nothing behind when the copy breaks off", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hb-cli-" });
  // Says that 100 bytes come, sends five and closes.
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const served = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(4096));
    await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegin"));
  })();
  await Deno.writeTextFile(`${folder}/conf.properties`, `http.port = ${listener.addr.port}\n`);
  const { code, err } = await call(["backup", `${folder}/copy.db`, "--config", `${folder}/conf.properties`]);
  await served;
  assert.equal(code, 1);
  assert.match(err, /^POST http:\/\/127\.0\.0\.1:\d+\/api\/v1\/backup .*: /);
  assert.deepEqual(files(folder), ["conf.properties"]);
  await Deno.remove(folder, { recursive: true });
});
