import type { Agent } from "./agent.ts";
import type { FleetEvent } from "./events.ts";
import type { EndedSilence, Silence, StoredSilence } from "./silences.ts";

/** What has changed since the changes were taken the last time. */
export interface FleetChanges {
  /** Rows that are new or other than before. */
  readonly agents: readonly Agent[];
  /** Rows in which nothing but the time of the last beat is other than before: most of them, at any time. */
  readonly seen: readonly Agent[];
  /** Addresses of rows that are no more. */
  readonly forgotten: readonly string[];
  /** What happened, in the order in which it did. */
  readonly events: readonly FleetEvent[];
  /** All silences there are now; undefined while these are the same. */
  readonly silences: readonly StoredSilence[] | undefined;
  /** Silences whose time was over. */
  readonly ended: readonly EndedSilence[];
}

/** Gathers what is to be stored, told and logged until somebody takes it. */
export class Changes {
  /** Each once; what of it is other than before stands in its row, which costs a beat less than asking a Set. */
  #changed: Agent[] = [];
  #forgotten: string[] = [];
  #events: FleetEvent[] = [];
  #silences: readonly StoredSilence[] | undefined;
  #ended: EndedSilence[] = [];
  readonly #learns: () => boolean;

  /** @param learns whether other instances may have told already what happens now */
  constructor(learns: () => boolean) {
    this.#learns = learns;
  }

  /** A row is other than before. */
  touch(agent: Agent): void {
    if (agent.change === "none") this.#changed.push(agent);
    agent.change = "row";
  }

  /** A row has another time of the last beat; whether it is other than before in more is told by {@link touch}. */
  see(agent: Agent): void {
    if (agent.change !== "none") return;
    this.#changed.push(agent);
    agent.change = "seen";
  }

  /** A row is no more. */
  forget(agent: Agent): void {
    agent.change = "none";
    this.#forgotten.push(agent.ip);
  }

  /** Something happened. */
  emit(event: FleetEvent): void {
    this.#events.push(this.#learns() ? { ...event, learnt: true } : event);
  }

  /** These are the silences now. */
  replaceSilences(silences: readonly Silence[]): void {
    this.#silences = silences.map(({ stored }) => stored);
  }

  /** A silence's time was over. */
  end(ended: EndedSilence): void {
    this.#ended.push(ended);
  }

  take(): FleetChanges {
    const changes = {
      agents: this.#changed.filter(({ change }) => change === "row"),
      seen: this.#changed.filter(({ change }) => change === "seen"),
      forgotten: this.#forgotten,
      events: this.#events,
      silences: this.#silences,
      ended: this.#ended,
    };
    for (const agent of this.#changed) agent.change = "none";
    this.#changed = [];
    this.#forgotten = [];
    this.#events = [];
    this.#silences = undefined;
    this.#ended = [];
    return changes;
  }
}
