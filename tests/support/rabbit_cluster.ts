import { freePort } from "./free_port.ts";
import { nodeName, type RabbitServer, startRabbit } from "./rabbitmq.ts";

/** Three private RabbitMQ nodes that form one cluster. Leaving its `await using` scope stops them. */
export class RabbitCluster implements AsyncDisposable {
  readonly nodes: readonly RabbitServer[];

  private constructor(nodes: readonly RabbitServer[]) {
    this.nodes = nodes;
  }

  /** Starts the nodes together; each finds the others by their names. */
  static async start(): Promise<RabbitCluster> {
    const ports = [freePort(), freePort(), freePort()];
    const common = { epmdPort: freePort(), cookie: crypto.randomUUID().replaceAll("-", "").toUpperCase() };
    const config = {
      "cluster_formation.peer_discovery_backend": "classic_config",
      ...Object.fromEntries(
        ports.map((port, i) => [`cluster_formation.classic_config.nodes.${i + 1}`, nodeName(port)]),
      ),
    };
    const starts = await Promise.allSettled(ports.map((port) => startRabbit({ config, cluster: { ...common, port } })));
    const nodes = starts.flatMap((start) => start.status === "fulfilled" ? [start.value] : []);
    const cluster = new RabbitCluster(nodes);
    if (nodes.length === ports.length) return await cluster.#formed();
    await cluster[Symbol.asyncDispose]();
    throw new AggregateError(
      starts.flatMap((start) => start.status === "rejected" ? [start.reason] : []),
      "no cluster",
    );
  }

  /** One of them, counted from 0. */
  node(index: number): RabbitServer {
    const node = this.nodes[index];
    if (node === undefined) throw new RangeError(`there is no node ${index}`);
    return node;
  }

  /** What a configuration says about it: all its nodes. */
  get config(): string {
    const { user, password } = this.node(0);
    return `mq.ip = ${this.nodes.map(({ host, port }) => `${host}:${port}`).join(",")}\n` +
      `mq.user = ${user}\nmq.password = ${password}\n`;
  }

  async #formed(): Promise<this> {
    try {
      await this.node(0).rabbitmqctl(["await_online_nodes", String(this.nodes.length), "--timeout", "20"]);
      return this;
    } catch (cause) {
      await this[Symbol.asyncDispose]();
      throw cause;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // All of them first: the port mapper ends only when none of them lives any more.
    for (const node of this.nodes) await node.kill();
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}
