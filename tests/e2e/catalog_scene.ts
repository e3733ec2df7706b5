import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { type Entry, ScriptedSupervisor, type Word } from "../support/scripted_supervisor.ts";
import { SteadyAgent } from "../support/steady_agent.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";

/** The agents that supervisor's list names in these tests. */
export const FOUR = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];

/** All four may run this version of the app `a`. */
export function all(version: string): Entry[] {
  return [{ app: "a", version, agentList: FOUR }];
}

/** A row of the store's table of catalogs. */
export interface CatalogRow {
  readonly taken_at_ms: number;
  readonly source: string;
  readonly origin: string;
  readonly body: string;
}

let scenes = 0;

/**
 * The compiled service on one port and one data folder, through any number of runs, with a supervisor that says what a
 * test wants and agents that never stop beating.
 */
export class Scene implements AsyncDisposable {
  readonly supervisor: ScriptedSupervisor;
  /** Between the service and RabbitMQ. */
  readonly proxy: TcpProxy;
  readonly #rabbit: RabbitServer;
  readonly #exchange: string;
  readonly #folder: string;
  readonly #workers: number;
  readonly #port = freePort();
  readonly #agents = new Map<string, SteadyAgent>();
  #service: BinaryProcess | undefined;

  private constructor(
    rabbit: RabbitServer,
    options: { supervisor: ScriptedSupervisor; exchange: string; folder: string; workers: number },
  ) {
    this.#rabbit = rabbit;
    this.supervisor = options.supervisor;
    this.#exchange = options.exchange;
    this.#folder = options.folder;
    this.#workers = options.workers;
    this.proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    for (const ip of [FOUR[0]!, FOUR[3]!, "10.9.9.9"]) this.#agents.set(ip, new SteadyAgent(this.#port, ip));
  }

  /** Prepares everything but the service, which will have so many workers. */
  static async open(rabbit: RabbitServer, word: Word, { workers = 0 } = {}): Promise<Scene> {
    const exchange = `elves-${++scenes}`;
    const supervisor = await ScriptedSupervisor.open(rabbit.url, { exchange, word });
    await supervisor.prepareModuleQueue();
    const folder = await Deno.makeTempDir({ prefix: "hb-catalog-" });
    return new Scene(rabbit, { supervisor, exchange, folder, workers });
  }

  /** The running service. */
  get service(): BinaryProcess {
    assert.ok(this.#service, "the service does not run");
    return this.#service;
  }

  /** An agent that beats all the time. */
  agent(ip: string): SteadyAgent {
    const agent = this.#agents.get(ip);
    assert.ok(agent, `no agent beats as ${ip}`);
    return agent;
  }

  /** The agents: the first and the last of {@link FOUR}, and one that no list names. */
  get first(): SteadyAgent {
    return this.agent(FOUR[0]!);
  }

  get last(): SteadyAgent {
    return this.agent(FOUR[3]!);
  }

  get unnamed(): SteadyAgent {
    return this.agent("10.9.9.9");
  }

  /** Starts the service. */
  async start(config = "auth.mode = supervisor\n"): Promise<void> {
    const { host, user, password } = this.#rabbit;
    const lines = [
      `thrift.workers = ${this.#workers}`,
      `mq.ip = ${host}:${this.proxy.port}`,
      `mq.user = ${user}`,
      `mq.password = ${password}`,
      `mq.exchange = ${this.#exchange}`,
      `thrift.heartbeat.port = ${this.#port}`,
      `data.dir = ${this.#folder}`,
      config,
    ];
    this.#service = await startBinary({ config: lines.join("\n") });
  }

  /** Stops the service, or kills it. */
  async end(how: "stop" | "kill" = "stop"): Promise<void> {
    const { code } = await this.service[how]();
    if (how === "stop") assert.equal(code, 0);
    await this.#service?.[Symbol.asyncDispose]();
    this.#service = undefined;
  }

  /** Waits until the service has logged so many lines of a kind in its present run. */
  async logged(pattern: RegExp, count: number): Promise<void> {
    const lines = () => this.service.logs.filter((line) => pattern.test(line));
    await waitFor(() => lines().length >= count, { timeoutMs: 20_000, what: `${count} lines like ${pattern}` });
    assert.equal(lines().length, count);
  }

  /** Waits for so many events of a kind, and gives their rows. */
  async told(kind: string, count: number): Promise<Record<string, unknown>[]> {
    const rows = () => this.supervisor.events.filter((event) => event.kind === kind).flatMap((event) => event.rows);
    await waitFor(() => rows().length >= count, { timeoutMs: 20_000, what: `${count} events ${kind}` });
    assert.equal(rows().length, count);
    return rows();
  }

  /** Waits until all agents have been told something after this moment. */
  async beatsOn(): Promise<void> {
    for (const agent of this.#agents.values()) await agent.beatsOn();
  }

  /** The catalogs in the store, newest first. */
  history(): CatalogRow[] {
    using database = this.#database({ readOnly: true });
    const rows = database.prepare("SELECT taken_at_ms, source, origin, body FROM catalogs ORDER BY id DESC").all();
    return rows as unknown as CatalogRow[];
  }

  /** Changes the stored catalogs; the service must be down. */
  alterHistory(assignment: string): void {
    assert.equal(this.#service, undefined);
    using database = this.#database({ readOnly: false });
    database.exec(`UPDATE catalogs SET ${assignment}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service?.[Symbol.asyncDispose]();
    for (const agent of this.#agents.values()) await agent[Symbol.asyncDispose]();
    await this.proxy[Symbol.asyncDispose]();
    await this.supervisor[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #database(options: { readOnly: boolean }): DatabaseSync & Disposable {
    const database = new DatabaseSync(`${this.#folder}/elves-heartbeat.db`, options);
    return Object.assign(database, { [Symbol.dispose]: () => database.close() });
  }
}
