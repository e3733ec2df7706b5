import type { FaultProperties } from "./protocol.ts";

/** How often a kind of fault is told at most, ms; the log itself is silent for longer. */
const PERIOD_MS = 1_000;

/** Where a fault log of another thread is. */
export interface FaultListener {
  /** A fault, the first of its kind within a second. */
  fault(kind: string, message: string, properties: FaultProperties): void;
  /** There were so many more of a kind. */
  repeated(kind: string, times: number): void;
}

/** Tells another thread of faults that peers can repeat at will: once a second each kind, and how many there were. */
export class FaultRelay {
  readonly #listener: FaultListener;
  /** How many more there were of each kind that was told within the period. */
  readonly #more = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(listener: FaultListener) {
    this.#listener = listener;
  }

  /** As FaultLog does. */
  warn(kind: string, message: string, properties: Record<string, unknown> = {}): void {
    const more = this.#more.get(kind);
    if (more !== undefined) return void this.#more.set(kind, more + 1);
    this.#more.set(kind, 0);
    this.#timer ??= setTimeout(() => this.flush(), PERIOD_MS);
    const plain = Object.entries(properties).map(([name, value]) => [name, plainValue(value)] as const);
    this.#listener.fault(kind, message, Object.fromEntries(plain));
  }

  /** Tells how many there were, and begins another period. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [kind, times] of this.#more) if (times > 0) this.#listener.repeated(kind, times);
    this.#more.clear();
  }
}

function plainValue(value: unknown): string | number | Error {
  return typeof value === "number" ? value : value instanceof Error ? plainError(value) : String(value);
}

/** An error, with what caused it, that another thread can have: those of the runtime may hold what it cannot. */
export function plainError(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const text = error.message === "" ? error.name : error.message;
  return error.cause === undefined ? new Error(text) : new Error(text, { cause: plainError(error.cause) });
}
