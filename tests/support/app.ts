import { type App, startApp as start } from "../../src/app.ts";
import { type Clock, systemClock } from "../../src/clock.ts";
import { readConfig } from "../../src/config/config.ts";
import type { Settings } from "../../src/config/schema.ts";
import { MemoryLog } from "./memory_log.ts";

/** Settings that a test need not choose: free ports, apps of its own, and a RabbitMQ that is not there. */
const DEFAULTS = `
mq.ip = 127.0.0.1
mq.port = 1
mq.user = nobody
mq.password = nothing
auth.mode = simple
auth.localAppInfo = {'app1':'1.0.1'}
thrift.heartbeat.host = 127.0.0.1
thrift.heartbeat.port = 0
http.port = 0
`;

/** What a test chooses besides the settings. */
export interface AppOptions {
  /** A folder that outlives the app, for a restart; by default one of its own, which is removed. */
  readonly dataDir?: string;
  readonly clock?: Clock;
}

/**
 * Starts the real service in this process and waits until it takes beats and answers HTTP.
 * @param config text of conf.properties; what it leaves out is chosen so that nothing else is needed, not even RabbitMQ
 */
export async function startApp(config = "", { dataDir, clock = systemClock }: AppOptions = {}): Promise<TestApp> {
  const ownFolder = dataDir === undefined ? await Deno.makeTempDir({ prefix: "hb-app-" }) : undefined;
  const log = new MemoryLog();
  try {
    const settings = settingsOf(config, dataDir ?? ownFolder ?? "");
    return new TestApp(await start(settings, { log: log.logger, clock }), { log, ownFolder });
  } catch (cause) {
    log[Symbol.dispose]();
    if (ownFolder !== undefined) await Deno.remove(ownFolder, { recursive: true });
    throw cause;
  }
}

/**
 * The settings of a test's app.
 * @throws Error with every fault of the text
 */
export function settingsOf(config: string, dataDir: string): Settings {
  const set = new Set(config.split("\n").map((line) => line.split("=", 1)[0]?.trim()));
  const missing = `${DEFAULTS}data.dir = ${dataDir}`.split("\n").filter((line) => !set.has(line.split(" ", 1)[0]));
  const read = readConfig([...missing, config].join("\n"), { readFile: Deno.readTextFileSync });
  if ("faults" in read) throw new Error(`the test's settings: ${JSON.stringify(read.faults)}`);
  return read.settings;
}

/** A running service. Leaving its `await using` scope stops it. */
export class TestApp implements AsyncDisposable {
  readonly app: App;
  readonly log: MemoryLog;
  readonly #ownFolder: string | undefined;
  #isStopped = false;

  constructor(app: App, { log, ownFolder }: { log: MemoryLog; ownFolder: string | undefined }) {
    this.app = app;
    this.log = log;
    this.#ownFolder = ownFolder;
  }

  /** Such as `http://127.0.0.1:12345`, without a slash behind it. */
  get url(): string {
    const { hostname, port } = this.httpAddress;
    return `http://${hostname}:${port}`;
  }

  get httpAddress(): { hostname: string; port: number } {
    const address = this.app.httpAddress;
    if (address === undefined) throw new Error(`the HTTP port is not open: ${this.log.lines.join("\n")}`);
    return address;
  }

  get beatAddress(): { hostname: string; port: number } {
    return this.app.beatAddress;
  }

  /** Stops it as SIGTERM does; its log can still be read. */
  async stop(): Promise<void> {
    if (this.#isStopped) return;
    this.#isStopped = true;
    await this.app.stop();
    this.log[Symbol.dispose]();
    if (this.#ownFolder !== undefined) await Deno.remove(this.#ownFolder, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
