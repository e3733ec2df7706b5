import { ProcessLog } from "../support/process_log.ts";
import { waitFor } from "../support/wait_for.ts";

/** What a crowd does. */
export interface CrowdPlan {
  readonly address: { readonly hostname: string; readonly port: number };
  /** Its source addresses, in turn. */
  readonly from: readonly string[];
  /** How many connections it opens in all. */
  readonly count: number;
  /** What each sends at once, base64. */
  readonly first?: string;
  /** What each sends after that, a byte a second and again from its begin, base64. */
  readonly drip?: string;
}

/** How far it is. */
export interface CrowdState {
  tried: number;
  /** Connections that could not be opened. */
  failed: number;
  open: number;
  /** Connections that the server closed. */
  closed: number;
  /** Bytes that came, over all connections. */
  received: number;
}

/** Many connections, held by a process of its own. Leaving its `await using` scope ends it. */
export class Crowd implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #log: ProcessLog;

  constructor(plan: CrowdPlan) {
    const script = new URL("./crowd_process.ts", import.meta.url).pathname;
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--allow-net", script, JSON.stringify(plan)],
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    this.#child = command.spawn();
    this.#log = new ProcessLog(this.#child.stdout, this.#child.stderr);
  }

  /** How far it is. */
  get state(): CrowdState {
    const line = this.#log.lines.findLast((each) => each.startsWith("{"));
    return line === undefined ? { tried: 0, failed: 0, open: 0, closed: 0, received: 0 } : JSON.parse(line);
  }

  /** Waits until it has come so far. */
  async is(what: string, condition: (state: CrowdState) => boolean, timeoutMs = 60_000): Promise<CrowdState> {
    try {
      return await waitFor(() => condition(this.state) ? this.state : undefined, { timeoutMs, what });
    } catch (cause) {
      throw new Error(`the crowd: ${this.#log.lines.slice(-3).join("\n")}`, { cause });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#child.stdin.close();
    await this.#child.status;
    await this.#log.ended();
  }
}

/** Loopback addresses: 127.1.0.1 to 127.1.255.254 and on. */
export function loopbackAliases(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `127.1.${Math.floor(i / 250)}.${1 + i % 250}`);
}

/** Text as plans have it. */
export function base64(bytes: Uint8Array | string): string {
  const binary = typeof bytes === "string" ? bytes : String.fromCharCode(...bytes);
  return btoa(binary);
}
