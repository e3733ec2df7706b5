import assert from "node:assert/strict";
import { Caller } from "../../support/caller.ts";
import { type BinaryProcess, startBinary } from "../../support/binary.ts";
import { FleetSimulator, seededRandom, type SimulatedAgent } from "../../support/fleet_simulator.ts";
import { ModulePeer } from "../../support/module_peer.ts";
import type { RabbitServer } from "../../support/rabbitmq.ts";
import { TcpProxy } from "../../support/tcp_proxy.ts";
import { waitFor } from "../../support/wait_for.ts";
import { EventConsumer } from "../event_consumer.ts";
import { type ListedAgent, now, Oracle } from "../../support/oracle.ts";

/** agent.timeout and agent.grace of the service, ms. */
export const TIMEOUT_MS = 2_500;
export const GRACE_MS = 1_500;
const INTERVAL_MS = 400;
const WATCH_MS = 50;
const PATIENCE_MS = 60_000;

/** What a test chooses about its stage. */
export interface StageOptions {
  readonly rabbit: RabbitServer;
  readonly agents?: number;
  /** agent.timeout, ms; {@link TIMEOUT_MS} by default. */
  readonly timeoutMs?: number;
  /** More lines of conf.properties. */
  readonly config?: string;
  /** The environment of the executable. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * The compiled service between a fleet, RabbitMQ, a reader of events and an oracle that compares what is listed with
 * what must be, all the time. Beats and RabbitMQ are reached through proxies.
 */
export class Stage implements AsyncDisposable {
  readonly oracle: Oracle;
  readonly service: BinaryProcess;
  readonly fleet: FleetSimulator;
  readonly events: EventConsumer;
  readonly rabbit: RabbitServer;
  /** Between the agents and the service, and between the service and RabbitMQ. */
  readonly network: { readonly beats: TcpProxy; readonly broker: TcpProxy };
  /** By how much the service's wall clock differs from ours, ms; undefined when that is not known. */
  wallStepMs: number | undefined = 0;
  /** How often each agent must have gone. */
  readonly #outages = new Map<string, number>();
  readonly #caller: Caller;
  readonly #watching: Promise<void>;
  /** Since when calls must be answered, monotonic ms. */
  #answersSinceMs = Infinity;
  #lists = 0;
  #rows: readonly ListedAgent[] = [];
  #isStopped = false;

