import {
  configureSync,
  getJsonLinesFormatter,
  getLogger,
  getTextFormatter,
  type Logger,
  type LogLevel,
  type LogRecord,
  resetSync,
} from "@logtape/logtape";
import { plainJson } from "./quoted.ts";

export type { Logger, LogLevel };

/** The syslog priority that journald reads from a `<N>` prefix (sd-daemon(3)). */
const JOURNAL_PRIORITY: Record<LogLevel, number> = { trace: 7, debug: 7, info: 6, warning: 4, error: 3, fatal: 2 };

/** How the log is written. */
export interface LogOptions {
  /** The lowest level that is written. */
  level: LogLevel;
  /** One text line or one JSON object a record. */
  format: "text" | "json";
  /** Whether standard error is journald: then text lines carry its priority and no time. */
  journal: boolean;
  /** Takes each finished line, its line end included. */
  write: (line: string) => void;
}

/** Opens the process's log and returns its root logger. Opening it again replaces the former one. */
export function openLog(options: LogOptions): Logger {
  const format = formatter(options);
  configureSync({
    reset: true,
    sinks: { out: (record: LogRecord) => options.write(format(record)) },
    loggers: [
      { category: "elves-heartbeat", sinks: ["out"], lowestLevel: options.level },
      // logtape warns about its own set-up here; nothing of it concerns an operator.
      { category: ["logtape", "meta"], sinks: ["out"], lowestLevel: "error" },
    ],
  });
  return getLogger("elves-heartbeat");
}

/** Closes the log; later records are dropped. */
export function closeLog(): void {
  resetSync();
}

/** Writes log lines to standard error, which is where systemd and containers look for them. */
export function writeToStderr(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line));
}

function formatter({ format, journal }: LogOptions): (record: LogRecord) => string {
  const value = (part: unknown, inspect: (part: unknown) => string) =>
    isError(part) ? oneLine(describe(part)) : typeof part === "string" ? oneLine(part) : inspect(part);
  if (format === "json") {
    const json = getJsonLinesFormatter();
    const message = getTextFormatter({ value, lineEnding: "lf", format: ({ message }) => message });
    return (record) => json({ ...record, message: [message(record).trimEnd()] });
  }
  const text = getTextFormatter({
    timestamp: journal ? "none" : "rfc3339",
    value,
    // Messages begin with the part of the service that they are about, so the category would only repeat it.
    format: ({ timestamp, level, message }) => journal ? message : `${timestamp} ${level} ${message}`,
  });
  return journal ? (record) => `<${JOURNAL_PRIORITY[record.level]}>${text(record)}` : text;
}

/** Text as it is, or quoted where it could otherwise pass for a log line of its own, or make one read otherwise. */
function oneLine(text: string): string {
  return /[\p{Cc}\p{Bidi_Control}\u2028\u2029]/u.test(text) ? plainJson(text) ?? "" : text;
}

function isError(value: unknown): value is Error {
  return value instanceof Error;
}

/** An error in one line: what failed and, behind it, why. */
function describe(error: Error): string {
  const own = error.message === "" ? error.name : error.message;
  return isError(error.cause) ? `${own}: ${describe(error.cause)}` : own;
}

/** How long a repeating fault stays silent after a line about it, ms. */
const FAULT_SILENCE_MS = 60_000;
/** How many kinds of fault are remembered; more than the code has, so that a mistake cannot grow memory. */
const MAX_FAULTS = 256;

/**
 * Warnings about faults that peers can repeat at will: at most one line a minute for each kind, which says how many
 * there were since the line before.
 */
export class FaultLog {
  readonly #log: Logger;
  readonly #now: () => number;
  readonly #faults = new Map<string, { silentUntil: number; suppressed: number }>();

  /** @param now the monotonic clock, ms */
  constructor(log: Logger, now: () => number) {
    this.#log = log;
    this.#now = now;
  }

  /**
   * Warns, unless the same kind was warned about within the last minute.
   * @param kind a word from a closed set, never text from a peer
   */
  warn(kind: string, message: string, properties: Record<string, unknown> = {}): void {
    this.#tell("warn", kind, { message, properties });
  }

  /** Counts more faults of a kind that was warned about, for the next line about it. */
  repeated(kind: string, times: number): void {
    const fault = this.#faults.get(kind);
    if (fault !== undefined) fault.suppressed += times;
  }

  /** The same as an error. */
  error(kind: string, message: string, properties: Record<string, unknown> = {}): void {
    this.#tell("error", kind, { message, properties });
  }

  #tell(
    level: "warn" | "error",
    kind: string,
    { message, properties }: { message: string; properties: Record<string, unknown> },
  ): void {
    const now = this.#now();
    const fault = this.#faults.get(kind);
    if (fault !== undefined && now < fault.silentUntil) {
      fault.suppressed++;
      return;
    }
    if (this.#faults.size >= MAX_FAULTS) this.#faults.clear();
    this.#faults.set(kind, { silentUntil: now + FAULT_SILENCE_MS, suppressed: 0 });
    if (fault === undefined || fault.suppressed === 0) return this.#log[level](message, properties);
    const { suppressed } = fault;
    this.#log[level](`${message} ({suppressed} more since the last line)`, { ...properties, suppressed });
  }
}
