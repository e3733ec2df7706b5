import { waitFor } from "../support/wait_for.ts";

/** What begins every control sequence (ECMA-48). */
export const ESC = "\x1b";
const SEQUENCE = new RegExp(`${ESC}\\[\\??[\\d;]*[A-Za-z]`, "g");

/** A text without its control sequences. */
export function plain(text: string): string {
  return text.replace(SEQUENCE, "");
}

/** A line of bash that runs at a terminal of its own (by script(1)), which the test reads, types into and resizes. */
export class Pty implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #read: Promise<void>;
  /** What it was sent so far, after the line that names the terminal. */
  output = "";
  #isEnded = false;

  /** @param line must not read its input before the test has something to say */
  constructor(line: string, env: Readonly<Record<string, string>>) {
    this.#child = new Deno.Command("script", {
      args: ["-qec", `stty cols 80 rows 12 -echo; echo "$(tty) $$"; ${line}`, "/dev/null"],
      clearEnv: true,
      env: { TERM: "xterm", SHELL: "/bin/bash", ...env },
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#writer = this.#child.stdin.getWriter();
    this.#read = this.#readAll();
  }

  /** Waits until it was sent something like that. */
  shown(pattern: RegExp): Promise<RegExpExecArray> {
    return waitFor(() => pattern.exec(this.output) ?? undefined, {
      timeoutMs: 20_000,
      what: `${pattern} at the terminal`,
    });
  }

  async type(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(text));
  }

  async resize(columns: number, rows: number): Promise<void> {
    const { terminal } = await this.#names();
    const size = ["-F", terminal, "cols", String(columns), "rows", String(rows)];
    const { success } = await new Deno.Command("stty", { args: size }).output();
    if (!success) throw new Error(`${terminal} could not be resized`);
  }

  /** Sends a signal to the shell, or to what it has become by `exec`. */
  async kill(signal: Deno.Signal): Promise<void> {
    Deno.kill((await this.#names()).pid, signal);
  }

  /** Waits for its end. @returns its exit code */
  async ended(): Promise<number> {
    const { code } = await this.#child.status;
    await this.#read;
    this.#isEnded = true;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isEnded) this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#read;
    await this.#writer.abort();
  }

  async #names(): Promise<{ terminal: string; pid: number }> {
    const [, terminal = "", pid] = await this.shown(/^(\/dev\/\S+) (\d+)\r\n/);
    return { terminal, pid: Number(pid) };
  }

  async #readAll(): Promise<void> {
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) this.output += text;
  }
}
