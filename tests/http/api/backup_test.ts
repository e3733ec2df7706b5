import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { waitFor } from "../../support/wait_for.ts";
import { ApiScene } from "./scene.ts";

/** A service with one agent on disk, and the folder that it uses. */
async function withFolder(test: (scene: ApiScene, folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "hb-backup-" });
  try {
    await using scene = await ApiScene.start("", folder);
    scene.beat({ ip: "10.0.0.1", asset: "CX1" });
    await waitFor(async () => (await scene.api.get("/api/v1/events")).events.length === 1, {
      timeoutMs: 10_000,
      what: "the agent on disk",
    });
    await test(scene, folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function leftovers(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).filter((name) => name.includes("download"));
}

const post = (scene: ApiScene) => fetch(`${scene.test.url}/api/v1/backup`, { method: "POST" });

Deno.test("POST /backup sends a copy of the live store that a start can use, and leaves nothing behind", async () => {
  await withFolder(async (scene, folder) => {
    // What a process left that was killed while it made one.
    await Deno.writeTextFile(`${folder}/download.sqlite3.part`, "half");
    await Deno.writeTextFile(`${folder}/download.sqlite3.part-journal`, "half");
    const response = await post(scene);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "application/vnd.sqlite3");
    const name = /^attachment; filename="elves-heartbeat-20260102T030405Z\.sqlite3"$/;
    assert.match(response.headers.get("content-disposition") ?? "", name);
    const bytes = new Uint8Array(await response.arrayBuffer());
    assert.equal(response.headers.get("content-length"), String(bytes.length));
    assert.deepEqual(leftovers(folder), []);
    const file = `${folder}/copy`;
    await Deno.writeFile(file, bytes);
    const copy = new DatabaseSync(file);
    assert.deepEqual(copy.prepare("SELECT ip, asset FROM agents").all().map((row) => ({ ...row })), [
      { ip: "10.0.0.1", asset: "CX1" },
    ]);
    copy.close();
    const audit = await waitFor(async () => (await scene.api.get("/api/v1/events?kind=audit")).events[0], {
      timeoutMs: 10_000,
      what: "the audit",
    });
    assert.deepEqual([audit.action, audit.who], ["backup", "local"]);
  });
});

Deno.test("POST /backup is one at a time, and the next may come when a reader goes away", async () => {
  await withFolder(async (scene, folder) => {
    const [first, second] = await Promise.all([post(scene), post(scene)]);
    const [taken, refused] = first.status === 200 ? [first, second] : [second, first];
    assert.deepEqual([taken.status, refused.status], [200, 409]);
    assert.match((await refused.json()).detail, /another backup/);
    await taken.body?.cancel();
    const next = await waitFor(async () => {
      const response = await post(scene);
      if (response.status === 200) return response;
      await response.body?.cancel();
      return undefined;
    }, { timeoutMs: 10_000, what: "the end of the one that was given up" });
    await next.arrayBuffer();
    assert.deepEqual(leftovers(folder), []);
  });
});

Deno.test("POST /backup says what is wrong when there is no room for the copy", async () => {
  await withFolder(async (scene, folder) => {
    await Deno.mkdir(`${folder}/download.sqlite3.part/in-the-way`, { recursive: true });
    const { detail } = await scene.api.refused("/api/v1/backup", 503, { method: "POST" });
    assert.match(detail, /the store cannot answer at the moment: .*download\.sqlite3\.part/);
    await Deno.remove(`${folder}/download.sqlite3.part`, { recursive: true });
    const response = await post(scene);
    assert.equal(response.status, 200, "and works again");
    await response.arrayBuffer();
  });
});
