/** `./install.sh demo [--once]`: elves-heartbeat at work, with RabbitMQ, a small fleet, a supervisor and a module. */
import { FleetSimulator, seededRandom } from "../support/fleet_simulator.ts";
import type { BeatAddress } from "../support/beat_client.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import * as scenes from "./first_round.ts";
import { Live, LIVE_TEXT } from "./live.ts";
import { DIALECTS, type Message, ModuleClient } from "./module_client.ts";
import { operatorScene } from "./operator.ts";
import { Output } from "./output.ts";
import { Service } from "./service.ts";
import { AGENTS, FIRST_CATALOG } from "./small_fleet.ts";
import { BEAT_INTERVAL_MS, EXCHANGE, type Stage } from "./stage.ts";
import { Supervisor } from "./supervisor.ts";

/** The fleet is the same in every run. */
const SEED = 20170602;

interface Demo {
  readonly out: Output;
  readonly stack: AsyncDisposableStack;
  readonly signal: AbortSignal;
  readonly once: boolean;
}

async function play({ out, stack, signal, once }: Demo): Promise<void> {
  const { rabbit, service, address } = await startServers({ out, stack, signal });
  const random = seededRandom(SEED);
  const live = new Live(out, random);
  const fleet = stack.use(
    new FleetSimulator({
      address,
      agents: AGENTS,
      intervalMs: BEAT_INTERVAL_MS,
      random,
      onBeat: (agent, effect) => live.beat(agent, effect),
    }),
  );
  await scenes.beatBeforeCatalog({ out, address, fleet });
  const supervisor = stack.use(await openSupervisor(out, rabbit));
  const module = stack.use(await ModuleClient.open(rabbit.url, { name: "openapi", exchange: EXCHANGE }));
  const stage: Stage = { out, address, service, fleet, supervisor, module };
  await firstRound(stage);
  if (once || signal.aborted) return;
  showPlaces(out, { rabbit, service });
  await Promise.race([live.run(stage, signal), service.ended().then((how) => Promise.reject(new Error(how)))]);
}

async function startServers({ out, stack, signal }: Omit<Demo, "once">) {
  out.line(out.paint("bold", "elves-heartbeat demo"));
  const folder = await Deno.makeTempDir({ prefix: "elves-heartbeat-demo-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const starting = startRabbit();
  // Also when the demo is stopped while the broker starts.
  stack.defer(async () => await (await starting.catch(() => undefined))?.[Symbol.asyncDispose]());
  const rabbit = await out.progress("starting RabbitMQ", starting);
  signal.throwIfAborted();
  const service = stack.use(await Service.start(folder, rabbit));
  await out.progress("starting dist/elves-heartbeat", service.ready());
  const address: BeatAddress = { hostname: "127.0.0.1", port: service.port };
  return { rabbit, service, address };
}

async function openSupervisor(out: Output, { url }: RabbitServer): Promise<Supervisor> {
  const asked = Promise.withResolvers<{ request: Message; reply: Message }>();
  const supervisor = await Supervisor.open(url, {
    exchange: EXCHANGE,
    catalog: FIRST_CATALOG,
    onAsked: (request, reply) => asked.resolve({ request, reply }),
  });
  scenes.showCatalogCall(out, await asked.promise);
  return supervisor;
}

async function firstRound(stage: Stage): Promise<void> {
  await scenes.beatsWithCatalog(stage);
  for (const dialect of DIALECTS) await scenes.questions(stage, dialect);
  await scenes.errors(stage);
  await scenes.updatedCatalog(stage);
  await scenes.silentAgent(stage);
  await operatorScene(stage);
  const { right, wrong } = stage.out.checks;
  stage.out.heading(wrong === 0 ? `All ${right} checks are right.` : `${wrong} of ${right + wrong} checks are WRONG.`);
}

function showPlaces(out: Output, { rabbit, service }: { rabbit: RabbitServer; service: Service }): void {
  out.heading("It keeps running; try it yourself until Ctrl-C");
  out.labelled("page", [`http://127.0.0.1:${service.httpPort}/`]);
  out.labelled("commands", [
    `dist/elves-heartbeat agents watch --config ${service.configFile}`,
    `dist/elves-heartbeat help`,
  ]);
  out.labelled("beats", [`127.0.0.1:${service.port} (Thrift, binary protocol)`]);
  out.labelled("RabbitMQ", [`${rabbit.host}:${rabbit.port}, user ${rabbit.user}, password ${rabbit.password}`]);
  out.labelled("config", [service.configFile]);
  out.labelled("log", [service.logFile]);
  out.heading(LIVE_TEXT);
}

async function main(args: readonly string[]): Promise<number> {
  const encoder = new TextEncoder();
  const unknown = args.find((arg) => arg !== "--once");
  if (unknown !== undefined) {
    Deno.stderr.writeSync(encoder.encode(`unknown: ${unknown}\nusage: ./install.sh demo [--once]\n`));
    return 2;
  }
  const terminal = Deno.stdout.isTerminal();
  const out = new Output({
    terminal,
    colours: terminal && !Deno.noColor,
    write: (text) => Deno.stdout.writeSync(encoder.encode(text)),
  });
  const stopping = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => stopping.abort());
  }
  const stopped = new Promise<void>((resolve) => stopping.signal.addEventListener("abort", () => resolve()));
  const stack = new AsyncDisposableStack();
  const once = args.includes("--once");
  let failed = false;
  try {
    await Promise.race([play({ out, stack, signal: stopping.signal, once }), stopped]);
    // A first round that was cut short has proved nothing.
    failed = once && stopping.signal.aborted;
  } catch (error) {
    // Ctrl-C stops elves-heartbeat too, and that is then no failure.
    failed = !stopping.signal.aborted;
    if (failed) out.heading(out.paint("red", `The demo failed: ${error instanceof Error ? error.message : error}`));
  }
  out.line();
  out.line("   stopping and removing everything");
  out.mute();
  await stack.disposeAsync();
  return failed || out.checks.wrong > 0 ? 1 : 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
