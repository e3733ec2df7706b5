import { connect } from "amqplib";
import { Buffer } from "node:buffer";
import { freePort } from "./free_port.ts";
import { waitFor } from "./wait_for.ts";

/** Where Debian's package keeps the server and its tools. */
const BIN = "/usr/lib/rabbitmq/bin";
/** A broker on a busy two-core machine was seen ready in 4 to 12 s. */
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
/** What a test may choose about its broker. */
export interface RabbitOptions {
  /** More lines of rabbitmq.conf, such as `{ max_message_size: "100000" }`. */
  readonly config?: Readonly<Record<string, string>>;
  /** As what it takes part in a cluster; alone by default. */
  readonly cluster?: { readonly port: number; readonly epmdPort: number; readonly cookie: string };
}

/** Starts a private RabbitMQ from Debian's package on free ports, with its data in a temporary folder. */
export async function startRabbit(options: RabbitOptions = {}): Promise<RabbitServer> {
  const folder = await Deno.makeTempDir({ prefix: "hb-rabbit-" });
  const { port, epmdPort } = options.cluster ?? { port: freePort(), epmdPort: freePort() };
  const distPort = freePort();
  const server = new RabbitServer({ folder, port, distPort, epmdPort });
  await Deno.writeTextFile(`${folder}/enabled_plugins`, "[].\n");
  if (options.cluster !== undefined) {
    await Deno.writeTextFile(`${folder}/.erlang.cookie`, options.cluster.cookie, { mode: 0o400 });
  }
  const settings = {
    "listeners.tcp.local": `127.0.0.1:${port}`,
    "default_user": server.user,
    "default_pass": server.password,
    "loopback_users": "none",
    "log.console": "false",
    // A small machine's disk and memory are none of the tests' business.
    "disk_free_limit.absolute": "1MB",
    ...options.config,
  };
  const lines = Object.entries(settings).map(([key, value]) => `${key} = ${value}\n`);
  await Deno.writeTextFile(`${folder}/rabbitmq.conf`, lines.join(""));
  try {
    await server.start();
  } catch (cause) {
    await server[Symbol.asyncDispose]();
    throw cause;
  }
  return server;
}

/** What the node of that port is called. */
export function nodeName(port: number): string {
  return `hb-${port}@localhost`;
}

interface Place {
  folder: string;
  port: number;
  distPort: number;
  epmdPort: number;
}

