/** The compiled service when the kernel gives it no more memory (issue D, "Fault suite"). */
import assert from "node:assert/strict";
import { beat } from "../../support/beat_client.ts";
import { type BinaryProcess, startBinary } from "../../support/binary.ts";
import { freePort } from "../../support/free_port.ts";
import { waitFor } from "../../support/wait_for.ts";
import { type ListedAgent, now, Oracle } from "../../support/oracle.ts";

const TIMEOUT_MS = 60_000;
/** How much more the process may allocate, bytes. */
const MORE_BYTES = 16 * 1024 * 1024;
const LARGE_APPS = JSON.stringify(Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`app${i}`, "1.0.1"])));

/** Limits what it may allocate from now on (RLIMIT_DATA); V8's reserved but unused addresses do not count. */
async function limitMemory({ pid }: BinaryProcess): Promise<void> {
  const [, kilobytes] = /^VmData:\s+(\d+) kB$/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`)) ?? [];
  const args = ["--pid", String(pid), `--data=${Number(kilobytes) * 1024 + MORE_BYTES}:`];
  const { success, stderr } = await new Deno.Command("prlimit", { args }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
}

function isAlive({ pid }: BinaryProcess): boolean {
  try {
    Deno.statSync(`/proc/${pid}`);
    return true;
  } catch {
    return false;
  }
}

async function everyAgent({ httpPort }: BinaryProcess): Promise<ListedAgent[]> {
  const rows: ListedAgent[] = [];
  for (let after = "", next: string | null = ""; next !== null; after = `&after=${next}`) {
    const answer = await (await fetch(`http://127.0.0.1:${httpPort}/api/v1/agents?size=100${after}`)).json();
    rows.push(...answer.agents);
    next = answer.next;
  }
  return rows;
}

Deno.test("elves-heartbeat that gets no more memory ends instead of hanging, and its next start knows who is there", async () => {
  const folder = await Deno.makeTempDir({ prefix: "hb-memory-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  const config = `mq.ip = 127.0.0.1:${freePort()}\nmq.user = u\nmq.password = p\nauth.mode = simple\n` +
    `auth.localAppInfo = {'app1':'1.0.1'}\ndata.dir = ${folder}\nagent.timeout = ${TIMEOUT_MS}\n`;
  const oracle = new Oracle(TIMEOUT_MS);
  const beatOf = async ({ port }: BinaryProcess, number: number, apps: string): Promise<boolean> => {
    const ip = `10.6.${number >> 8}.${number & 255}`;
    oracle.sent(ip);
    let acknowledged = false;
    try {
      const info = { ip, asset: `CX${number}`, version: "0.3.3", apps };
      const { text } = await beat({ hostname: "127.0.0.1", port }, info);
      acknowledged = text === '{"data":{"app1":"1.0.1"}}';
    } catch {
      // It is dying; what was not acknowledged need not be remembered.
    }
    oracle.ended(ip, { acknowledged });
    return acknowledged;
  };

  await using service = await startBinary({ config });
  for (let number = 0; number < 200; number++) await beatOf(service, number, "{}");
  await limitMemory(service);
  let number = 200;
  await waitFor(async () => {
    for (let i = 0; i < 20 && isAlive(service); i++) await beatOf(service, number++, LARGE_APPS);
    return !isAlive(service);
  }, { timeoutMs: 60_000, what: "the end of a process without memory" });
  oracle.crashed();
  const { success } = await service.kill();
  assert.equal(success, false);

  await using next = await startBinary({ config });
  const asked = now();
  const rows = await everyAgent(next);
  oracle.judge(rows, { asked, answered: now(), wallStepMs: 0 });
  assert.deepEqual(oracle.faults, [], `${number} agents, ${rows.length} remembered`);
  assert.ok(oracle.beats.acknowledged > 200);
  assert.ok(await beatOf(next, 0, "{}"), "and it serves");
});
