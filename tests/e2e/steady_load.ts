import { BeatConnection, type BeatInfo, type BeatReply } from "../support/beat_client.ts";

const CONNECTIONS = 8;
/** How long a connection that has nothing to send waits, ms. */
const TICK_MS = 5;

/** A beat that was answered, ms since the epoch. */
export interface Acknowledged {
  readonly ip: string;
  readonly sentMs: number;
  readonly answeredMs: number;
}

/** How a load runs. */
export interface LoadOptions {
  readonly port: number;
  /** The agents that beat in turn; may change while the load runs. */
  readonly agents: readonly BeatInfo[];
  readonly perSecond: number;
  /** Aborted when the service is about to be killed: connections may break from then on, and that ends the load. */
  readonly end: AbortSignal;
  /** Judges each reply. @throws when it is wrong */
  readonly onReply: (agent: BeatInfo, reply: BeatReply) => void;
}

/** Beats at a steady rate on kept connections, through the moment at which the service dies. */
export class SteadyLoad {
  readonly acknowledged: Acknowledged[] = [];
  /** Where in the list of agents the next beat is taken; goes on where the load before it ended. */
  #next: number;
  readonly #options: LoadOptions;

  constructor(options: LoadOptions, first = 0) {
    this.#options = options;
    this.#next = first;
  }

  get next(): number {
    return this.#next;
  }

  /**
   * Resolves when every connection has ended after the announced end.
   * @throws when one ends before it, or a reply is wrong
   */
  async run(): Promise<void> {
    const startMs = performance.now();
    let sent = 0;
    const take = () => {
      const due = Math.floor((performance.now() - startMs) * this.#options.perSecond / 1000) - sent;
      const count = Math.min(due, Math.ceil(this.#options.perSecond / 10 / CONNECTIONS));
      const { agents } = this.#options;
      const taken = Array.from({ length: Math.max(0, count) }, () => agents[this.#next++ % agents.length]!);
      sent += taken.length;
      return taken;
    };
    await Promise.all(Array.from({ length: CONNECTIONS }, () => this.#beats(take)));
  }

  async #beats(take: () => BeatInfo[]): Promise<void> {
    const { port, end } = this.#options;
    try {
      using connection = await BeatConnection.open({ hostname: "127.0.0.1", port });
      for (;;) {
        const agents = take();
        if (agents.length > 0) await this.#send(connection, agents);
        else await new Promise((resolve) => setTimeout(resolve, TICK_MS));
      }
    } catch (cause) {
      if (!end.aborted || cause instanceof WrongReply) throw cause;
    }
  }

  async #send(connection: BeatConnection, agents: BeatInfo[]): Promise<void> {
    const sentMs = Date.now();
    const replies = await connection.callAll(agents);
    const answeredMs = Date.now();
    for (const [i, agent] of agents.entries()) {
      try {
        this.#options.onReply(agent, replies[i]!);
      } catch (cause) {
        throw new WrongReply(`reply to ${agent.ip}`, { cause });
      }
      this.acknowledged.push({ ip: agent.ip, sentMs, answeredMs });
    }
  }
}

/** The service answered, and wrongly; not a connection that broke. */
class WrongReply extends Error {}
