import { type BinaryProcess, startBinary } from "../support/binary.ts";
import { residentBytes } from "../support/process_stats.ts";

/** What the kernel says about the running process. */
export interface Footprint {
  readonly rssMb: number;
  readonly descriptors: number;
}

/** The compiled service on one data folder and one pair of ports, through restarts. */
export class SoakService implements AsyncDisposable {
  readonly httpPort: number;
  readonly #config: string;
  #process: BinaryProcess | undefined;

  constructor({ config, httpPort }: { config: string; httpPort: number }) {
    this.#config = config;
    this.httpPort = httpPort;
  }

  async start(): Promise<void> {
    this.#process = await startBinary({ config: this.#config });
  }

  /** Ends it as systemd does. @throws Error when it does not end cleanly */
  async stop(): Promise<void> {
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    const { code } = await process.stop();
    await process[Symbol.asyncDispose]();
    if (code !== 0) throw new Error(`it ended with ${code}: ${process.logs.join("\n")}`);
  }

  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
    this.#process = undefined;
  }

  signal(signal: Deno.Signal): void {
    if (this.#process !== undefined) Deno.kill(this.#process.pid, signal);
  }

  /** Waits until it has a connection to RabbitMQ. */
  async connected(): Promise<void> {
    await this.#process?.logged(/mq: connected/);
  }

  async footprint(): Promise<Footprint> {
    if (this.#process === undefined) throw new Error("it does not run");
    const { pid } = this.#process;
    const descriptors = [...Deno.readDirSync(`/proc/${pid}/fd`)].length;
    return { rssMb: Math.round(await residentBytes(pid) / 1e5) / 10, descriptors };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
