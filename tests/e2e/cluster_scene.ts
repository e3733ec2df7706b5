import type { Summary } from "../../src/status.ts";
import { Balancer } from "../support/balancer.ts";
import { BINARY, type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import { ModulePeer } from "../support/module_peer.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";
import type { EventLog } from "./event_consumer.ts";
import { ClusterFleet } from "./cluster_fleet.ts";

/** agent.timeout of the instances, ms: time for five beats. */
const TIMEOUT_MS = 20_000;
/** How often every instance is asked who is offline, ms. */
const POLL_MS = 500;
/** How long a change may take until it is listed everywhere, ms. */
const LATE_MS = 1_000;
/** How long an instance that starts may take to know what changed while it was away, ms. */
const NEWCOMER_MS = 3_000;
/** How often a module calls, ms. */
const CALL_MS = 200;
/** The most rows of a page. */
const PAGE = 1_000;

interface Row {
  readonly ip: string;
  readonly state: string;
}

/** One instance of the executable, which reaches RabbitMQ by way of a proxy. */
export class ClusterMember {
  readonly port = freePort();
  readonly proxy: TcpProxy;
  readonly #httpPort = freePort();
  readonly #dataDir: string;
  readonly #rabbit: RabbitServer;
  #process: BinaryProcess | undefined;
  /** Whether it neither runs nor answers by the will of the test. */
  isAway = false;
  /** When it was ended the last time, and when it started after that; monotonic, ms. */
  endedMs = -Infinity;
  startedMs = -Infinity;
  /** The executable that its next start runs. */
  path = BINARY;

  constructor(rabbit: RabbitServer, dataDir: string) {
    this.proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    this.#rabbit = rabbit;
    this.#dataDir = dataDir;
  }

  get process(): BinaryProcess {
    if (this.#process === undefined) throw new Error("the instance does not run");
    return this.#process;
  }

  /** Where its page is. */
  get url(): string {
    return `http://127.0.0.1:${this.#httpPort}`;
  }

  async start(): Promise<void> {
    this.#process = await startBinary({
      path: this.path,
      config: [
        "mq.ip = 127.0.0.1",
        `mq.port = ${this.proxy.port}`,
        `mq.user = ${this.#rabbit.user}`,
        `mq.password = ${this.#rabbit.password}`,
        "auth.mode = simple",
        "auth.localAppInfo = {'app1':'1.0.1'}",
        `thrift.heartbeat.port = ${this.port}`,
        `http.port = ${this.#httpPort}`,
        `data.dir = ${this.#dataDir}`,
        "cluster.enabled = true",
        `agent.timeout = ${TIMEOUT_MS}`,
        "agent.grace = 4s",
      ].join("\n"),
    });
    this.startedMs = performance.now();
    this.isAway = false;
  }

  /** Ends it: in order, or as a power failure would. */
  async end(how: "stop" | "kill"): Promise<void> {
    this.isAway = true;
    const process = this.#process;
    this.#process = undefined;
    this.endedMs = performance.now();
    await process?.[how]();
    await process?.[Symbol.asyncDispose]();
  }

  pause(): void {
    this.isAway = true;
    Deno.kill(this.process.pid, "SIGSTOP");
  }

  resume(): void {
    Deno.kill(this.process.pid, "SIGCONT");
    this.isAway = false;
  }

  cut(): void {
    this.proxy.isRefusing = true;
    this.proxy.cut();
  }

  mend(): void {
    this.proxy.isRefusing = false;
  }

  summary(): Promise<Summary> {
    return this.#get<Summary>("summary");
  }

  /** What balancers ask. */
  async isReady(): Promise<boolean> {
    const response = await fetch(`${this.url}/readyz`);
    await response.body?.cancel();
    return response.ok;
  }

  async isSettled(): Promise<boolean> {
    const { cluster } = await this.summary();
    return cluster.enabled && cluster.settled;
  }

  async isLeading(): Promise<boolean> {
    const { cluster } = await this.summary();
    return cluster.enabled && cluster.leading;
  }

  /** The state of every agent. */
  async states(query = "state=all"): Promise<ReadonlyMap<string, string>> {
    const states = new Map<string, string>();
    for (let after = "";;) {
      const page = await this.#get<{ agents: Row[]; next: string | null }>(
        `agents?${query}&size=${PAGE}${after === "" ? "" : `&after=${after}`}`,
      );
      for (const { ip, state } of page.agents) states.set(ip, state);
      if (page.next === null || page.agents.length === 0) return states;
      after = page.next;
    }
  }

  async #get<T>(path: string): Promise<T> {
    const response = await fetch(`${this.url}/api/v1/${path}`).catch((cause) => {
      const { logs, exited } = this.process;
      throw new Error(`no answer to ${path}, ended: ${JSON.stringify(exited)}, wrote: ${logs.join("\n")}`, { cause });
    });
    if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return await response.json();
  }
}

/** Instances of the executable behind a balancer, their fleet, a module that calls, and an oracle that watches. */
export class ClusterScene implements AsyncDisposable {
  readonly members: readonly ClusterMember[];
  readonly fleet: ClusterFleet;
  /** Agents that were called offline although their beats were answered. */
  readonly wrongs: string[] = [];
  readonly calls = { answered: 0, faults: [] as string[] };
  /** What is being done, for messages. */
  phase = "";
  readonly #balancer: Balancer;
  readonly #peer: ModulePeer;
  readonly #folder: string;
  #ends = false;
  #watching: Promise<unknown> = Promise.resolve();

