import { freePort } from "./free_port.ts";
import { ProcessLog } from "./process_log.ts";
import { standStill } from "./standstill.ts";
import { waitFor } from "./wait_for.ts";

/** Where Debian's package libzookeeper-java keeps the server; its manifest names what else it loads. */
const CLASS_PATH = "/usr/share/java/zookeeper.jar:/usr/share/java/slf4j-simple.jar";
/** A server on a busy two-core machine was seen ready in 1 to 5 s. */
const START_TIMEOUT_MS = 60_000;
/** How long one try whether it serves may take. */
const PROBE_TIMEOUT_MS = 500;

/** Starts a private ZooKeeper on a free port, with its data in a temporary folder. */
export async function startZookeeper(): Promise<ZookeeperServer> {
  const folder = await Deno.makeTempDir({ prefix: "hb-zookeeper-" });
  const server = new ZookeeperServer(folder, freePort());
  try {
    await server.start();
  } catch (cause) {
    await server[Symbol.asyncDispose]();
    throw cause;
  }
  return server;
}

/** A private server of one test. Leaving its `await using` scope stops it and removes its folder. */
export class ZookeeperServer implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly port: number;
  /** For `zookeeper.host` and for clients. */
  readonly connectString: string;
  readonly #folder: string;
  #running: { process: Deno.ChildProcess; log: ProcessLog } | undefined;

  constructor(folder: string, port: number) {
    this.#folder = folder;
    this.port = port;
    this.connectString = `${this.host}:${port}`;
  }

  /** Starts the server, again on the same port and data after {@link stop} or {@link kill}, and waits until it serves. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error("the server runs already");
    const config = `${this.#folder}/zoo.cfg`;
    await Deno.writeTextFile(config, this.#config());
    const process = new Deno.Command("java", {
      args: [
        "-Xmx128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        CLASS_PATH,
        "org.apache.zookeeper.server.quorum.QuorumPeerMain",
        config,
      ],
      cwd: this.#folder,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const log = new ProcessLog(process.stdout, process.stderr);
    this.#running = { process, log };
    let exited: Deno.CommandStatus | undefined;
    process.status.then((status) => exited = status);
    await waitFor(() => {
      if (exited !== undefined) throw new Error(`zookeeper ended with code ${exited.code}: ${log.text()}`);
      return this.#serves();
    }, { timeoutMs: START_TIMEOUT_MS, what: `zookeeper on port ${this.port}` });
  }

  /** Stops the server in order. Sessions outlive it: they are in its data. */
  stop(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Kills the server at once, as a power failure would. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Stops the server's clock: connections stay open and nothing answers. */
  async pause(): Promise<void> {
    if (this.#running !== undefined) await standStill(this.#running.process.pid);
  }

  /** Lets a paused server go on. */
  resume(): void {
    this.#running?.process.kill("SIGCONT");
  }

  /** What the server wrote since its last start. */
  log(): string {
    return this.#running?.log.text() ?? "";
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<void> {
    if (this.#running === undefined) return;
    const { process, log } = this.#running;
    process.kill(signal);
    process.kill("SIGCONT");
    await process.status;
    await log.ended();
    this.#running = undefined;
  }

  #config(): string {
    return [
      // Sessions may last from two ticks on: short ones, so that tests see them expire.
      "tickTime=250",
      "maxSessionTimeout=60000",
      `dataDir=${this.#folder}/data`,
      `clientPortAddress=${this.host}`,
      `clientPort=${this.port}`,
      "admin.enableServer=false",
      "4lw.commands.whitelist=srvr",
      "",
    ].join("\n");
  }

  /**
   * The command `srvr` tells a mode only once the server takes sessions. A connection from the moment before that may
   * stay open and mute for ever (seen in 3.8.0), so each try has an end.
   */
  async #serves(): Promise<boolean> {
    let connection: Deno.TcpConn;
    try {
      connection = await Deno.connect({ hostname: this.host, port: this.port });
    } catch (cause) {
      if (cause instanceof Deno.errors.ConnectionRefused) return false;
      throw cause;
    }
    const timer = setTimeout(() => connection[Symbol.dispose](), PROBE_TIMEOUT_MS);
    try {
      await connection.write(new TextEncoder().encode("srvr"));
      return (await new Response(connection.readable).text()).includes("Mode:");
    } catch {
      // Reset by a server that is not ready, or closed by the timer: no answer either way.
      return false;
    } finally {
      clearTimeout(timer);
      connection[Symbol.dispose]();
    }
  }
}