  private constructor(
    parts: { service: BinaryProcess; events: EventConsumer; network: Stage["network"] },
    { rabbit, agents = 20, timeoutMs = TIMEOUT_MS }: StageOptions,
  ) {
    this.oracle = new Oracle(timeoutMs);
    this.service = parts.service;
    this.events = parts.events;
    this.network = parts.network;
    this.rabbit = rabbit;
    this.fleet = new FleetSimulator({
      address: { hostname: "127.0.0.1", port: parts.network.beats.port },
      agents: Array.from({ length: agents }, (_, i) => ({
        ...{ ip: `10.4.0.${i + 1}`, asset: `CX${i + 1}`, version: "0.3.3", apps: { app1: "1.0.1" } },
      })),
      intervalMs: INTERVAL_MS,
      random: seededRandom(11),
      onSend: ({ ip }) => this.oracle.sent(ip),
      onBeat: ({ ip }, effect) => this.#ended(ip, effect.kind === "answered" ? effect.removed : effect.kind),
    });
    this.fleet.start();
    this.#caller = new Caller({
      url: rabbit.url,
      ip: () => "10.4.0.1",
      isDisturbed: (fromMs) => fromMs < this.#answersSinceMs,
    });
    this.#watching = this.#watch();
  }

  /** Starts everything and waits until every agent is known and RabbitMQ is connected. */
  static async open(options: StageOptions): Promise<Stage> {
    const { rabbit, config = "", env = {}, timeoutMs = TIMEOUT_MS } = options;
    const broker = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    const service = await startBinary({
      config: `mq.ip = 127.0.0.1:${broker.port}\nmq.user = ${rabbit.user}\nmq.password = ${rabbit.password}\n` +
        `auth.mode = simple\nauth.localAppInfo = {'app1':'1.0.1'}\nagent.timeout = ${timeoutMs}\n` +
        `agent.grace = ${GRACE_MS}\nguard.minAgents = 1000\nflap.count = 1000\n${config}`,
      env,
    });
    const events = await EventConsumer.open(rabbit.url);
    const beats = new TcpProxy({ hostname: "127.0.0.1", port: service.port });
    const stage = new Stage({ service, events, network: { beats, broker } }, options);
    try {
      await service.logged(/mq: connected/);
      await stage.settled();
      await stage.answers();
    } catch (cause) {
      await stage[Symbol.asyncDispose]();
      throw cause;
    }
    return stage;
  }

  /** Agents by number; they lose power. */
  off(...numbers: number[]): void {
    for (const agent of this.#agents(numbers)) {
      this.fleet.powerOff(agent);
      this.#outages.set(agent.ip, (this.#outages.get(agent.ip) ?? 0) + 1);
    }
  }

  on(...numbers: number[]): void {
    for (const agent of this.#agents(numbers)) this.fleet.powerOn(agent);
  }

  /** Waits until the list says that exactly those without power are offline. */
  async settled(): Promise<void> {
    const running = () => new Set(this.fleet.running.map(({ ip }) => ip));
    const from = this.#lists;
    await waitFor(() => {
      const live = running();
      return this.#lists > from + 1 && this.#rows.length === this.fleet.agents.length &&
        this.#rows.every(({ ip, state }) => live.has(ip) ? state === "online" : state === "offline");
    }, { timeoutMs: PATIENCE_MS, what: "the list to be the truth" }).catch((cause) => {
      throw new Error(`listed: ${JSON.stringify(this.#rows)}\n${this.service.logs.join("\n")}`, { cause });
    });
  }

  /** Waits until the list was read so often again, and judged. */
  async watched(times = 5): Promise<void> {
    const from = this.#lists;
    await waitFor(() => this.#lists > from + times, { timeoutMs: PATIENCE_MS, what: `${times} lists` });
  }

  /** What follows keeps calls from being answered, until {@link answers}. */
  disturb(): void {
    this.#answersSinceMs = Infinity;
  }

  /** A module asks, and has its answer within 5 s, as every one has from now on. */
  async answers(): Promise<void> {
    await using peer = await ModulePeer.connect(this.rabbit.url);
    const { count } = await peer.call("agentList", { state: "all" });
    assert.equal(count, this.fleet.agents.length);
    this.#answersSinceMs = Math.min(this.#answersSinceMs, performance.now());
  }

  /** Ends the fleet, and says whether everything was right: states, last beats, apps and events. */
  async verdict(): Promise<void> {
    await this.settled();
    const { beats } = this.oracle;
    await waitFor(() => this.oracle.judged > 100 && beats.acknowledged > 100, {
      timeoutMs: PATIENCE_MS,
      what: "enough to judge by",
    });
    const { log } = this.events;
    const expected = (kind: string, outages: number) => kind === "agentOnline" ? outages + 1 : outages;
    const back = new Set(this.fleet.running.map(({ ip }) => ip));
    for (const { ip } of this.fleet.agents) {
      const outages = this.#outages.get(ip) ?? 0;
      for (const kind of ["agentOnline", "agentOffline"]) {
        const wanted = expected(kind, outages) - (kind === "agentOnline" && !back.has(ip) ? 1 : 0);
        await waitFor(() => log.of(kind, ip).length >= wanted, { timeoutMs: PATIENCE_MS, what: `${kind} of ${ip}` });
        assert.equal(log.of(kind, ip).length, wanted, `${kind} of ${ip}: ${JSON.stringify(log.of(kind, ip))}`);
      }
    }
    assert.deepEqual(this.oracle.faults, [], this.service.logs.join("\n"));
    const { answered, unanswered } = this.#caller.calls;
    assert.ok(answered > 0);
    assert.equal(unanswered, 0, "calls without an answer");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#caller[Symbol.asyncDispose]();
    this.network.beats.resume();
    await this.#watching;
    // Beats that hang in a proxy end with it.
    await this.network.beats[Symbol.asyncDispose]();
    await this.fleet.stop();
    await this.service[Symbol.asyncDispose]();
    await this.network.broker[Symbol.asyncDispose]();
    await this.events[Symbol.asyncDispose]();
  }

  #agents(numbers: readonly number[]): SimulatedAgent[] {
    return numbers.map((number) => {
      const agent = this.fleet.agents[number];
      if (agent === undefined) throw new RangeError(`there is no agent ${number}`);
      return agent;
    });
  }

  #ended(ip: string, outcome: readonly string[] | "refused" | "failed"): void {
    this.oracle.ended(ip, { acknowledged: typeof outcome !== "string" });
    if (outcome === "refused") this.oracle.faults.push(`${ip} was refused`);
    if (typeof outcome !== "string" && outcome.length > 0) this.oracle.faults.push(`${ip} lost ${outcome}`);
  }

  async #watch(): Promise<void> {
    while (!this.#isStopped) {
      await this.#look();
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
    }
  }

  async #look(): Promise<void> {
    const asked = now();
    let agents: ListedAgent[];
    try {
      const url = `http://127.0.0.1:${this.service.httpPort}/api/v1/agents?size=1000`;
      agents = (await (await fetch(url, { signal: AbortSignal.timeout(PATIENCE_MS) })).json()).agents;
    } catch {
      // It stands still, or has no descriptor left; what counts is what it says afterwards.
      return;
    }
    this.oracle.judge(agents, { asked, answered: now(), wallStepMs: this.wallStepMs });
    this.#rows = agents;
    this.#lists++;
  }
}
