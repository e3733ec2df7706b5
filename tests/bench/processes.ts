import { ProcessLog } from "../support/process_log.ts";
import { waitFor } from "../support/wait_for.ts";

const START_TIMEOUT_MS = 30_000;
const JOB_TIMEOUT_MS = 120_000;

/** A child process of the bench. Leaving its `await using` scope kills it. */
export class Child implements AsyncDisposable {
  readonly pid: number;
  readonly #child: Deno.ChildProcess;
  readonly #out: ProcessLog;
  readonly #err: ProcessLog;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  #jobs = 0;
  #exited: Deno.CommandStatus | undefined;

  constructor(command: string, args: readonly string[]) {
    this.#child = new Deno.Command(command, { args: [...args], stdin: "piped", stdout: "piped", stderr: "piped" })
      .spawn();
    this.pid = this.#child.pid;
    this.#out = new ProcessLog(this.#child.stdout);
    this.#err = new ProcessLog(this.#child.stderr);
    this.#input = this.#child.stdin.getWriter();
    this.#child.status.then((status) => this.#exited = status);
  }

  /** What it wrote to standard error so far, line by line. */
  get errors(): readonly string[] {
    return this.#err.lines;
  }

  /** Waits for a line that matches, and returns the match. */
  async wrote(pattern: RegExp): Promise<RegExpExecArray> {
    return await waitFor(() => {
      this.#requireRunning();
      return [...this.#out.lines, ...this.#err.lines].map((line) => pattern.exec(line)).find((match) => match !== null);
    }, { timeoutMs: START_TIMEOUT_MS, what: `a line like ${pattern} from process ${this.pid}: ${this.#err.text()}` });
  }

  /** Sends one job, a JSON value on a line, and waits for the JSON value that comes back. One job at a time. */
  async run<T>(job: unknown): Promise<T> {
    const index = this.#jobs++;
    await this.#input.write(new TextEncoder().encode(`${JSON.stringify(job)}\n`));
    const line = await waitFor(() => {
      this.#requireRunning();
      return this.#out.lines[index];
    }, { timeoutMs: JOB_TIMEOUT_MS, what: `the result of ${JSON.stringify(job).slice(0, 200)}` });
    return JSON.parse(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#exited === undefined) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#input.abort().catch(() => {}); // The process at the other end is gone.
    await Promise.all([this.#out.ended(), this.#err.ended()]);
  }

  #requireRunning(): void {
    if (this.#exited === undefined) return;
    throw new Error(`process ${this.pid} ended with code ${this.#exited.code}: ${this.#err.text()}`);
  }
}

/** Starts one of the bench's own scripts on this runtime. */
export function startScript(file: string, ...args: readonly string[]): Child {
  const script = new URL(file, import.meta.url).pathname;
  return new Child(Deno.execPath(), ["run", "--no-prompt", "--allow-all", script, ...args]);
}
