import type { Surroundings } from "../../src/cli/command.ts";
import { execute } from "../../src/cli/execute.ts";
import type { Beat } from "../../src/fleet/beat.ts";
import { startApp, type TestApp } from "../support/app.ts";
import { FakeClock } from "../support/fake_clock.ts";

/** What a command did. */
export interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** How a command is called. */
export interface CallOptions {
  /** Columns of the terminal that it writes to; undefined: it writes to a file. */
  readonly columns?: number;
  readonly rows?: number;
  readonly colors?: boolean;
  /** What somebody at the terminal answers to a question; undefined: nobody is there. */
  readonly answer?: boolean;
  /** Called after each write, with all output so far. */
  readonly onWrite?: (out: string) => void;
  /** Ends it like Ctrl-C. */
  readonly stopped?: Promise<string>;
}

/** Does what a command line asks for, in this process. */
export async function call(args: readonly string[], options: CallOptions = {}): Promise<Done & { asked: string[] }> {
  const { columns, rows = 24, colors = false, answer, onWrite, stopped } = options;
  let out = "";
  let err = "";
  const asked: string[] = [];
  const surroundings: Surroundings = {
    terminal: {
      colors,
      size: () => columns === undefined ? undefined : { columns, rows },
      write(text) {
        out += text;
        onWrite?.(out);
      },
      note: (text) => err += text,
      confirm(question) {
        asked.push(question);
        return Promise.resolve(answer);
      },
    },
    journal: false,
    systemd: { notifySocket: undefined, watchdogUsec: undefined, watchdogPid: undefined },
    stopped: () => stopped ?? new Promise(() => {}),
    onReload: () => {},
  };
  const code = await execute(args, "/nonexistent/conf.properties", surroundings);
  return { code, out, err, asked };
}

/** A service that asks supervisor, which is not there: catalogs are offered by hand. */
export const SUPERVISED = "auth.mode = supervisor\n";

/** A running service with clocks that stand still unless a test moves them, and a configuration that leads there. */
export class CliScene implements AsyncDisposable {
  readonly test: TestApp;
  readonly clock: FakeClock;
  readonly folder: string;

  private constructor(test: TestApp, clock: FakeClock, folder: string) {
    this.test = test;
    this.clock = clock;
    this.folder = folder;
  }

  /** @param config text of conf.properties beside what tests have anyway */
  static async start(config = ""): Promise<CliScene> {
    const clock = new FakeClock();
    const folder = await Deno.makeTempDir({ prefix: "hb-cli-" });
    const test = await startApp(`agent.grace = 0\nguard.minAgents = 3\n${config}`, { clock });
    const { hostname, port } = test.httpAddress;
    await Deno.writeTextFile(`${folder}/conf.properties`, `http.host = ${hostname}\nhttp.port = ${port}\n${config}`);
    return new CliScene(test, clock, folder);
  }

  get config(): string {
    return `${this.folder}/conf.properties`;
  }

  /** Does what a command line asks for, with the configuration of this service. */
  call(line: string, options: CallOptions = {}): Promise<Done & { asked: string[] }> {
    return call([...line.split(" "), "--config", this.config], options);
  }

  /** What a command printed that must end with 0. */
  async output(line: string, options: CallOptions = {}): Promise<string> {
    const { code, out, err } = await this.call(line, options);
    if (code !== 0) throw new Error(`${line} ended with ${code}: ${out}${err}`);
    return out;
  }

  /** An agent beats. */
  beat(ip: string, parts: Partial<Beat> = {}): void {
    const beat = { ip, asset: `web-${ip.split(".").at(-1)}`, version: "0.3.3", apps: '{"cron":"2.1.0"}', ...parts };
    this.test.app.fleet.beat(beat, this.clock.now);
  }

  /** Time passes. */
  pass(ms: number): void {
    this.clock.advance(ms);
    this.test.app.fleet.advance(this.clock.now);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.test.stop();
    await Deno.remove(this.folder, { recursive: true });
  }
}
