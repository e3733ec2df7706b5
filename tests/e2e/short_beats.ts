import { beat, type BeatInfo } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import type { Order, Window } from "./supervised.ts";

/** How many agents beat at the same time. */
const AT_ONCE = 10;
/** How long one of these places pauses between two beats, ms. */
const PAUSE_MS = 5;

/** A beat that got no answer: from where to where in the order of the test. */
export interface Unanswered extends Window {
  readonly ip: string;
  readonly cause: unknown;
}

/** A fleet that beats all the time, one agent after the other, a connection for each beat as real agents do. */
export class ShortBeats implements AsyncDisposable {
  /** How many answers each agent has had. */
  readonly answers = new Map<string, number>();
  /** Every different answer. */
  readonly texts = new Set<string>();
  readonly unanswered: Unanswered[] = [];
  readonly #port: number;
  readonly #agents: readonly BeatInfo[];
  readonly #order: Order;
  readonly #beating: Promise<unknown>;
  #next = 0;
  #stopped = false;

  constructor({ port, agents, order }: { port: number; agents: readonly BeatInfo[]; order: Order }) {
    this.#port = port;
    this.#agents = agents;
    this.#order = order;
    this.#beating = Promise.all(Array.from({ length: AT_ONCE }, () => this.#beat()));
  }

  /** Waits until every agent has had one more answer to a beat. */
  async round(): Promise<void> {
    const before = new Map(this.answers);
    const isOn = ({ ip }: BeatInfo) => (this.answers.get(ip) ?? 0) > (before.get(ip) ?? 0) + 1;
    await waitFor(() => this.#agents.every(isOn), { timeoutMs: 60_000, what: "an answer to every agent" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#beating;
  }

  async #beat(): Promise<void> {
    while (!this.#stopped) {
      const agent = this.#agents[this.#next++ % this.#agents.length]!;
      const from = this.#order.next();
      try {
        const { text, exception } = await beat({ hostname: "127.0.0.1", port: this.#port }, agent);
        this.texts.add(text ?? `exception ${exception?.type}`);
        this.answers.set(agent.ip, (this.answers.get(agent.ip) ?? 0) + 1);
      } catch (cause) {
        this.unanswered.push({ ip: agent.ip, from, to: this.#order.next(), cause });
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
