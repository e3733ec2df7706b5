import type { BeatEffect, SimulatedAgent } from "../support/fleet_simulator.ts";
import { waitFor } from "../support/wait_for.ts";
import { callId, type Conversation, type Dialect, type Message } from "./module_client.ts";
import type { Output } from "./output.ts";
import { SECOND_CATALOG } from "./small_fleet.ts";
import { AGENT_TIMEOUT_MS, BEAT_INTERVAL_MS, type Stage } from "./stage.ts";
import { answerOf, appsFault, CLOCK_MS, different, envelopeFault, firstFault, type Row, rowsFault } from "./truth.ts";

/** Within which time every agent has heard of a change, ms; a busy machine may be slow. */
const CHANGE_TIMEOUT_MS = BEAT_INTERVAL_MS + 15_000;
/** How late a state may change, ms. */
const OFFLINE_WITHIN_MS = 1_000;
/** How often it is looked whether the silent agent is offline already, ms. */
const LOOK_MS = 100;

/** One agent's first beat, before anybody has said which apps agents may run. */
export async function beatBeforeCatalog(stage: Pick<Stage, "out" | "address" | "fleet">): Promise<void> {
  const { out } = stage;
  const agent = agentAt(stage, 0);
  out.scene("An agent beats before anybody has said which apps it may run");
  out.say(
    "An agent removes every app that its answer does not name, so the answer is an exception, never an empty map.",
  );
  const had = agent.apps;
  const effect = await showBeat(stage, agent);
  out.check("the answer is an exception", effect.kind === "refused" ? undefined : `it is ${JSON.stringify(effect)}`);
  out.check(`the agent keeps its ${Object.keys(had).length} apps`, appsFault(agent, had));
}

/** What supervisor was asked and said. */
export function showCatalogCall(out: Output, { request, reply }: { request: Message; reply: Message }): void {
  out.scene("elves-heartbeat asks elves-supervisor (played by this demo)");
  showMessage(out, "request", request);
  showMessage(out, "reply", reply);
}

/** The whole fleet beats; each agent gets its own apps. */
export async function beatsWithCatalog(stage: Stage): Promise<void> {
  const { out, fleet, supervisor } = stage;
  out.scene(`${fleet.agents.length} agents beat, each on a connection of its own every ${BEAT_INTERVAL_MS / 1000} s`);
  await othersFirst(stage, agentAt(stage, 9));
  for (const each of fleet.agents) {
    const apps = supervisor.appsFor(each.ip);
    out.check(`${each.asset} may run ${appNames(apps)}`, appsFault(each, apps));
  }
}

/** agentInfo and agentList in one dialect. */
export async function questions(stage: Stage, dialect: Dialect): Promise<void> {
  const { out, fleet } = stage;
  out.scene(`A module asks, ${DIALECT_TITLES[dialect]}`);
  const agent = agentAt(stage, fleet.agents.length - 2);
  const info = await ask(stage, dialect, { action: "agentInfo", parameters: { ip: agent.ip, asset: agent.asset } });
  out.check("the reply is in the caller's dialect", envelopeFault(dialect, info));
  out.check(
    `it is ${agent.asset}, as it is now`,
    rowsFault(answerOf(dialect, info), { agents: [agent], asked: info }),
  );
  if (dialect === "v0.3.3") {
    const { flag, error } = info.reply.body.mqbody as Row;
    out.check("it is flagged as found", different({ flag, error }, { flag: "true", error: "" }));
  }

  const parameters = PAGES[dialect];
  const list = await ask(stage, dialect, { action: "agentList", parameters });
  const { rows, count } = answerOf(dialect, list);
  const size = Number(parameters.pagesize ?? fleet.agents.length);
  const first = (Number(parameters.pagenumber ?? 1) - 1) * size;
  const agents = fleet.agents.slice(first, first + size);
  out.check("the reply is in the caller's dialect", envelopeFault(dialect, list));
  out.check(`it counts ${fleet.agents.length} agents`, different(count, fleet.agents.length));
  out.check(
    `it lists ${agents.length} of them by address, as they are now`,
    rowsFault({ rows }, { agents, asked: list }),
  );
}

const DIALECT_TITLES: Readonly<Record<Dialect, string>> = {
  "seed": "with a call id in mqtype (the first form of the Elves documents; modules v0.3.0 to v0.3.2)",
  "v0.3.3": "with AMQP's reply_to (modules v0.3.3)",
  "keyed": "with a call id at the end of mqkey (the second form of the Elves documents)",
};

/** Which part of the list each dialect asks for; numbers may come as text. */
const PAGES: Readonly<Record<Dialect, Readonly<Record<string, unknown>>>> = {
  "seed": {},
  "v0.3.3": { pagesize: "5", pagenumber: "3" },
  "keyed": { pagesize: 4, pagenumber: 2 },
};

