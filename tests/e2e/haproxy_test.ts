import assert from "node:assert/strict";
import { sections } from "../docs/markdown.ts";
import { beat } from "../support/beat_client.ts";
import { freePort } from "../support/free_port.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { ClusterMember } from "./cluster_scene.ts";

const README = new URL("../../README.md", import.meta.url);
/** Debian's. */
const HAPROXY = "/usr/sbin/haproxy";

/** The README's example, with other ports. */
async function documentedConfig(port: number, members: readonly ClusterMember[]): Promise<string> {
  const chapter = sections(await Deno.readTextFile(README)).find(({ heading }) => heading === "Several instances");
  const block = chapter?.blocks.find(({ text }) => text.startsWith("```haproxy"))?.text ?? "";
  const [common = "", ready = "", any = ""] = block.replaceAll(/```.*/g, "").split(/^(?=backend )/m);
  assert.match(common, /bind :11102$/m);
  assert.match(ready, / port 11103 /);
  const servers = (backend: string, server: (member: ClusterMember) => string) => {
    const [one, two] = members.map(server);
    return backend.replace("10.0.0.11:11102", one ?? "").replace("10.0.0.12:11102", two ?? "");
  };
  return common.replace(":11102", `127.0.0.1:${port}`) +
    servers(ready.replace(" port 11103", ""), ({ port, url }) => `127.0.0.1:${port} port ${new URL(url).port}`) +
    servers(any, ({ port }) => `127.0.0.1:${port}`);
}

async function beatsAt(member: ClusterMember): Promise<number> {
  return (await member.summary()).beats.total;
}

Deno.test("HAProxy as the README shows it sends beats to instances that are ready, and to all when none is", async () => {
  await using rabbit = await startRabbit();
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "hb-haproxy-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const members = [1, 2].map((i) => new ClusterMember(rabbit, `${folder}/${i}`));
  const [one, two] = members as [ClusterMember, ClusterMember];
  for (const member of members) {
    stack.use(member.proxy);
    stack.defer(() => member.end("kill"));
  }
  await Promise.all(members.map((member) => member.start()));
  const address = { hostname: "127.0.0.1", port: freePort() };
  await Deno.writeTextFile(`${folder}/haproxy.cfg`, await documentedConfig(address.port, members));
  const haproxy = new Deno.Command(HAPROXY, {
    args: ["-db", "-f", `${folder}/haproxy.cfg`],
    stdout: "null",
    stderr: "null",
  }).spawn();
  stack.defer(async () => {
    haproxy.kill("SIGTERM");
    await haproxy.status;
  });

  let count = 0;
  /** Sends some beats, and tells how many each instance got. */
  const shares = async () => {
    const before = await Promise.all(members.map(beatsAt));
    for (let i = 0; i < 10; i++) {
      try {
        await beat(address, { ip: `10.0.0.${count++ % 250}`, asset: "a", version: "1", apps: "{}" });
      } catch {
        // HAProxy has not found out yet whom it may send connections to.
      }
    }
    const after = await Promise.all(members.map(beatsAt));
    return after.map((beats, i) => beats - (before[i] ?? 0)) as [number, number];
  };
  const until = (what: string, holds: (shares: [number, number]) => boolean) =>
    waitFor(async () => holds(await shares()), { timeoutMs: 20_000, what });
  await until("both to get beats", ([a, b]) => a > 0 && b > 0 && a + b === 10);
  one.cut();
  await until("only the second one to get beats", ([a, b]) => a === 0 && b === 10);
  two.cut();
  await until("both to get beats again", ([a, b]) => a > 0 && b > 0 && a + b === 10);
  one.mend();
  await until("only the first one to get beats", ([a, b]) => a === 10 && b === 0);
  const complaints = members.flatMap(({ process }) => process.logs).filter((line) => /beat port: closed/.test(line));
  assert.deepEqual(complaints, []);
});
