import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { BeatInfo } from "../support/beat_client.ts";
import { requireBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { previousRelease, type Release, thisRelease } from "./previous_release.ts";
import { ShortBeats } from "./short_beats.ts";
import { Order, Supervised, type Window } from "./supervised.ts";

const AGENTS: readonly BeatInfo[] = Array.from({ length: 500 }, (_, i) => ({
  asset: `CX${String(i).padStart(4, "0")}`,
  ip: `10.0.${i >> 8}.${i & 255}`,
  version: "0.3.3",
  apps: '{"testApp":"1.0.1"}',
}));

/** Without grace: what is not remembered, or remembered wrongly, is called new or offline at once. */
function config(folder: string, port: number): string {
  return "mq.ip = 127.0.0.1\nmq.port = 1\nmq.user = u\nmq.password = p\n" +
    "auth.mode = simple\nauth.localAppInfo = {'testApp':'1.0.1'}\n" +
    `thrift.heartbeat.host = 127.0.0.1\nthrift.heartbeat.port = ${port}\nhttp.port = 0\n` +
    `data.dir = ${folder}/data\nagent.timeout = 2m\nagent.grace = 0\n`;
}

async function installedVersion(path: string): Promise<string> {
  const { stdout } = await new Deno.Command(path, { args: ["version"], clearEnv: true, stdin: "null" }).output();
  return new TextDecoder().decode(stdout);
}

/** What the database knows about agents: rows that are online, and events by kind. */
function remembered(folder: string): { online: unknown; events: Record<string, unknown> } {
  const db = new DatabaseSync(`${folder}/data/elves-heartbeat.db`, { readOnly: true });
  try {
    const kinds = db.prepare("SELECT kind, count(*) AS rows FROM events WHERE ip <> '' GROUP BY kind").all();
    return {
      online: db.prepare("SELECT count(*) AS rows FROM agents WHERE online = 1").get()?.rows,
      events: Object.fromEntries(kinds.map(({ kind, rows }) => [kind, rows])),
    };
  } finally {
    db.close();
  }
}

function overlap(a: Window, b: Window): boolean {
  return a.from < b.to && a.to > b.from;
}

/** An installation that runs, and its fleet. */
interface Scene {
  readonly prefix: string;
  readonly service: Supervised;
  readonly fleet: ShortBeats;
}

/** Installs a release over the one that runs, and restarts; returns the window of the restart. */
async function change({ prefix, service, fleet }: Scene, release: Release, notifies: boolean): Promise<Window> {
  const { pid } = service;
  const output = await release.install(prefix);
  assert.match(output, /next:/);
  assert.match(await Deno.readLink(`/proc/${pid}/exe`), / \(deleted\)$/);
  await fleet.round();
  assert.equal(service.pid, pid);
  assert.ok(!service.logs.some((line) => line.includes("stopping")), "the running process is left alone");

  const window = await service.restart({ notifies });
  await fleet.round();
  assert.ok(service.logs.some((line) => line.includes(`agents: ${AGENTS.length} remembered`)), service.logs.join("\n"));
  const wrong = service.logs.filter((line) => /agents: \d+ (new|online again|offline)|guard:|store:| ERR /.test(line));
  assert.deepEqual(wrong, []);
  return window;
}

Deno.test("install.sh upgrades a service with a running fleet, and back, without an agent that goes offline", async () => {
  await requireBinary();
  await using previous = await previousRelease();
  const folder = await Deno.makeTempDir({ prefix: "hb-upgrade-" });
  const prefix = `${folder}/prefix`;
  const path = `${prefix}/elves-heartbeat`;
  const conf = `${prefix}/conf/conf.properties`;
  const port = freePort();
  const order = new Order();
  await previous.install(prefix);
  const text = config(folder, port);
  await Deno.writeTextFile(conf, text);
  const before = await installedVersion(path);
  try {
    const windows: Window[] = [];
    {
      await using service = await Supervised.start({ path, config: conf, order }, { notifies: false });
      await using fleet = new ShortBeats({ port, agents: AGENTS, order });
      const scene: Scene = { prefix, service, fleet };
      await fleet.round();

      windows.push(await change(scene, thisRelease(), true));
      const after = await installedVersion(path);
      assert.notEqual(after, before);
      const [, version, commit] = /elves-heartbeat (\S+) \((\S+)\)/.exec(after) ?? [];
      assert.ok(service.logs[0]?.includes(`elves-heartbeat ${version} (${commit})`), service.logs[0]);

      windows.push(await change(scene, previous, false));
      assert.equal(await installedVersion(path), before);
      assert.deepEqual([...fleet.texts], ['{"data":{"testApp":"1.0.1"}}']);
      assert.deepEqual(fleet.unanswered.filter((beat) => !windows.some((window) => overlap(beat, window))), []);
    }
    assert.equal(await Deno.readTextFile(conf), text);
    assert.deepEqual(remembered(folder), { online: AGENTS.length, events: { agentOnline: AGENTS.length } });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
