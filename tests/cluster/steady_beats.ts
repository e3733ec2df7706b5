import type { Instance } from "./bench.ts";

/** How often each agent beats, ms: often enough for a timeout of 3 s. */
const INTERVAL_MS = 500;

/** Agents that beat again and again, each time at the next of the instances. */
export class SteadyBeats implements AsyncDisposable {
  /** What went wrong. */
  readonly faults: unknown[] = [];
  readonly #instances: () => readonly Instance[];
  readonly #ips: readonly string[];
  #turn = 0;
  #ends = false;
  #sticks = false;
  readonly #running: Promise<void>;

  private constructor(instances: () => readonly Instance[], ips: readonly string[]) {
    this.#instances = instances;
    this.#ips = ips;
    this.#running = this.#run();
  }

  /** @param ip the address of the only agent; else they are 10.1.0.1 and so on */
  static start(instances: () => readonly Instance[], count: number, ip?: string): SteadyBeats {
    const ips = Array.from({ length: count }, (_, i) => ip ?? `10.1.0.${i + 1}`);
    return new SteadyBeats(instances, ips);
  }

  /** From now on each agent beats at one and the same instance. */
  stick(): void {
    this.#sticks = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ends = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#ends) {
      const next = new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
      await Promise.all(this.#ips.map((ip, i) => this.#beat(ip, this.#sticks ? i : this.#turn++)));
      await next;
    }
  }

  /** An instance that is just stopped is passed over, as a balancer does. */
  async #beat(ip: string, turn: number): Promise<void> {
    const instances = this.#instances();
    for (let tries = 0; tries < instances.length; tries++) {
      try {
        await instances[(turn + tries) % instances.length]?.beat(ip);
        return;
      } catch (cause) {
        if (tries === instances.length - 1) this.faults.push(cause);
      }
    }
  }
}
