import type { LocalCatalog, SupervisorCatalog } from "../../apps/keeper.ts";
import type { Clock } from "../../clock.ts";
import type { Instant } from "../../fleet/agent.ts";
import type { Fleet } from "../../fleet/fleet.ts";
import type { Operations } from "../../operations.ts";
import type { Slices } from "../../slices.ts";
import type { Store } from "../../store/store.ts";
import { Problem } from "../problem.ts";

/** What the API shows and changes. */
export interface ApiParts {
  readonly fleet: Fleet;
  readonly catalog: LocalCatalog | SupervisorCatalog;
  readonly store: Store;
  readonly operations: Operations;
  readonly slices: Slices;
  readonly clock: Clock;
  /** The data folder; a backup is made in it before it is sent. */
  readonly dataDir: string;
}

/** This moment on both clocks. */
export function instant(clock: Clock): Instant {
  return { monotonic: clock.monotonic(), wall: clock.wall() };
}

/** A long job for one caller, given up when that caller has gone: a page that searches at every key drops most. */
export function* whileWanted<T>(signal: AbortSignal, job: Generator<void, T, void>): Generator<void, T, void> {
  for (;;) {
    if (signal.aborted) throw new Problem(503, "the caller did not wait for the answer");
    const step = job.next();
    if (step.done) return step.value;
    yield;
  }
}