/** A private broker of one test file. Leaving its `await using` scope stops it and removes its folder. */
export class RabbitServer implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly user = "hb-test";
  readonly password = "hb-test-secret";
  /** Address of the default virtual host, password included. */
  readonly url: string;
  /** Its name among the nodes of a cluster. */
  readonly node: string;
  readonly #folder: string;
  readonly #env: Record<string, string>;
  #process: Deno.ChildProcess | undefined;
  #exited: Deno.CommandStatus | undefined;
  #paused = false;

  constructor({ folder, port, distPort, epmdPort }: Place) {
    this.#folder = folder;
    this.port = port;
    this.url = `amqp://${this.user}:${this.password}@${this.host}:${port}`;
    this.node = nodeName(port);
    this.#env = {
      PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      LANG: "C.UTF-8",
      HOME: folder,
      RABBITMQ_NODENAME: this.node,
      RABBITMQ_MNESIA_BASE: `${folder}/mnesia`,
      RABBITMQ_LOG_BASE: `${folder}/log`,
      RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
      RABBITMQ_CONF_ENV_FILE: `${folder}/rabbitmq-env.conf`,
      RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
      RABBITMQ_PID_FILE: `${folder}/pid`,
      RABBITMQ_DIST_PORT: String(distPort),
      // An own port mapper: the system's one would outlive the tests.
      ERL_EPMD_PORT: String(epmdPort),
      ERL_EPMD_ADDRESS: "127.0.0.1",
    };
  }

  /** Starts the server, again on the same port and data after {@link stop} or {@link kill}, and waits until it answers. */
  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error("the broker runs already");
    const process = new Deno.Command(`${BIN}/rabbitmq-server`, {
      env: this.#env,
      clearEnv: true,
      cwd: this.#folder,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#process = process;
    this.#exited = undefined;
    process.status.then((status) => this.#exited = status);
    const deadline = performance.now() + START_TIMEOUT_MS;
    while (!await this.#answers()) {
      await this.#requireRunning();
      if (performance.now() > deadline) throw new Error(`no broker after ${START_TIMEOUT_MS} ms: ${await this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Stops the server in order; connections are closed with CONNECTION_FORCED. */
  async stop(): Promise<void> {
    if (this.#process === undefined) return;
    this.resume();
    this.#process.kill("SIGTERM");
    await this.#ended();
  }

  /** Kills the server at once, as a power failure would. */
  async kill(): Promise<void> {
    if (this.#process === undefined) return;
    // Ctrl-C in a terminal reaches the server too, and ends it.
    if (this.#exited === undefined) this.#signal("SIGKILL");
    await this.#ended();
  }

  /** Stops the server's clock: connections stay open and nothing answers. */
  pause(): void {
    this.#signal("SIGSTOP");
    this.#paused = true;
  }

  /** Lets a paused server go on. */
  resume(): void {
    if (!this.#paused) return;
    this.#signal("SIGCONT");
    this.#paused = false;
  }

  /** Runs `rabbitmqctl` against this server (1 to 3 s) and returns what it printed. */
  rabbitmqctl(args: readonly string[]): Promise<string> {
    return this.#run(`${BIN}/rabbitmqctl`, ["--quiet", ...args]);
  }

  /** What the server wrote into its log so far. */
  async log(): Promise<string> {
    let text = "";
    for await (const entry of Deno.readDir(`${this.#folder}/log`)) {
      if (entry.isFile) text += await Deno.readTextFile(`${this.#folder}/log/${entry.name}`);
    }
    return text;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    try {
      await waitFor(() => this.#endPortMapper(), { timeoutMs: 5_000, what: "the port mapper to end" });
    } finally {
      await Deno.remove(this.#folder, { recursive: true });
    }
  }

  async #endPortMapper(): Promise<boolean> {
    try {
      await this.#run("/usr/bin/epmd", ["-port", this.#env.ERL_EPMD_PORT ?? "", "-kill"]);
      return true;
    } catch (cause) {
      // It takes a moment to notice that a killed server is gone.
      if (String(cause).includes("living nodes")) return false;
      // A server that was stopped while it started has not started its port mapper yet.
      if (String(cause).includes("Cannot connect")) return true;
      throw cause;
    }
  }

  /** The Erlang machine's pid; the process that was started is the shell around it. */
  #signal(signal: Deno.Signal): void {
    try {
      Deno.kill(Number(Deno.readTextFileSync(`${this.#folder}/pid`)), signal);
    } catch (cause) {
      // No pid file, or no such process: it is just ending by itself.
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    }
  }

  async #requireRunning(): Promise<void> {
    if (this.#exited === undefined) return;
    throw new Error(`rabbitmq-server ended with code ${this.#exited.code}: ${await this.log()}`);
  }

  async #ended(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#paused = false;
    const timer = setTimeout(() => this.#signal("SIGKILL"), STOP_TIMEOUT_MS);
    await process.status;
    clearTimeout(timer);
    this.#process = undefined;
    await Deno.remove(`${this.#folder}/pid`).catch(() => {});
  }

  async #answers(): Promise<boolean> {
    try {
      const connection = await connect(this.url, { timeout: 2_000 });
      await connection.close();
      return true;
    } catch {
      return false;
    }
  }

  async #run(command: string, args: readonly string[]): Promise<string> {
    const { success, stdout, stderr } = await new Deno.Command(command, {
      args: [...args],
      env: this.#env,
      clearEnv: true,
      cwd: this.#folder,
      stdin: "null",
    }).output();
    const text = Buffer.from(stdout).toString();
    if (!success) throw new Error(`${command} ${args.join(" ")}: ${text}${Buffer.from(stderr)}`);
    return text;
  }
}
