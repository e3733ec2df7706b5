import { startBinary } from "../support/binary.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { ScriptedSupervisor } from "../support/scripted_supervisor.ts";
import { Bystanders } from "./bystanders.ts";
import { residentBytes } from "../support/process_stats.ts";
import { waitFor } from "../support/wait_for.ts";
import { seededRandom } from "../support/fleet_simulator.ts";
import { figuresOf } from "./stage.ts";
const OWN = { app: "app1", version: "1.0.1", agentList: ["192.0.2.1"] };
const random = seededRandom(7);
const ip = (i: number) => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
const bombs: Record<string, () => unknown[]> = {
  subsets: () => [
    OWN,
    ...Array.from(
      { length: 200 },
      (_, a) => ({
        app: `app${a + 2}`,
        version: "1",
        agentList: Array.from({ length: 20000 }, (_, i) => ip(i)).filter(() => random() < 0.5),
      }),
    ),
  ],
  oneAgent: () => [
    OWN,
    ...Array.from({ length: 49000 }, (_, a) => ({ app: `app${a + 2}`, version: "1", agentList: ["10.0.0.1"] })),
  ],
  versions: () => [
    OWN,
    ...Array.from({ length: 49000 }, (_, a) => ({ app: `appX`, version: String(a), agentList: ["10.0.0.1"] })),
  ],
  large: () => [OWN, { app: "appX", version: "1", agentList: Array.from({ length: 2500000 }, (_, i) => ip(i)) }],
  invalid:
    () => [OWN, { app: "appX", version: "1", agentList: Array.from({ length: 2500000 }, (_, i) => `x${ip(i)}`) }],
  two: () => [
    OWN,
    ...Array.from(
      { length: 49000 },
      (_, a) => ({ app: `appX${a}`, version: String(a), agentList: Array.from({ length: 40 }, (_, i) => ip(i)) }),
    ),
  ],
};
await using rabbit = await startRabbit();
for (const name of Deno.args) {
  await using supervisor = await ScriptedSupervisor.open(rabbit.url, { exchange: "elves", word: [OWN] });
  await using bin = await startBinary({
    config:
      `mq.ip=127.0.0.1\nmq.port=${rabbit.port}\nmq.user=${rabbit.user}\nmq.password=${rabbit.password}\nauth.mode=supervisor\nthrift.heartbeat.host=127.0.0.1\n`,
  });
  await bin.logged(/catalog: in force/);
  const b = await Bystanders.join({ hostname: "127.0.0.1", port: bin.port }, rabbit);
  const list = bombs[name]!();
  console.log(
    name,
    "MiB",
    (JSON.stringify(list).length / 2 ** 20).toFixed(1),
    "rss",
    Math.round(await residentBytes(bin.pid) / 2 ** 20),
  );
  const t = performance.now();
  await supervisor.cast(list);
  let peak = 0;
  try {
    await waitFor(async () => {
      peak = Math.max(peak, await residentBytes(bin.pid));
      return bin.logs.filter((l) => /catalog: (in force|held|refused|entry|passed)/.test(l)).length > 1;
    }, { timeoutMs: 40000, what: "catalog" });
    console.log(
      name,
      "took",
      Math.round(performance.now() - t),
      "peak",
      Math.round(peak / 2 ** 20),
      "rss",
      Math.round(await residentBytes(bin.pid) / 2 ** 20),
    );
    await b.served(name);
    console.log((await figuresOf(bin)).value("elves_heartbeat_mq_up"));
  } catch (e) {
    console.log(String(e).slice(0, 600), Math.round(performance.now() - t), Math.round(peak / 2 ** 20));
  }
  console.log(bin.logs.filter((l) => !/INF/.test(l)).map((l) => l.slice(0, 300)).join("\n"));
  await b[Symbol.asyncDispose]();
}
