import type { Buffer } from "node:buffer";
import type { Clock } from "../clock.ts";
import type { Agent } from "../fleet/agent.ts";
import type { Sharing } from "../fleet/sharing.ts";
import { encodeRecord, type SharedBeat } from "./records.ts";

/** The most beats in a record, about 5 ms of work. */
const MAX_BEATS = 5_000;
/** How long the texts of a record may be together, characters; app maps have up to 32 KiB. */
const MAX_LENGTH = 1024 * 1024;

/** What the passing on of beats needs. */
export interface BeatsOutOptions {
  readonly run: string;
  readonly clock: Clock;
  readonly sharing: Pick<Sharing, "takeOwn" | "giveBack">;
  /** Appends a record to the stream. @returns whether it is there; never rejects */
  readonly publish: (content: Buffer) => Promise<boolean>;
}

/**
 * Passes on the beats that came here. Of each agent only the newest waits, so that what waits is bounded by the number
 * of agents, however long the broker is away.
 */
export class BeatsOut {
  readonly #options: BeatsOutOptions;
  #running: Promise<boolean> | undefined;

  constructor(options: BeatsOutOptions) {
    this.#options = options;
  }

  /**
   * Passes on what waits; one run at a time, so that a slow broker gets fewer and larger records.
   * @returns whether all of it is in the stream
   */
  flush(): Promise<boolean> {
    this.#running ??= this.#flush().finally(() => this.#running = undefined);
    return this.#running;
  }

  async #flush(): Promise<boolean> {
    const agents = this.#options.sharing.takeOwn();
    for (let first = 0; first < agents.length;) {
      const last = endOfRecord(agents, first);
      // Other work gets its turn between two records.
      if (first > 0) await new Promise((resolve) => setTimeout(resolve, 0));
      if (!await this.#publish(agents.slice(first, last))) {
        this.#options.sharing.giveBack(agents.slice(first));
        return false;
      }
      first = last;
    }
    return true;
  }

  #publish(agents: readonly Agent[]): Promise<boolean> {
    const { run, clock, publish } = this.#options;
    const nowMs = clock.monotonic();
    const beats = agents.map((agent): SharedBeat => ({
      ip: agent.ip,
      asset: agent.asset,
      version: agent.version,
      apps: agent.appsText,
      stampMs: Math.floor(agent.lastSeenMs),
      ageMs: Math.max(0, Math.round(nowMs - agent.lastBeatMs)),
      peer: agent.oddities?.peer,
    }));
    return publish(encodeRecord({ run, sentMs: clock.wall(), record: { kind: "beats", beats } }));
  }
}

function endOfRecord(agents: readonly Agent[], first: number): number {
  let length = 0;
  for (let i = first; i < agents.length && i - first < MAX_BEATS; i++) {
    length += agents[i]?.appsText.length ?? 0;
    if (length > MAX_LENGTH && i > first) return i;
  }
  return Math.min(agents.length, first + MAX_BEATS);
}