  private constructor(
    members: readonly ClusterMember[],
    parts: { balancer: Balancer; peer: ModulePeer; folder: string; agents: number },
  ) {
    this.members = members;
    this.#balancer = parts.balancer;
    this.#peer = parts.peer;
    this.#folder = parts.folder;
    this.fleet = new ClusterFleet(parts.balancer, parts.agents);
  }

  static async start(
    rabbit: RabbitServer,
    { agents, random, path = BINARY }: { agents: number; random: () => number; path?: string },
  ): Promise<ClusterScene> {
    const folder = await Deno.makeTempDir({ prefix: "hb-cluster-" });
    const members = [0, 1, 2].map((i) => new ClusterMember(rabbit, `${folder}/${i}`));
    for (const member of members) member.path = path;
    await Promise.all(members.map((member) => member.start()));
    const settled = async () => (await Promise.all(members.map((member) => member.isSettled()))).every(Boolean);
    await waitFor(settled, { timeoutMs: 30_000, what: "the instances to settle" });
    const balancer = new Balancer(members.map(({ port, url }) => ({ port, check: `${url}/readyz` })), random);
    const peer = await ModulePeer.connect(rabbit.url);
    return new ClusterScene(members, { balancer, peer, folder, agents });
  }

  /** Begins to watch and to call; the fleet must be complete. */
  watch(): void {
    this.#watching = Promise.all([this.#watch(), this.#call()]);
  }

  /** The instance that tells events. */
  leader(): Promise<ClusterMember> {
    const leads = async () => {
      for (const member of this.members) if (!member.isAway && await member.isLeading()) return member;
      return undefined;
    };
    return waitFor(leads, { timeoutMs: 15_000, what: "a leader" });
  }

  /** Waits until all instances say the same, and the truth, of every agent. */
  async agreed(what: string, timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const next = new Promise((resolve) => setTimeout(resolve, POLL_MS));
      const difference = this.#difference(await Promise.all(this.members.map((member) => member.states())));
      if (difference === undefined) return;
      if (performance.now() > deadline) throw new Error(`${what}: after ${timeoutMs} ms ${difference}\n${this.logs}`);
      // Not more often: to read thousands of rows is work for those that are watched, too.
      await next;
    }
  }

  /** Waits until that many events of a kind came, each once. */
  async told(log: EventLog, kind: string, count: number): Promise<void> {
    const what = `${count} events ${kind}`;
    try {
      await waitFor(() => log.of(kind).length >= count, { timeoutMs: 15_000, what });
    } catch (cause) {
      const { cluster } = await this.members[0]!.summary();
      throw new Error(`${log.of(kind).length} came; ${JSON.stringify(cluster)}\n${this.logs}`, { cause });
    }
  }

  #difference(lists: readonly ReadonlyMap<string, string>[]): string | undefined {
    for (const { ip, isAlive } of this.fleet.agents) {
      const states = lists.map((list) => list.get(ip) ?? "not there");
      if (states.every((state) => state === (isAlive ? "online" : "offline"))) continue;
      return `${ip} (${isAlive ? "alive" : "dead"}) is ${states.join(", ")}`;
    }
    return undefined;
  }

  get logs(): string {
    return this.members.map((member, i) => `${i}:\n${member.isAway ? "away" : member.process.logs.join("\n")}`).join(
      "\n",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends = true;
    // Beats wait for one that stands still as long as they may.
    await Promise.all(this.members.filter(({ isAway }) => isAway).map((member) => member.end("kill")));
    await this.#watching;
    await this.fleet[Symbol.asyncDispose]();
    await this.#balancer[Symbol.asyncDispose]();
    await this.#peer[Symbol.asyncDispose]();
    await Promise.all(this.members.map((member) => member.end("kill")));
    for (const { proxy } of this.members) await proxy[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #watch(): Promise<void> {
    const byIp = new Map(this.fleet.agents.map((agent) => [agent.ip, agent]));
    while (!this.#ends) {
      const next = new Promise((resolve) => setTimeout(resolve, POLL_MS));
      await Promise.all(this.members.map(async (member, i) => {
        if (member.isAway) return;
        const askedMs = performance.now();
        let offline: ReadonlyMap<string, string>;
        try {
          offline = await member.states("state=offline");
        } catch {
          // It was stopped in this moment.
          return;
        }
        // The list is younger than its question.
        const listedMs = performance.now();
        for (const ip of offline.keys()) {
          const agent = byIp.get(ip);
          if (agent === undefined) continue;
          const silentMs = listedMs - agent.answeredMs;
          const { isAlive, backMs = Infinity } = agent;
          // What comes back while an instance is away, that reads later.
          const isMissed = backMs > member.endedMs - LATE_MS;
          const knownMs = isMissed ? Math.max(backMs + LATE_MS, member.startedMs + NEWCOMER_MS) : backMs + LATE_MS;
          if (silentMs < TIMEOUT_MS && (!isAlive || askedMs > knownMs)) {
            this.wrongs.push(`${this.phase}: ${ip} at ${i} after ${Math.round(silentMs)} ms`);
          }
        }
      }));
      await next;
    }
  }

  async #call(): Promise<void> {
    let phase = "";
    for (let i = 0; !this.#ends; i++) {
      const next = new Promise((resolve) => setTimeout(resolve, CALL_MS));
      const ip = this.fleet.agents[i % this.fleet.agents.length]?.ip;
      try {
        phase = this.phase;
        await this.#peer.call("agentInfo", { ip });
        this.calls.answered++;
      } catch (cause) {
        this.calls.faults.push(`${phase}, ${this.phase}: ${cause}`);
      }
      await next;
    }
  }
}
