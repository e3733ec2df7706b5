import { beat, type BeatAddress } from "../support/beat_client.ts";

/** How often each agent beats, ms. */
export const INTERVAL_MS = 4_000;
/** The most beats under way: a busy machine gets fewer beats, not more open files. */
const MAX_UNDER_WAY = 500;
/** How often those that are due are made to beat, ms. */
const TICK_MS = 25;

/** An agent, and what it knows of its own beats. Times are monotonic, ms. */
export interface SimAgent {
  readonly ip: string;
  /** When its last beat was sent that was answered. */
  answeredMs: number;
  /** When the first of them since it lives was answered; undefined before that. */
  backMs: number | undefined;
  isAlive: boolean;
}

/** A fleet that beats by way of a balancer, and the only one that knows the truth. */
export class ClusterFleet implements AsyncDisposable {
  readonly agents: readonly SimAgent[];
  /** How many beats were answered, and how many were not. */
  readonly counts = { answered: 0, failed: 0 };
  readonly #address: BeatAddress;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #jobs = new Set<Promise<void>>();
  readonly #startedMs = performance.now();
  #sent = 0;

  /** Begins to beat. */
  constructor(address: BeatAddress, count: number) {
    this.#address = address;
    this.agents = Array.from({ length: count }, (_, i) => ({
      ip: `10.2.${i >> 8}.${i & 255}`,
      answeredMs: 0,
      backMs: undefined,
      isAlive: true,
    }));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Makes agents die or live again. */
  set(agents: readonly SimAgent[], isAlive: boolean): void {
    for (const agent of agents) {
      agent.isAlive = isAlive;
      agent.backMs = undefined;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#jobs);
  }

  #tick(): void {
    const due = Math.floor((performance.now() - this.#startedMs) / INTERVAL_MS * this.agents.length);
    for (; this.#sent < due; this.#sent++) {
      const agent = this.agents[this.#sent % this.agents.length];
      if (agent === undefined || !agent.isAlive || this.#jobs.size >= MAX_UNDER_WAY) continue;
      const job = this.#beat(agent).finally(() => this.#jobs.delete(job));
      this.#jobs.add(job);
    }
  }

  async #beat(agent: SimAgent): Promise<void> {
    const sentMs = performance.now();
    try {
      await beat(this.#address, { ip: agent.ip, asset: `asset ${agent.ip}`, version: "1", apps: '{"app1":"1.0.1"}' });
      agent.answeredMs = Math.max(agent.answeredMs, sentMs);
      // One that was under way when the agent died is its last.
      if (agent.isAlive) agent.backMs ??= performance.now();
      this.counts.answered++;
    } catch {
      this.counts.failed++;
    }
  }
}
