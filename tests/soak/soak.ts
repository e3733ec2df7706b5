import { EventConsumer } from "../e2e/event_consumer.ts";
import { type ListedAgent, now, Oracle } from "../support/oracle.ts";
import { FleetSimulator, seededRandom, type SimulatedAgent } from "../support/fleet_simulator.ts";
import { freePort } from "../support/free_port.ts";
import { type RabbitServer, startRabbit } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { Caller } from "../support/caller.ts";
import { FAULTS } from "./faults.ts";
import { type Footprint, SoakService } from "./service.ts";

const TIMEOUT_MS = 5_000;
const GRACE_MS = 3_000;
const INTERVAL_MS = 1_000;
/** How often the list is compared with what must be, and how often an agent may lose power, ms. */
const LOOK_MS = 250;
/** How long an agent is without power, so that the service has to notice whatever happens, and with it, ms. */
const OUTAGE_MS = { least: 25_000, most: 40_000 };
const UPTIME_MS = 15_000;
/** The share of agents that are without power at a time, at most. */
const DEAD_SHARE = 0.1;
const FAULT_EVERY_MS = 50_000;
/** For how long after a fault calls may go without an answer: connections come back, calls of before have expired. */
const AFTERMATH_MS = 20_000;
const PATIENCE_MS = 120_000;

/** What a soak is. */
export interface SoakOptions {
  readonly minutes: number;
  readonly agents: number;
  readonly seed: number;
  /** Told what happens. */
  readonly say: (line: string) => void;
}

/** What came of it. */
export interface SoakSummary {
  readonly minutes: number;
  readonly agents: number;
  readonly seed: number;
  readonly faults: number;
  readonly beats: {
    readonly sent: number;
    readonly acknowledged: number;
    readonly failed: number;
    readonly lost: number;
  };
  readonly states: { readonly judged: number; readonly wrong: number };
  readonly events: { readonly told: number; readonly doubled: number; readonly missing: number };
  readonly calls: { readonly answered: number; readonly lost: number; readonly unanswered: number };
  readonly start: Footprint;
  readonly end: Footprint;
  /** The first of what was wrong. */
  readonly wrong: readonly string[];
}

/** Runs real RabbitMQ, the executable, a fleet that dies and returns, modules and faults, and compares all the time. */
export async function soak(options: SoakOptions): Promise<SoakSummary> {
  const folder = await Deno.makeTempDir({ prefix: "hb-soak-" });
  await using _removed = { [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }) };
  await using rabbit = await startRabbit();
  await using run = await Run.open(options, { folder, rabbit });
  return await run.summary();
}

class Run implements AsyncDisposable {
  readonly #options: SoakOptions;
  readonly #rabbit: RabbitServer;
  readonly #service: SoakService;
  readonly #oracle = new Oracle(TIMEOUT_MS);
  readonly #random: () => number;
  readonly #fleet: FleetSimulator;
  readonly #events: EventConsumer;
  readonly #caller: Caller;
  /** When each agent got power last, and when each that has none gets it again, monotonic ms. */
  readonly #onSince = new Map<SimulatedAgent, number>();
  readonly #backAt = new Map<SimulatedAgent, number>();
  readonly #outages = new Map<string, number>();
  #quietSinceMs = 0;
  #isFaulty = false;
  #faults = 0;
  #rows: readonly ListedAgent[] = [];

