import { BINARY, requireBinary } from "../support/binary.ts";
import { freePort } from "../support/free_port.ts";
import type { RabbitServer } from "../support/rabbitmq.ts";
import { waitFor } from "../support/wait_for.ts";
import { AGENT_TIMEOUT_MS, EXCHANGE } from "./stage.ts";

const START_TIMEOUT_MS = 30_000;

/** The compiled program, running with the demo's configuration. Leaving its `await using` scope stops it. */
export class Service implements AsyncDisposable {
  readonly configFile: string;
  readonly logFile: string;
  /** Where beats are taken. */
  readonly port: number;
  /** Where the page is. */
  readonly httpPort: number;
  readonly #child: Deno.ChildProcess;
  readonly #logged: Promise<void>;
  #status: Deno.CommandStatus | undefined;

  private constructor(folder: string, { port, httpPort }: Ports) {
    this.configFile = `${folder}/conf.properties`;
    this.logFile = `${folder}/elves-heartbeat.log`;
    this.port = port;
    this.httpPort = httpPort;
    this.#child = new Deno.Command(BINARY, {
      args: ["run", "--config", this.configFile],
      cwd: folder,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#child.status.then((status) => this.#status = status);
    this.#logged = this.#log();
  }

  /** Writes the configuration into the folder and starts the program with it. */
  static async start(folder: string, rabbit: RabbitServer): Promise<Service> {
    await requireBinary();
    const ports = { port: freePort(), httpPort: freePort() };
    await Deno.writeTextFile(`${folder}/conf.properties`, configuration({ folder, ports, rabbit }));
    return new Service(folder, ports);
  }

  /**
   * Runs a command of the program against it.
   * @returns what it printed
   */
  async command(...args: readonly string[]): Promise<string> {
    const command = new Deno.Command(BINARY, { args: [...args, "--config", this.configFile], env: { NO_COLOR: "1" } });
    const { code, stdout, stderr } = await command.output();
    const text = new TextDecoder().decode(code === 0 ? stdout : stderr);
    if (code !== 0) throw new Error(`elves-heartbeat ${args.join(" ")} ended with code ${code}: ${text}`);
    return text;
  }

  /** Waits until it takes beats. */
  async ready(): Promise<void> {
    await waitFor(async () => {
      const log = await Deno.readTextFile(this.logFile);
      if (this.#status !== undefined) throw new Error(`elves-heartbeat ended with code ${this.#status.code}:\n${log}`);
      return log.includes("beats on ");
    }, { timeoutMs: START_TIMEOUT_MS, what: "beats to be taken" });
  }

  /** Settles when it has ended by itself. */
  async ended(): Promise<string> {
    const { code } = await this.#child.status;
    await this.#logged;
    return `elves-heartbeat ended with code ${code}:\n${await Deno.readTextFile(this.logFile)}`;
  }

  /** Not by `pipeTo`, which writes nothing into a file before the end of the stream. */
  async #log(): Promise<void> {
    using file = Deno.openSync(this.logFile, { write: true, create: true });
    for await (const chunk of this.#child.stderr) file.writeSync(chunk);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#status === undefined) this.#child.kill("SIGTERM");
    await this.#child.status;
    await this.#logged;
  }
}

interface Ports {
  readonly port: number;
  readonly httpPort: number;
}

function configuration(
  { folder, ports, rabbit }: { folder: string; ports: Ports; rabbit: RabbitServer },
): string {
  return `# Written by the demo. Its timeouts are short, so that something happens while one watches.
mq.ip = ${rabbit.host}
mq.port = ${rabbit.port}
mq.user = ${rabbit.user}
mq.password = ${rabbit.password}
mq.exchange = ${EXCHANGE}

auth.mode = supervisor

thrift.heartbeat.host = 127.0.0.1
thrift.heartbeat.port = ${ports.port}
http.port = ${ports.httpPort}

# The default is 10m, for agents that beat every minute.
agent.timeout = ${AGENT_TIMEOUT_MS / 1000}s
agent.grace = 0

data.dir = ${folder}/data
`;
}
