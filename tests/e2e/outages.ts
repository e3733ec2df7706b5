import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { FleetSimulator, seededRandom, type SimulatedAgent } from "../support/fleet_simulator.ts";
import { freePort } from "../support/free_port.ts";
import { waitFor } from "../support/wait_for.ts";
import { Journal } from "./journal.ts";

/** agent.timeout, ms. */
export const TIMEOUT_MS = 2_500;
const INTERVAL_MS = 250;
const PATIENCE_MS = 30_000;
/** What a crash may take, ms. */
const LOSS_MS = 1_000;

/** A time without power of one agent, as the test knows it; ms since the epoch. */
export interface Outage {
  readonly ip: string;
  readonly offMs: number;
  /** The last beat was taken between these two. */
  readonly lastBeat: { earliestMs: number; latestMs: number };
  onMs: number;
  /** When the return was seen to be stored. */
  backMs: number;
}

/** A small fleet whose agents lose power, before a service that is killed and restarted on one data folder. */
export class OutageScene implements AsyncDisposable {
  readonly fleet: FleetSimulator;
  readonly journal: Journal;
  readonly outages: Outage[] = [];
  readonly #config: string;
  readonly #folder: string;
  readonly #kills: number[] = [];
  readonly #failedMs = new Map<SimulatedAgent, number>();
  #service: BinaryProcess | undefined;

  private constructor(folder: string, options: { config: string; agents: number }) {
    const port = freePort();
    this.#folder = folder;
    this.#config = `${options.config}\nthrift.heartbeat.port = ${port}\ndata.dir = ${folder}\n` +
      `agent.timeout = ${TIMEOUT_MS}ms\nagent.grace = 1s\nguard.minAgents = 1000\nflap.count = 1000\n`;
    this.journal = new Journal(folder);
    this.fleet = new FleetSimulator({
      address: { hostname: "127.0.0.1", port },
      agents: Array.from({ length: options.agents }, (_, i) => ({
        ...{ ip: `10.2.0.${i + 1}`, asset: `CX${i + 1}`, version: "0.3.3", apps: {} },
      })),
      intervalMs: INTERVAL_MS,
      random: seededRandom(7),
      onBeat: (agent, { kind }) => {
        if (kind === "failed") this.#failedMs.set(agent, Date.now());
      },
    });
  }

  /** Starts the service and waits until it has stored that every agent is there. */
  static async open(options: { config: string; agents: number }): Promise<OutageScene> {
    const scene = new OutageScene(await Deno.makeTempDir({ prefix: "hb-outages-" }), options);
    try {
      await scene.start();
      scene.fleet.start();
      await Promise.all(scene.fleet.agents.map(({ ip }) => scene.#stored("agentOnline", ip, 0)));
    } catch (cause) {
      await scene[Symbol.asyncDispose]();
      throw cause;
    }
    return scene;
  }

  /** How often the service was killed. */
  get kills(): number {
    return this.#kills.length;
  }

  /** The running service. */
  get service(): BinaryProcess {
    if (this.#service === undefined) throw new Error("the service does not run");
    return this.#service;
  }

  async start(): Promise<void> {
    this.#service = await startBinary({ config: this.#config });
  }

  async kill(): Promise<void> {
    const { service } = this;
    this.#service = undefined;
    this.#kills.push(Date.now());
    await service[Symbol.asyncDispose]();
  }

  /** Takes power from an agent; the one beat that may be under way still ends. */
  begin(index: number): { agent: SimulatedAgent; offMs: number } {
    const agent = this.fleet.agents[index];
    if (agent === undefined) throw new Error(`there is no agent ${index}`);
    this.fleet.powerOff(agent);
    return { agent, offMs: Date.now() };
  }

  /** Waits until the service has stored that the agent is offline; only from then on it must tell so, whatever happens. */
  async known({ agent, offMs }: { agent: SimulatedAgent; offMs: number }): Promise<Outage> {
    await this.#stored("agentOffline", agent.ip, offMs);
    const outage = { ip: agent.ip, offMs, lastBeat: this.#lastBeat(agent), onMs: 0, backMs: 0 };
    this.outages.push(outage);
    return outage;
  }

  /** Gives power again, and waits until the service has stored that the agent is back. */
  async end(outage: Outage): Promise<void> {
    const agent = this.fleet.agents.find(({ ip }) => ip === outage.ip);
    outage.onMs = Date.now();
    this.fleet.powerOn(agent!);
    await this.#stored("agentOnline", outage.ip, outage.onMs);
    outage.backMs = Date.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.fleet.stop();
    await this.#service?.[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #stored(kind: "agentOnline" | "agentOffline", ip: string, fromMs: number): Promise<true> {
    // Not while the service is away: the database then waits for its owner to recover it.
    return waitFor(() => this.#service !== undefined && this.journal.has(kind, ip, fromMs), {
      timeoutMs: PATIENCE_MS,
      what: `${kind} of ${ip} to be stored`,
    });
  }

  /** A beat within a second before a kill may have been lost with it; one without an answer may have been taken. */
  #lastBeat(agent: SimulatedAgent): Outage["lastBeat"] {
    const survived = ({ answeredMs }: { answeredMs: number }) =>
      !this.#kills.some((killMs) => killMs >= answeredMs && killMs <= answeredMs + LOSS_MS);
    return {
      earliestMs: agent.beats.findLast(survived)?.sentMs ?? 0,
      latestMs: Math.max(agent.beats.at(-1)?.answeredMs ?? 0, this.#failedMs.get(agent) ?? 0),
    };
  }
}