/** Calls that cannot be answered are answered all the same. */
export async function errors(stage: Stage): Promise<void> {
  const { out } = stage;
  out.scene("Calls that cannot be answered get a reply all the same, so that no caller waits for its timeout");
  const unknown = await ask(stage, "v0.3.3", { action: "agentInform", parameters: {} });
  out.check("an unknown action: [404], in the caller's dialect", errorFault(unknown, "[404] "));
  const nobody = await ask(stage, "v0.3.3", { action: "agentInfo", parameters: { ip: "10.99.99.99" } });
  const { result } = nobody.reply.body.mqbody as Row;
  const fault = firstFault(errorFault(nobody, "[414.1]Agent Info Not Found"), different(result, {}));
  out.check("an agent that never beat: flagged, with the words that modules know", fault);
  const mqkey = `openapi.queue.infoQueue.${callId()}`;
  const elsewhere = await stage.module.callKeyed({ mqkey, mqtype: "call", json_queue_ids: ["BF0EE718FCC41307"] });
  showConversation(out, elsewhere);
  const { error, ...rest } = elsewhere.reply.body;
  const given = typeof error === "string" && error.startsWith("[404] ") ? undefined : `error is ${error}`;
  const answer = different(rest, { mqkey, mqflag: 0, info: [] });
  out.check("a call to another module (the documents print this one): mqflag 0", firstFault(given, answer));
}

/** A cast of supervisor changes what the next beats answer. */
export async function updatedCatalog(stage: Stage): Promise<void> {
  const { out, fleet, supervisor } = stage;
  out.scene("elves-supervisor casts updateAppInfo; the next beats answer differently");
  showMessage(out, "cast", supervisor.update(SECOND_CATALOG));
  await othersFirst(stage, agentAt(stage, 10));
  const faults = fleet.agents.map((each) => appsFault(each, supervisor.appsFor(each.ip)));
  out.check(`all ${fleet.agents.length} agents have what the new catalog gives them`, firstFault(...faults));
  // The list shows what an agent said it has, and it says so with its next beat.
  const told = (each: SimulatedAgent) => appsFault(each, each.beats.at(-1)?.apps ?? {}) === undefined;
  await waitFor(() => fleet.agents.every(told), { timeoutMs: CHANGE_TIMEOUT_MS, what: "agents to tell their apps" });
  const list = await stage.module.call("v0.3.3", "agentList", {});
  out.check("and agentList shows it", rowsFault(answerOf("v0.3.3", list), { agents: fleet.agents, asked: list }));
}

/** One agent falls silent, is offline at its timeout, and comes back. */
export async function silentAgent(stage: Stage): Promise<void> {
  const { out, fleet, module } = stage;
  const agent = agentAt(stage, 4);
  out.scene(`${agent.asset} loses power; agent.timeout is ${AGENT_TIMEOUT_MS / 1000} s`);
  fleet.powerOff(agent);
  const looked = await out.progress("waiting until it is offline", untilOffline(stage, agent));
  const { afterMs, seenAfterMs } = looked;
  const early = Math.min(afterMs, seenAfterMs) < AGENT_TIMEOUT_MS - CLOCK_MS;
  const late = afterMs > AGENT_TIMEOUT_MS + OFFLINE_WITHIN_MS;
  out.check(
    `it went offline ${(afterMs / 1000).toFixed(1)} s after its last beat, at its timeout and not before`,
    early || late ? `${afterMs} ms after it, and that was told ${seenAfterMs} ms after it` : undefined,
  );
  const others = fleet.agents.filter((each) => each !== agent);
  const list = await module.call("v0.3.3", "agentList", {});
  out.check(
    `agentList has the other ${others.length}`,
    rowsFault(answerOf("v0.3.3", list), { agents: others, asked: list }),
  );
  const offline = await ask(stage, "v0.3.3", { action: "agentList", parameters: { state: "offline" } });
  const fault = rowsFault(answerOf("v0.3.3", offline), { agents: [agent], asked: offline });
  out.check("asked for offline agents, it has this one with its last beat", fault);
  fleet.powerOn(agent);
  await waitFor(async () => (await stateOf(stage, agent)).row?.state === "online", {
    timeoutMs: CHANGE_TIMEOUT_MS,
    what: `${agent.asset} to be online again`,
  });
  out.check("it has power again and is online with its next beat", undefined);
}

