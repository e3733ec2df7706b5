import type { Clock } from "./clock.ts";
import type { Agent } from "./fleet/agent.ts";
import type { Fleet, Transition } from "./fleet/fleet.ts";
import type { Logger } from "./log.ts";

/** How often due agents are looked for, ms; together with a busy loop this stays below the promised second. */
const INTERVAL_MS = 500;
/** How many agents one log line names; the rest is counted. */
const NAMED_AGENTS = 5;

/**
 * Reports changes of the fleet while nobody asks. It decides nothing: the fleet knows by itself who is offline, and
 * looking for the next due agent costs the same in a fleet of any size.
 */
export class Expiry {
  readonly #fleet: Fleet;
  readonly #clock: Clock;
  readonly #log: Logger;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(fleet: Fleet, { clock, log }: { clock: Clock; log: Logger }) {
    this.#fleet = fleet;
    this.#clock = clock;
    this.#log = log;
  }

  start(): void {
    this.stop();
    this.#timer = setInterval(() => this.#tick(), INTERVAL_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const transitions = this.#fleet.advance({ monotonic: this.#clock.monotonic(), wall: this.#clock.wall() });
    if (transitions.length === 0) return;
    this.#report("{count} new: {agents}", transitions.filter((each) => each.kind === "online" && each.first));
    this.#report("{count} online again: {agents}", transitions.filter((each) => each.kind === "online" && !each.first));
    this.#report("{count} offline: {agents}", transitions.filter((each) => each.kind === "offline"));
    this.#report("{count} forgotten: {agents}", transitions.filter((each) => each.kind === "forgotten"));
  }

  #report(message: string, transitions: readonly Transition[]): void {
    if (transitions.length === 0) return;
    const named = transitions.slice(0, NAMED_AGENTS).map(({ agent }) => nameOf(agent)).join(", ");
    const agents = transitions.length > NAMED_AGENTS ? `${named} ...` : named;
    this.#log.info(`agents: ${message}`, { count: transitions.length, agents });
  }
}

function nameOf({ ip, asset }: Agent): string {
  return asset === "" ? ip : `${ip} (${asset})`;
}
