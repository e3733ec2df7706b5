import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { beat, type BeatInfo } from "../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { ModulePeer } from "../support/module_peer.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { SmallDisk } from "../support/small_disk.ts";
import { waitFor } from "../support/wait_for.ts";
import { Journal } from "./journal.ts";

const NOTHING_STORED = /WRN store: nothing can be stored at the moment/;
const STORED_AGAIN = /INF store: what changes is stored again/;
const SET_ASIDE = /ERR store: the database in .* cannot be used: (.*); it was moved to (\S+)/;

function agent(number: number): BeatInfo {
  return { asset: `CX${number}`, ip: `10.3.${number >> 8}.${number & 255}`, version: "0.3.3", apps: "{}" };
}

function configuration({ host, port, user, password }: Broker, folder: string): string {
  return `mq.ip = ${host}\nmq.port = ${port}\nmq.user = ${user}\nmq.password = ${password}\ndata.dir = ${folder}\n` +
    "auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\n";
}

interface Broker {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

async function expectAnswer(service: BinaryProcess, info: BeatInfo): Promise<void> {
  const { text } = await beat({ hostname: "127.0.0.1", port: service.port }, info);
  assert.equal(text, '{"data":{"app1":"1.0.1"}}');
}

/** A beat is answered, and modules see the agent. */
async function expectService(service: BinaryProcess, info: BeatInfo, peer: ModulePeer): Promise<void> {
  await expectAnswer(service, info);
  await service.logged(/mq: connected/);
  await expectKnown(info, peer);
}

async function expectKnown({ ip, asset }: BeatInfo, peer: ModulePeer): Promise<void> {
  const { flag, result } = await peer.call("agentInfo", { ip });
  assert.deepEqual([flag, result.asset], ["true", asset]);
}

async function untilStored({ ip }: BeatInfo, folder: string): Promise<void> {
  const journal = new Journal(folder);
  await waitFor(() => journal.has("agentOnline", ip, 0), { timeoutMs: 30_000, what: "the agent to be stored" });
}

Deno.test("elves-heartbeat serves without room on its disk, and remembers as soon as there is some", async (t) => {
  using disk = new SmallDisk();
  const { folder } = disk;
  await using rabbit = await startRabbit();
  await using peer = await ModulePeer.connect(rabbit.url);
  const config = configuration(rabbit, folder);
  const expectRemembered = async (service: BinaryProcess, info: BeatInfo) => {
    await untilStored(info, folder);
    await service.kill();
    await using again = await startBinary({ config });
    await again.logged(/mq: connected/);
    await expectKnown(info, peer);
  };

  await t.step("a read-only disk at the start", async () => {
    disk.remount("ro");
    await using service = await startBinary({ config });
    await service.logged(NOTHING_STORED);
    await expectService(service, agent(1), peer);
    disk.remount("rw");
    await service.logged(STORED_AGAIN);
    await expectRemembered(service, agent(1));
  });

  await t.step("a full disk at the start", async () => {
    for await (const { name } of Deno.readDir(folder)) await Deno.remove(`${folder}/${name}`);
    disk.fill();
    await using service = await startBinary({ config });
    await service.logged(NOTHING_STORED);
    await expectService(service, agent(2), peer);
    disk.empty();
    await service.logged(STORED_AGAIN);
    await expectRemembered(service, agent(2));
  });

  await t.step("a disk that is full for a while", async () => {
    await using service = await startBinary({ config });
    disk.fill();
    let number = 1_000;
    // What SQLite has allocated already still takes some.
    await waitFor(async () => {
      for (let i = 0; i < 100; i++) await expectAnswer(service, agent(++number));
      return service.logs.some((line) => NOTHING_STORED.test(line));
    }, { timeoutMs: 60_000, what: "the disk to be full" });
    await expectService(service, agent(3), peer);
    disk.empty();
    await service.logged(STORED_AGAIN);
    await expectRemembered(service, agent(3));
  });

  await t.step("a full disk at the stop", async () => {
    await using service = await startBinary({ config });
    disk.fill();
    for (let number = 3_000; number < 3_200; number++) await expectAnswer(service, agent(number));
    assert.equal((await service.stop()).code, 0);
    disk.empty();
  });
});

Deno.test("elves-heartbeat puts a database aside that it cannot use, and serves", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "hb-damage-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  const broker = { host: "127.0.0.1", port: freePort(), user: "u", password: "p" };
  const good = await ownDatabase(configuration(broker, `${folder}/good`), `${folder}/good`);

  const damages: Record<string, (file: string) => void> = {
    "random bytes": (file) => Deno.writeFileSync(file, crypto.getRandomValues(new Uint8Array(20_000))),
    "the first half of our own": (file) => Deno.writeFileSync(file, good.subarray(0, good.length / 2)),
    "our own with a page of zeros": (file) => Deno.writeFileSync(file, good.map((byte, i) => i >> 12 === 1 ? 0 : byte)),
    "another program's": (file) => change(file, "CREATE TABLE agents (row INTEGER); PRAGMA application_id = 7"),
    "a later version's": (file) => {
      Deno.writeFileSync(file, good);
      change(file, "PRAGMA user_version = 99");
    },
  };
  for (const [number, [name, damage]] of Object.entries(damages).entries()) {
    await t.step(name, async () => {
      const dir = `${folder}/${number}`;
      const file = `${dir}/elves-heartbeat.db`;
      await Deno.mkdir(dir);
      damage(file);
      const before = await Deno.readFile(file);
      const config = configuration(broker, dir);
      await using service = await startBinary({ config });
      const [, , to = ""] = SET_ASIDE.exec(await service.logged(SET_ASIDE)) ?? [];
      assert.deepEqual(await Deno.readFile(to), before);
      await expectAnswer(service, agent(number));
      await untilStored(agent(number), dir);
    });
  }
});

/** A database as the service leaves it, with some agents in it. */
async function ownDatabase(config: string, folder: string): Promise<Uint8Array> {
  await using service = await startBinary({ config });
  for (let number = 500; number < 700; number++) await expectAnswer(service, agent(number));
  assert.equal((await service.stop()).code, 0);
  return await Deno.readFile(`${folder}/elves-heartbeat.db`);
}

function change(file: string, sql: string): void {
  const db = new DatabaseSync(file);
  db.exec(sql);
  db.close();
}
