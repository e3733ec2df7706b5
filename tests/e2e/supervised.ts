import { ProcessLog } from "../support/process_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { NotifyListener } from "../systemd/notify_listener.ts";

const START_TIMEOUT_MS = 60_000;

/** The order of what happens in a test: what was seen later has a larger number. */
export class Order {
  #last = 0;

  next(): number {
    return ++this.#last;
  }
}

/** From where to where in the {@link Order} a service may be away. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

/** What a supervisor runs. */
export interface SupervisedOptions {
  readonly path: string;
  readonly config: string;
  readonly order: Order;
}

/** An installed executable under what systemd does: a notify socket, SIGTERM, waiting for the end, the next start. */
export class Supervised implements AsyncDisposable {
  readonly #options: SupervisedOptions;
  #running: { readonly child: Deno.ChildProcess; readonly log: ProcessLog } | undefined;

  private constructor(options: SupervisedOptions) {
    this.#options = options;
  }

  /** @param notifies whether the executable tells systemd that it is ready; one that does not tells it in its log */
  static async start(options: SupervisedOptions, { notifies }: { notifies: boolean }): Promise<Supervised> {
    const supervised = new Supervised(options);
    await supervised.#start(notifies);
    return supervised;
  }

  get pid(): number {
    if (this.#running === undefined) throw new Error("it does not run");
    return this.#running.child.pid;
  }

  /** What the running process wrote so far. */
  get logs(): readonly string[] {
    return this.#running?.log.lines ?? [];
  }

  /** Ends it and starts what is installed by now; returns the window in which nobody may serve. */
  async restart({ notifies }: { notifies: boolean }): Promise<Window> {
    const from = this.#options.order.next();
    await this.stop();
    await this.#start(notifies);
    return { from, to: this.#options.order.next() };
  }

  /** Ends it as systemd does. @throws Error when it does not end cleanly */
  async stop(): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    if (running === undefined) return;
    running.child.kill("SIGTERM");
    const { code } = await running.child.status;
    await running.log.ended();
    if (code !== 0) throw new Error(`it ended with ${code}: ${running.log.text()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(notifies: boolean): Promise<void> {
    const { path, config } = this.#options;
    await using systemd = await NotifyListener.open();
    const child = new Deno.Command(path, {
      args: ["run", "--config", config],
      env: { NOTIFY_SOCKET: systemd.name },
      clearEnv: true,
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const log = new ProcessLog(child.stdout, child.stderr);
    this.#running = { child, log };
    let exited: number | undefined;
    child.status.then(({ code }) => exited = code);
    const isReady = () => notifies ? systemd.told.includes("READY=1") : /beats on \S+:\d+/.test(log.text());
    await waitFor(() => {
      if (exited !== undefined) throw new Error(`it ended with ${exited}: ${log.text()}`);
      return isReady();
    }, { timeoutMs: START_TIMEOUT_MS, what: `${path} to be ready` });
  }
}
