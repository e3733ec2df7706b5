import { connect } from "amqplib";
import { type App, startApp } from "../../src/app.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import type { Summary } from "../../src/status.ts";
import { settingsOf } from "../support/app.ts";
import { beat, type BeatReply } from "../support/beat_client.ts";
import { freePort } from "../support/free_port.ts";
import { MemoryLog } from "../support/memory_log.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { TcpProxy } from "../support/tcp_proxy.ts";
import { waitFor } from "../support/wait_for.ts";

/** A clock whose time of day is wrong by so many ms. */
export function wrongClock(offsetMs: number): Clock {
  return { monotonic: () => systemClock.monotonic(), wall: () => systemClock.wall() + offsetMs };
}

/** What a test chooses of an instance. */
export interface InstanceOptions {
  /** More lines of conf.properties. */
  readonly config?: string;
  readonly clock?: Clock;
}

/** A row as an instance lists it. */
export interface ListedAgent {
  readonly ip: string;
  readonly asset: string;
  readonly state: string;
  readonly last_hb_ms: number;
}

/** An event as an instance keeps it. */
export interface KeptEvent {
  readonly kind: string;
  readonly id: string;
  readonly ip?: string;
}

/** One instance of the service, which reaches RabbitMQ by way of a proxy. */
export class Instance {
  readonly proxy: TcpProxy;
  readonly #port = freePort();
  readonly #folder: string;
  readonly #log: MemoryLog;
  readonly #rabbit: RabbitServer;
  readonly #options: InstanceOptions;
  #app: App | undefined;

  constructor(rabbit: RabbitServer, folder: string, { log, ...options }: InstanceOptions & { log: MemoryLog }) {
    this.proxy = new TcpProxy({ hostname: rabbit.host, port: rabbit.port });
    this.#rabbit = rabbit;
    this.#folder = folder;
    this.#log = log;
    this.#options = options;
  }

  get app(): App {
    if (this.#app === undefined) throw new Error("the instance does not run");
    return this.#app;
  }

  get summary(): Promise<Summary> {
    return this.#get("summary");
  }

  async start(): Promise<void> {
    const config = [
      `mq.ip = ${this.proxy.host}`,
      `mq.port = ${this.proxy.port}`,
      `mq.user = ${this.#rabbit.user}`,
      `mq.password = ${this.#rabbit.password}`,
      `thrift.heartbeat.port = ${this.#port}`,
      "cluster.enabled = true",
      "agent.timeout = 3s",
      "agent.grace = 1s",
      "guard.minAgents = 1000",
    ].filter((line) => !this.#options.config?.includes(line.split(" = ")[0] ?? line));
    const settings = settingsOf([...config, this.#options.config ?? ""].join("\n"), this.#folder);
    this.#app = await startApp(settings, { log: this.#log.logger, clock: this.#options.clock ?? systemClock });
  }

  /** Stops it as SIGTERM does; it can be started again. */
  async stop(): Promise<void> {
    await this.#app?.stop();
    this.#app = undefined;
  }

  /** Waits until it has heard everybody out. */
  async settled(): Promise<this> {
    await waitFor(() => this.app.cluster?.status.settled, { timeoutMs: 20_000, what: "an instance to settle" });
    return this;
  }

  /** Makes an agent beat here. */
  beat(ip: string, asset = `asset of ${ip}`): Promise<BeatReply> {
    return beat(this.app.beatAddress, { ip, asset, version: "1.0", apps: '{"app1":"1.0.1"}' });
  }

  /** What it says of every agent. */
  async agents(): Promise<ReadonlyMap<string, ListedAgent>> {
    const { agents } = await this.#get<{ agents: ListedAgent[] }>("agents?state=all&size=1000");
    return new Map(agents.map((agent) => [agent.ip, agent]));
  }

  /** The state of one agent; undefined when it is not known. */
  async state(ip: string): Promise<string | undefined> {
    return (await this.agents()).get(ip)?.state;
  }

  /** What it knows to have happened, the oldest first. */
  async events(): Promise<KeptEvent[]> {
    const { events } = await this.#get<{ events: KeptEvent[] }>("events?limit=1000");
    return events.reverse();
  }

  /** Does something over HTTP, as people do, and reads the answer to its end. */
  async request(method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
    const { hostname, port } = this.app.httpAddress ?? { hostname: "", port: 0 };
    const response = await fetch(`http://${hostname}:${port}/api/v1/${path}`, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
    return { status: response.status, text: await response.text() };
  }

  async metrics(): Promise<string> {
    const { hostname, port } = this.app.httpAddress ?? { hostname: "", port: 0 };
    return await (await fetch(`http://${hostname}:${port}/metrics`)).text();
  }

  async #get<T>(path: string): Promise<T> {
    const { status, text } = await this.request("GET", path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text);
  }
}

/** Several instances in this process at one RabbitMQ. Leaving the `await using` scope stops them and clears the broker. */
export class ClusterBench implements AsyncDisposable {
  readonly rabbit: RabbitServer;
  readonly log = new MemoryLog();
  readonly instances: Instance[] = [];
  readonly #folder: string;

  private constructor(rabbit: RabbitServer, folder: string) {
    this.rabbit = rabbit;
    this.#folder = folder;
  }

  /** Starts as many instances as there are options, and waits until all are settled. */
  static async start(rabbit: RabbitServer, all: readonly InstanceOptions[]): Promise<ClusterBench> {
    const bench = new ClusterBench(rabbit, await Deno.makeTempDir({ prefix: "hb-cluster-" }));
    try {
      for (const options of all) await bench.add(options);
      await Promise.all(bench.instances.map((instance) => instance.settled()));
    } catch (cause) {
      await bench[Symbol.asyncDispose]();
      throw new Error(`the log was:\n${bench.log.lines.join("\n")}`, { cause });
    }
    return bench;
  }

  /** Starts one more. */
  async add(options: InstanceOptions = {}): Promise<Instance> {
    const folder = `${this.#folder}/${this.instances.length}`;
    const instance = new Instance(this.rabbit, folder, { ...options, log: this.log });
    this.instances.push(instance);
    await instance.start();
    return instance;
  }

  /** Waits until something holds at every instance. */
  async everywhere(
    what: string,
    condition: (instance: Instance) => boolean | Promise<boolean>,
    timeoutMs = 10_000,
  ): Promise<void> {
    const holds = async () => (await Promise.all(this.instances.map(condition))).every(Boolean);
    try {
      await waitFor(holds, { timeoutMs, what });
    } catch (cause) {
      throw new Error(`the log was:\n${this.log.lines.join("\n")}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const instance of this.instances) {
      instance.proxy.isRefusing = false;
      instance.proxy.resume();
    }
    await Promise.all(this.instances.map((instance) => instance.stop()));
    for (const { proxy } of this.instances) await proxy[Symbol.asyncDispose]();
    this.log[Symbol.dispose]();
    await Deno.remove(this.#folder, { recursive: true });
    const model = await connect(this.rabbit.url);
    const channel = await model.createChannel();
    for (const queue of ["heartbeat", "heartbeat.beats", "heartbeat.leader", "watcher"]) {
      await channel.deleteQueue(queue);
    }
    await model.close();
  }
}
