import type { Clock } from "../clock.ts";
import { FaultLog, type Logger } from "../log.ts";
import type { NotifySocket, SystemdEnvironment } from "./notify.ts";

/** The parts of the service that must move; each proves what the other cannot. */
export interface Pulse {
  /**
   * Up to which moment of the monotonic clock agents were judged. That it grows proves that the event loop ran, that
   * the clock moves and that the expiry of agents came to its end with it.
   */
  readonly judgedUntilMs: () => number | undefined;
  /** Whether the beat port accepts connections; proves that agents reach this process at all. Never rejects. */
  readonly acceptsBeats: (timeoutMs: number) => Promise<boolean>;
}

/** What a watchdog needs. */
export interface WatchdogOptions {
  readonly socket: NotifySocket;
  readonly pulse: Pulse;
  readonly log: Logger;
  readonly clock: Clock;
}

/** After a look that found a standstill the next one comes sooner: part of the period between two looks. */
const RETRY_SHARE = 1 / 8;
/** How much of the period the beat port may take to accept. */
const ACCEPT_SHARE = 1 / 4;

/**
 * Tells systemd `WATCHDOG=1` as long as the service really works: never from a timer alone, which would go on ticking
 * beside a dead expiry clock or a port that nobody serves. A service that stands still is ended and started again by
 * systemd, and what agents and modules see is a restart.
 */
export class Watchdog {
  readonly #options: WatchdogOptions;
  readonly #periodMs: number;
  readonly #faults: FaultLog;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> = Promise.resolve();
  #stopped = false;
  #judgedUntilMs: number | undefined;

  /** @param periodMs from one look to the next, ms; half of what systemd allows */
  constructor(periodMs: number, options: WatchdogOptions) {
    this.#options = options;
    this.#periodMs = periodMs;
    this.#faults = new FaultLog(options.log, () => options.clock.monotonic());
  }

  start(): void {
    this.#judgedUntilMs = this.#options.pulse.judgedUntilMs();
    this.#next(this.#periodMs);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #next(delayMs: number): void {
    this.#timer = setTimeout(() => this.#looking = this.#look(), delayMs);
  }

  async #look(): Promise<void> {
    const standstill = await this.#standstill();
    if (this.#stopped) return;
    if (standstill === undefined) void this.#options.socket.send("WATCHDOG=1");
    else this.#faults.error("watchdog", "systemd: no sign of life is given, because {standstill}", { standstill });
    this.#next(standstill === undefined ? this.#periodMs : this.#periodMs * RETRY_SHARE);
  }

  /** What stands still, in words. */
  async #standstill(): Promise<string | undefined> {
    const { pulse } = this.#options;
    const until = pulse.judgedUntilMs();
    const moved = until !== undefined && (this.#judgedUntilMs === undefined || until > this.#judgedUntilMs);
    if (!moved) return "agents are not judged any more: the expiry clock stands still";
    this.#judgedUntilMs = until;
    if (!await pulse.acceptsBeats(this.#periodMs * ACCEPT_SHARE)) return "the beat port does not accept connections";
    return undefined;
  }
}

/**
 * How often the watchdog wants a sign of life, ms: half of the time that systemd allows, as sd_watchdog_enabled(3)
 * recommends.
 * @param pid the own process id
 * @returns undefined when systemd wants none from this process
 */
export function watchdogPeriodMs(
  { watchdogUsec, watchdogPid }: SystemdEnvironment,
  pid: number,
): number | undefined {
  if (watchdogUsec === undefined || !/^[1-9]\d{0,15}$/.test(watchdogUsec)) return undefined;
  if (watchdogPid !== undefined && watchdogPid !== String(pid)) return undefined;
  return Number(watchdogUsec) / 2_000;
}
