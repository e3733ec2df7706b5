import type { BeatEffect, SimulatedAgent } from "../support/fleet_simulator.ts";
import type { Output } from "./output.ts";
import { AGENT_TIMEOUT_MS, type Stage } from "./stage.ts";
import { answerOf, type Row } from "./truth.ts";

/** How often it is asked who is online, ms. */
const LOOK_MS = 250;
/** How often an agent loses power or gets it back, ms. */
const POWER_MS = 3_000;
/** How often supervisor casts another catalog, ms. */
const CATALOG_MS = 20_000;
/** How often the fleet is summed up, ms. */
const SUMMARY_MS = 15_000;
/** So many agents keep their power at least. */
const FEWEST_RUNNING = 7;

/** The fleet after the first round: agents come and go until the demo is stopped. */
export class Live {
  readonly #out: Output;
  readonly #random: () => number;
  #running = false;
  readonly #states = new Map<string, string>();
  #beats = 0;
  #release = 0;

  constructor(out: Output, random: () => number) {
    this.#out = out;
    this.#random = random;
  }

  /** Runs until the signal; rejects when elves-heartbeat does not answer any more. */
  async run(stage: Stage, signal: AbortSignal): Promise<void> {
    this.#running = true;
    await Promise.race([
      every(POWER_MS, () => this.#switchPower(stage), signal),
      every(CATALOG_MS, () => this.#updateCatalog(stage), signal),
      every(LOOK_MS, () => this.#look(stage), signal),
      every(SUMMARY_MS, () => this.#sumUp(), signal),
    ]);
  }

  /** Tells what an agent did with the answer to a beat; nothing before the run. */
  beat(agent: SimulatedAgent, effect: BeatEffect): void {
    if (!this.#running) return;
    const out = this.#out;
    this.#beats++;
    switch (effect.kind) {
      case "answered":
        for (const app of effect.downloaded) {
          out.event("app", `${name(agent)} downloads ${app} ${agent.apps[app]}`, "cyan");
        }
        for (const app of effect.removed) out.event("app", `${name(agent)} removes ${app}`, "cyan");
        break;
      case "refused":
        out.event("refused", `${name(agent)} keeps what it has: ${effect.message}`, "red");
        break;
      case "failed":
        out.event("no answer", `${name(agent)}: ${effect.cause}`, "red");
    }
  }

  #switchPower({ fleet, out }: Stage): void {
    const running = fleet.running;
    const dark = fleet.agents.filter((agent) => !running.includes(agent));
    const off = dark.length === 0 || (running.length > FEWEST_RUNNING && this.#random() < 0.5);
    const agents = off ? running : dark;
    const agent = agents[Math.floor(this.#random() * agents.length)];
    if (agent === undefined) return;
    if (off) fleet.powerOff(agent);
    else fleet.powerOn(agent);
    out.event(off ? "power off" : "power on", name(agent));
  }

  #updateCatalog({ supervisor, out }: Stage): void {
    const version = `2.2.${this.#release++}`;
    supervisor.update(supervisor.catalog.map((entry) => entry.app === "deploy" ? { ...entry, version } : entry));
    out.event("supervisor", `casts updateAppInfo: deploy ${version} for all`, "yellow");
  }

  async #look({ module }: Stage): Promise<void> {
    const list = await module.call("v0.3.3", "agentList", { state: "all" });
    for (const row of answerOf("v0.3.3", list).rows) this.#compare(row);
  }

  #compare(row: Row): void {
    const [ip, state] = [String(row.ip), String(row.state)];
    const before = this.#states.get(ip);
    this.#states.set(ip, state);
    if (before === undefined || before === state) return;
    if (state === "online") return this.#out.event("online", `${row.asset} ${ip} is back`, "green");
    const silentMs = Date.parse(String(row.since)) - Number(row.last_hb_ms);
    const text = `${row.asset} ${ip}, ${(silentMs / 1000).toFixed(1)} s after its last beat at ${row.last_hb_time}`;
    this.#out.event("offline", text, "red");
  }

  #sumUp(): void {
    const states = [...this.#states.values()];
    const online = states.filter((state) => state === "online").length;
    const text = `${online} online, ${
      states.length - online
    } offline, ${this.#beats} beats answered since the first round`;
    this.#out.event("fleet", text, "bold");
  }
}

async function every(periodMs: number, step: () => void | Promise<void>, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, periodMs));
    await step();
  }
}

/** What one sees, for the line above it. */
export const LIVE_TEXT = `agents come and go; one is offline ${AGENT_TIMEOUT_MS / 1000} s after its last beat`;

function name({ asset, ip }: SimulatedAgent): string {
  return `${asset} ${ip}`;
}