async function untilOffline(stage: Stage, agent: SimulatedAgent) {
  const { timeoutMs, what } = { timeoutMs: AGENT_TIMEOUT_MS + CHANGE_TIMEOUT_MS, what: `${agent.asset} to go offline` };
  return await waitFor(async () => {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const { row, answeredMs } = await stateOf(stage, agent);
    if (row?.state !== "offline") return false;
    const lastBeatMs = Number(row.last_hb_ms);
    return { afterMs: Date.parse(String(row.since)) - lastBeatMs, seenAfterMs: answeredMs - lastBeatMs };
  }, { timeoutMs, what });
}

async function stateOf(
  { module }: Stage,
  { ip }: SimulatedAgent,
): Promise<{ row: Row | undefined; answeredMs: number }> {
  const list = await module.call("v0.3.3", "agentList", { ip, state: "all" });
  return { row: answerOf("v0.3.3", list).rows[0], answeredMs: list.answeredMs };
}

async function ask(
  { out, module }: Stage,
  dialect: Dialect,
  { action, parameters }: { action: string; parameters: Readonly<Record<string, unknown>> },
): Promise<Conversation> {
  const conversation = await module.call(dialect, action, parameters);
  showConversation(out, conversation);
  return conversation;
}

function showConversation(out: Output, { request, reply, tookMs }: Conversation): void {
  showMessage(out, "request", request);
  showMessage(out, "reply", reply, `, ${tookMs.toFixed(1)} ms`);
}

function showMessage(out: Output, label: string, message: Message, more = ""): void {
  const { exchange, routingKey, replyTo, correlationId, body } = message;
  const place = `${exchange === "" ? "default exchange" : `exchange ${exchange}`}, routing key ${routingKey}${more}`;
  const properties = [
    ...(replyTo === undefined ? [] : [`reply_to ${replyTo}`]),
    ...(correlationId === undefined ? [] : [`correlation_id ${correlationId}`]),
  ];
  const head = properties.length === 0 ? [place] : [place, properties.join(", ")];
  out.labelled(label, [...head.map((line) => out.paint("dim", line)), ...out.json(body)]);
}

async function showBeat({ out, address }: Pick<Stage, "out" | "address">, agent: SimulatedAgent): Promise<BeatEffect> {
  const { ip, asset, version, apps } = agent;
  out.labelled("beat", [
    out.paint("dim", `Thrift call heartbeatPackage to ${address.hostname}:${address.port}`),
    ...out.json({ id: asset, ip, version, apps: JSON.stringify(apps) }),
  ]);
  const effect = await agent.beat(address);
  switch (effect.kind) {
    case "answered":
      out.labelled("answer", out.json(JSON.parse(effect.text)));
      out.labelled("agent", [whatItDoes(effect)]);
      break;
    case "refused":
      out.labelled("answer", [`TApplicationException: ${effect.message}`]);
      break;
    case "failed":
      out.labelled("answer", [`none: ${effect.cause}`]);
  }
  return effect;
}

/** All agents but one beat until they have what they may run; then that one beats, and what came of it is shown. */
async function othersFirst(stage: Stage, shown: SimulatedAgent): Promise<void> {
  const { fleet, supervisor } = stage;
  fleet.powerOff(shown);
  const others = fleet.agents.filter((agent) => agent !== shown);
  others.forEach((agent) => fleet.powerOn(agent));
  const done = () =>
    others.every((agent) => agent.beats.length > 0 && appsFault(agent, supervisor.appsFor(agent.ip)) === undefined);
  try {
    await waitFor(done, { timeoutMs: CHANGE_TIMEOUT_MS, what: "every agent to have its apps" });
  } catch {
    // The checks that follow name the agents that have not.
  }
  await showBeat(stage, shown);
  fleet.powerOn(shown);
}

function errorFault({ reply }: Conversation, start: string): string | undefined {
  const { flag, error } = reply.body.mqbody as Row;
  if (flag === "false" && typeof error === "string" && error.startsWith(start)) return undefined;
  return `flag "false" and an error ${start}... were right, ${JSON.stringify({ flag, error })} came`;
}

function whatItDoes({ removed, downloaded }: Extract<BeatEffect, { kind: "answered" }>): string {
  const did = [...removed.map((app) => `removes ${app}`), ...downloaded.map((app) => `downloads ${app}`)];
  return did.length === 0 ? "has all that already" : did.join(", ");
}

function appNames(apps: Readonly<Record<string, string>>): string {
  const names = Object.entries(apps).map(([app, version]) => `${app} ${version}`);
  return names.length === 0 ? "nothing" : names.join(", ");
}

function agentAt({ fleet }: Pick<Stage, "fleet">, index: number): SimulatedAgent {
  const agent = fleet.agents[index];
  if (agent === undefined) throw new RangeError(`no agent ${index} in a fleet of ${fleet.agents.length}`);
  return agent;
}
