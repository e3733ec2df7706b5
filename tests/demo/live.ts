import type { BeatEffect, SimulatedAgent } from "../support/fleet_simulator.ts";
import type { Output } from "./output.ts";
import { AGENT_TIMEOUT_MS, BEAT_INTERVAL_MS, type Stage } from "./stage.ts";
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
  readonly #rows = new Map<string, Row>();
  /** What agents have done with their apps since the last line about it, and which. */
  readonly #changes = new Map<string, string[]>();
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
        for (const app of effect.downloaded) this.#changed(agent, `downloaded ${app} ${agent.apps[app]}`);
        for (const app of effect.removed) this.#changed(agent, `removed ${app}`);
        break;
      case "refused":
        out.event("refused", `${name(agent)} keeps what it has: ${effect.message}`, "red");
        break;
      case "failed":
        out.event("no answer", `${name(agent)}: ${effect.cause}`, "red");
    }
  }

  /** Agents hear of a new catalog within one interval, and get one line together. */
  #changed({ asset }: SimulatedAgent, what: string): void {
    const agents = this.#changes.get(what) ?? [];
    agents.push(asset);
    if (agents.length > 1) return;
    this.#changes.set(what, agents);
    setTimeout(() => {
      this.#changes.delete(what);
      this.#out.event("apps", `${what}: ${agents.sort().join(" ")}`, "cyan");
    }, BEAT_INTERVAL_MS);
  }

  #switchPower({ fleet, out }: Stage): void {
    const running = fleet.running;
    // Power comes back only to agents whose absence was seen.
    const offline = fleet.agents.filter((agent) =>
      !running.includes(agent) && this.#rows.get(agent.ip)?.state === "offline"
    );
    const off = running.length > FEWEST_RUNNING && (offline.length === 0 || this.#random() < 0.5);
    const agents = off ? running : offline;
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
    const { ip, asset, state } = row;
    const before = this.#rows.get(String(ip));
    this.#rows.set(String(ip), row);
    if (before === undefined || before.state === state) return;
    const seconds = ((Date.parse(String(row.since)) - Number(before.last_hb_ms)) / 1000).toFixed(1);
    if (state === "online") this.#out.event("online", `${asset} ${ip} is back after ${seconds} s`, "green");
    else this.#out.event("offline", `${asset} ${ip}, ${seconds} s after its last beat at ${row.last_hb_time}`, "red");
  }

  #sumUp(): void {
    const online = [...this.#rows.values()].filter(({ state }) => state === "online").length;
    const beats = `${this.#beats} beats answered since the first round`;
    const text = `${online} online, ${this.#rows.size - online} offline, ${beats}`;
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