  private constructor(
    options: SoakOptions,
    { rabbit, service, port, events }: {
      rabbit: RabbitServer;
      service: SoakService;
      port: number;
      events: EventConsumer;
    },
  ) {
    this.#options = options;
    this.#rabbit = rabbit;
    this.#service = service;
    this.#events = events;
    this.#random = seededRandom(options.seed);
    this.#fleet = new FleetSimulator({
      address: { hostname: "127.0.0.1", port },
      agents: Array.from({ length: options.agents }, (_, i) => ({
        ...{ ip: `10.5.${i >> 8}.${i & 255}`, asset: `CX${i}`, version: "0.3.3", apps: { app1: "1.0.1" } },
      })),
      intervalMs: INTERVAL_MS,
      random: this.#random,
      onSend: ({ ip }) => this.#oracle.sent(ip),
      onBeat: ({ ip }, { kind }) => this.#oracle.ended(ip, { acknowledged: kind === "answered" }),
    });
    this.#caller = new Caller({
      url: rabbit.url,
      ip: () => `10.5.0.${Math.floor(Math.random() * Math.min(256, options.agents))}`,
      isDisturbed: (fromMs) => this.#isFaulty || fromMs < this.#quietSinceMs + AFTERMATH_MS,
    });
  }

  static async open(
    options: SoakOptions,
    { folder, rabbit }: { folder: string; rabbit: RabbitServer },
  ): Promise<Run> {
    const [port, httpPort] = [freePort(), freePort()];
    const config = `mq.ip = ${rabbit.host}\nmq.port = ${rabbit.port}\nmq.user = ${rabbit.user}\n` +
      `mq.password = ${rabbit.password}\nauth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\n` +
      `thrift.heartbeat.port = ${port}\nhttp.port = ${httpPort}\ndata.dir = ${folder}\n` +
      `agent.timeout = ${TIMEOUT_MS}\nagent.grace = ${GRACE_MS}\nguard.minAgents = 1000000\nflap.count = 1000\n`;
    const service = new SoakService({ config, httpPort });
    const events = await EventConsumer.open(rabbit.url);
    await service.start();
    return new Run(options, { rabbit, service, port, events });
  }

  async summary(): Promise<SoakSummary> {
    const { minutes, agents, seed } = this.#options;
    const startMs = performance.now();
    for (const agent of this.#fleet.agents) this.#powerOn(agent);
    await this.#service.connected();
    await this.#settled();
    const start = await this.#service.footprint();
    const endMs = startMs + minutes * 60_000;
    let [faultMs, fault] = [performance.now() + FAULT_EVERY_MS / 2, Promise.resolve()];
    while (performance.now() < endMs) {
      this.#change();
      if (performance.now() > faultMs && !this.#isFaulty) {
        faultMs = performance.now() + FAULT_EVERY_MS;
        fault = this.#break();
        // Looked at below; what fails ends the soak there.
        fault.catch(() => {});
      }
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    await fault;
    for (const agent of this.#backAt.keys()) await this.#back(agent);
    await this.#settled();
    const end = await this.#service.footprint();
    const events = await this.#judgeEvents();
    const { beats, wrong, judged, faults } = this.#oracle;
    return {
      ...{ minutes, agents, seed, faults: this.#faults },
      beats: { ...beats, lost: wrong.lostBeats },
      states: { judged, wrong: wrong.states },
      ...{ events, calls: this.#caller.calls, start, end },
      wrong: faults.slice(0, 20),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fleet.stop();
    await this.#caller[Symbol.asyncDispose]();
    await this.#service[Symbol.asyncDispose]();
    await this.#events[Symbol.asyncDispose]();
  }

  /** Takes power from one agent at most, and gives it to those whose time has come. */
  #change(): void {
    const nowMs = performance.now();
    for (const [agent, atMs] of this.#backAt) if (atMs <= nowMs) this.#powerOn(agent);
    if (this.#backAt.size >= this.#fleet.agents.length * DEAD_SHARE) return;
    const agent = this.#fleet.agents[Math.floor(this.#random() * this.#fleet.agents.length)];
    const outageMs = OUTAGE_MS.least + this.#random() * (OUTAGE_MS.most - OUTAGE_MS.least);
    if (agent === undefined || this.#backAt.has(agent)) return;
    if (nowMs < (this.#onSince.get(agent) ?? 0) + UPTIME_MS) return;
    this.#fleet.powerOff(agent);
    this.#backAt.set(agent, nowMs + outageMs);
    this.#outages.set(agent.ip, (this.#outages.get(agent.ip) ?? 0) + 1);
  }

  #powerOn(agent: SimulatedAgent): void {
    this.#backAt.delete(agent);
    this.#onSince.set(agent, performance.now());
    this.#fleet.powerOn(agent);
  }

  /** Gives power to an agent that was seen to be offline. */
  async #back(agent: SimulatedAgent): Promise<void> {
    await waitFor(async () => {
      await this.#look();
      return this.#rows.some(({ ip, state }) => ip === agent.ip && state === "offline");
    }, { timeoutMs: PATIENCE_MS, what: `${agent.ip} to be offline` });
    this.#powerOn(agent);
  }

  async #break(): Promise<void> {
    const faults = Object.entries(FAULTS);
    const [name, fault] = faults[this.#faults++ % faults.length]!;
    this.#options.say(name);
    this.#isFaulty = true;
    // The last word is said below: after the fault.
    this.#oracle.holds(PATIENCE_MS);
    try {
      await fault({
        rabbit: this.#rabbit,
        service: this.#service,
        died: () => this.#oracle.crashed(),
      });
      await this.#service.connected();
    } finally {
      this.#oracle.holds(GRACE_MS + TIMEOUT_MS);
      this.#isFaulty = false;
      this.#quietSinceMs = performance.now();
    }
  }

  async #settled(): Promise<void> {
    await waitFor(async () => {
      await this.#look();
      return this.#rows.length === this.#fleet.agents.length && this.#rows.every(({ state }) => state === "online");
    }, { timeoutMs: PATIENCE_MS, what: "every agent to be online" });
  }

  async #look(): Promise<void> {
    const asked = now();
    const rows: ListedAgent[] = [];
    try {
      for (let after = "", next: string | null = ""; next !== null; after = `&after=${next}`) {
        const url = `http://127.0.0.1:${this.#service.httpPort}/api/v1/agents?size=1000${after}`;
        const answer = await (await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })).json();
        rows.push(...answer.agents);
        next = answer.next;
      }
    } catch {
      // It is away; what counts is what it says afterwards.
      return;
    }
    this.#oracle.judge(rows, { asked, answered: now(), wallStepMs: 0 });
    this.#rows = rows;
  }

  /** Every outage is told once, its end too, and that an agent is new. */
  async #judgeEvents(): Promise<SoakSummary["events"]> {
    const { log } = this.#events;
    const outages = [...this.#outages.values()].reduce((sum, count) => sum + count, 0);
    const total = 2 * outages + this.#fleet.agents.length;
    const told = () => log.of("agentOnline").length + log.of("agentOffline").length;
    await waitFor(() => told() >= total, { timeoutMs: 30_000, what: "all events" }).catch(() => {});
    let [doubled, missing] = [0, 0];
    for (const { ip } of this.#fleet.agents) {
      const count = this.#outages.get(ip) ?? 0;
      for (const excess of [log.of("agentOffline", ip).length - count, log.of("agentOnline", ip).length - count - 1]) {
        if (excess > 0) doubled += excess;
        else missing -= excess;
      }
    }
    return { told: told(), doubled, missing };
  }
}
