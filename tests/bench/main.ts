/** `deno task bench [NAME] [--json]`: the measured figures of the README. Exits 1 when one misses its target. */
import { parseArgs } from "node:util";
import { BINARY } from "../support/binary.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { beatFigures } from "./beats.ts";
import { callFigures } from "./calls.ts";
import { clusterFigures } from "./cluster.ts";
import { expiryFigures } from "./expiry.ts";
import { meets, table } from "./figure.ts";
import { growthFigures } from "./growth.ts";
import { listFigures } from "./lists.ts";
import { memoryFigures } from "./memory.ts";
import { millionFigures } from "./million.ts";
import { pageFigures } from "./page.ts";
import { RUNTIME } from "./rounds.ts";
import { sqliteFigures } from "./sqlite.ts";
import { startFigures } from "./start.ts";
import { workerFigures } from "./workers.ts";

const BENCHES = {
  beats: beatFigures,
  growth: growthFigures,
  calls: callFigures,
  lists: listFigures,
  page: pageFigures,
  memory: memoryFigures,
  million: millionFigures,
  expiry: expiryFigures,
  start: startFigures,
  sqlite: sqliteFigures,
  cluster: clusterFigures,
  workers: workerFigures,
};

async function machine(): Promise<string> {
  const cpu = /^model name\s*: (.*)$/m.exec(await Deno.readTextFile("/proc/cpuinfo"))?.[1] ?? Deno.build.arch;
  const { stdout } = await new Deno.Command(BINARY, { args: ["version"] }).output();
  const executable = new TextDecoder().decode(stdout).trim().replaceAll("\n", ", ");
  return [
    `machine: ${navigator.hardwareConcurrency} cores (${cpu}), Linux ${Deno.osRelease()}`,
    `runtime: ${RUNTIME}; executable: ${executable}`,
  ].join("\n");
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    options: { json: { type: "boolean", default: false } },
    allowPositionals: true,
  });
  const names = Object.keys(BENCHES) as (keyof typeof BENCHES)[];
  const chosen = names.filter((name) => positionals.length === 0 || positionals.includes(name));
  const unknown = positionals.find((name) => !Object.hasOwn(BENCHES, name));
  if (unknown !== undefined) throw new Error(`no bench ${unknown}; there are ${names.join(", ")}`);
  const say = (text: string) => Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
  say("starting RabbitMQ ...");
  await using rabbit = await startRabbit();
  const figures = [];
  let failures = 0;
  for (const name of chosen) {
    say(`${name} ...`);
    try {
      figures.push(...await BENCHES[name](rabbit));
    } catch (cause) {
      // What the others measured in many minutes is not lost.
      failures++;
      say(`${name} failed: ${Deno.inspect(cause)}`);
    }
  }
  const text = values.json
    ? JSON.stringify(figures.map((each) => ({ ...each, met: meets(each) })), null, 2)
    : `${await machine()}\n\n${table(figures)}`;
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  return failures > 0 || figures.some((each) => meets(each) === false) ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main());
