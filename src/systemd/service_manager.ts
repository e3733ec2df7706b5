import type { Clock } from "../clock.ts";
import type { Logger } from "../log.ts";
import { NotifySocket, type SystemdEnvironment } from "./notify.ts";
import { type StatusFacts, statusLine } from "./status_line.ts";
import { type Pulse, Watchdog, watchdogPeriodMs } from "./watchdog.ts";

/** How often the status line is made anew, and while the service starts more time is asked for, ms. */
const INTERVALS = { statusMs: 5_000, extendMs: 10_000 };
/** How much time for the start is asked for, ms. */
const EXTENSION_MS = 30_000;
/** How long a start may take at all, ms: a large database on a slow disk does, a start that hangs must end. */
const LONGEST_START_MS = 600_000;

/** What telling systemd needs. */
export interface ServiceManagerOptions {
  readonly log: Logger;
  readonly clock: Clock;
  readonly intervals?: typeof INTERVALS;
}

/** What tells about a service that has started. */
export interface RunningService {
  readonly pulse: Pulse;
  summary(): StatusFacts;
}

/**
 * Tells systemd how the service is (sd_notify(3)): starting, ready, how the fleet is, that it lives, reloading,
 * stopping. Outside of systemd it does nothing, and nowhere does the service wait for it or fail by it.
 *
 * A reload is told without MONOTONIC_USEC: only `Type=notify-reload` reads that, which systemd 252 does not have, and
 * Deno's clock begins with the process, not with the machine.
 */
export class ServiceManager {
  readonly #environment: SystemdEnvironment;
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #socket: NotifySocket;
  readonly #intervals: typeof INTERVALS;
  #timer: ReturnType<typeof setInterval> | undefined;
  #watchdog: Watchdog | undefined;
  #status = "";
  #isReady = false;

  constructor(environment: SystemdEnvironment, { log, clock, intervals = INTERVALS }: ServiceManagerOptions) {
    this.#environment = environment;
    this.#log = log;
    this.#clock = clock;
    this.#socket = new NotifySocket(environment.notifySocket, log);
    this.#intervals = intervals;
  }

  /** The service begins to start; from now on more time is asked for as long as the event loop runs. */
  starting(): void {
    if (!this.#socket.isOpen) return;
    this.#tell("starting");
    const deadline = this.#clock.monotonic() + LONGEST_START_MS;
    this.#timer = setInterval(() => {
      if (this.#clock.monotonic() < deadline) void this.#socket.send(`EXTEND_TIMEOUT_USEC=${EXTENSION_MS * 1_000}`);
    }, this.#intervals.extendMs);
  }

  /** The service takes beats. */
  ready(service: RunningService): void {
    if (!this.#socket.isOpen) return;
    clearInterval(this.#timer);
    this.#isReady = true;
    this.#status = statusLine(service.summary());
    void this.#socket.send("READY=1", `STATUS=${this.#status}`);
    this.#timer = setInterval(() => this.#tell(statusLine(service.summary())), this.#intervals.statusMs);
    const periodMs = watchdogPeriodMs(this.#environment, Deno.pid);
    if (periodMs === undefined) return;
    this.#watchdog = new Watchdog(periodMs, {
      socket: this.#socket,
      pulse: service.pulse,
      log: this.#log,
      clock: this.#clock,
    });
    this.#watchdog.start();
  }

  /** Runs a reload of the configuration, between the two messages that systemd wants around it. */
  reloading(reload: () => void): void {
    // Before the start is over and once the stop has begun READY=1 would say something else.
    if (!this.#isReady) return reload();
    void this.#socket.send("RELOADING=1");
    try {
      reload();
    } finally {
      void this.#socket.send("READY=1");
    }
  }

  /** The service stops, for a reason. */
  async stopping(reason: string): Promise<void> {
    clearInterval(this.#timer);
    this.#isReady = false;
    void this.#socket.send("STOPPING=1", `STATUS=stopping: ${reason}`);
    await this.#watchdog?.stop();
  }

  /** Sends what waits, and lets go. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#watchdog?.stop();
    await this.#socket.close();
  }

  #tell(status: string): void {
    if (status === this.#status) return;
    this.#status = status;
    void this.#socket.send(`STATUS=${status}`);
  }
}
