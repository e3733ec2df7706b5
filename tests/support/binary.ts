import { ProcessLog } from "./process_log.ts";
import { waitFor } from "./wait_for.ts";

const REPOSITORY = new URL("../../", import.meta.url);
/** The executable that `./install.sh build` makes. */
export const BINARY = new URL("dist/elves-heartbeat", REPOSITORY).pathname;
const START_TIMEOUT_MS = 30_000;

/** What a test chooses about the process. */
export interface BinaryOptions {
  /**
   * Text of its conf.properties; `thrift.heartbeat.port` and `http.port` are free ones and `data.dir` a folder of its own
   * unless they are set here.
   */
  readonly config: string;
  /** Its whole environment; empty by default. */
  readonly env?: Readonly<Record<string, string>>;
  /** The executable, by default {@link BINARY}. */
  readonly path?: string;
}

/**
 * Runs the compiled program with a configuration of its own and waits until it takes beats.
 * @throws Error with what it wrote, when it ends before that or is not built
 */
export async function startBinary({ config, env = {}, path = BINARY }: BinaryOptions): Promise<BinaryProcess> {
  await requireBinary(path);
  const folder = await Deno.makeTempDir({ prefix: "hb-binary-" });
  const file = `${folder}/conf.properties`;
  const defaults = { "thrift.heartbeat.port": "0", "http.port": "0", "data.dir": `${folder}/data` };
  const set = new Set(config.split("\n").map((line) => line.split(/[=:]/, 1)[0]?.trim()));
  const missing = Object.entries(defaults).filter(([key]) => !set.has(key)).map(([key, value]) => `${key} = ${value}`);
  await Deno.writeTextFile(file, `${missing.join("\n")}\n${config}\n`);
  const child = new Deno.Command(path, {
    args: ["run", "--config", file],
    cwd: folder,
    env,
    clearEnv: true,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const started = new BinaryProcess(child, folder);
  try {
    await started.ready();
  } catch (cause) {
    await started[Symbol.asyncDispose]();
    throw cause;
  }
  return started;
}

/** Fails with what to do when the executable is not there. */
export async function requireBinary(path = BINARY): Promise<void> {
  try {
    await Deno.stat(path);
  } catch (cause) {
    throw new Error(`there is no ${path}: run ./install.sh build`, { cause });
  }
}

/** A running elves-heartbeat. Leaving its `await using` scope kills it and removes its folder. */
export class BinaryProcess implements AsyncDisposable {
  readonly pid: number;
  /** Its conf.properties. */
  readonly configFile: string;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;
  readonly #log: ProcessLog;
  #exited: Deno.CommandStatus | undefined;
  #port: number | undefined;
  #httpPort: number | undefined;

  constructor(child: Deno.ChildProcess, folder: string) {
    this.pid = child.pid;
    this.configFile = `${folder}/conf.properties`;
    this.#child = child;
    this.#folder = folder;
    this.#log = new ProcessLog(child.stdout, child.stderr);
    child.status.then((status) => this.#exited = status);
  }

  /** Where it takes beats, on 127.0.0.1 unless the configuration says otherwise. */
  get port(): number {
    if (this.#port === undefined) throw new Error("it does not take beats yet");
    return this.#port;
  }

  /** Where its page, API and metrics are, on 127.0.0.1 unless the configuration says otherwise. */
  get httpPort(): number {
    if (this.#httpPort === undefined) throw new Error("it does not answer HTTP");
    return this.#httpPort;
  }

  /** What it wrote so far, line by line. */
  get logs(): readonly string[] {
    return this.#log.lines;
  }

  /** How it ended; undefined as long as it runs. */
  get exited(): Deno.CommandStatus | undefined {
    return this.#exited;
  }

  /** Waits for a log line and returns it. */
  logged(pattern: RegExp, timeoutMs = START_TIMEOUT_MS): Promise<string> {
    const what = `a log line like ${pattern}`;
    return waitFor(() => {
      const line = this.logs.find((line) => pattern.test(line));
      if (line === undefined && this.#exited !== undefined) {
        throw new Error(`it ended with code ${this.#exited.code} before ${what}: ${this.#log.text()}`);
      }
      return line;
    }, { timeoutMs, what });
  }

  /** Waits until it takes beats and learns its ports from its log. */
  async ready(): Promise<void> {
    const line = await this.logged(/beats on \S+:\d+/);
    this.#port = Number(/beats on \S+:(\d+)/.exec(line)?.[1]);
    // Said before the beat port, unless the HTTP port could not be opened.
    const http = this.logs.map((each) => /metrics on http:\/\/\S+:(\d+)/.exec(each)).find((found) => found !== null);
    if (http !== undefined) this.#httpPort = Number(http[1]);
  }

  /** Sends SIGTERM, as systemd does, and waits for the end. */
  stop(): Promise<Deno.CommandStatus> {
    return this.#end("SIGTERM");
  }

  /** Ends it at once, as a power failure would. */
  kill(): Promise<Deno.CommandStatus> {
    return this.#end("SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #end(signal: Deno.Signal): Promise<Deno.CommandStatus> {
    if (this.#exited === undefined) this.#child.kill(signal);
    const status = await this.#child.status;
    await this.#log.ended();
    return status;
  }
}
