import type { Beat } from "../../fleet/beat.ts";
import type { BeatOutcome } from "../../fleet/fleet.ts";
import { append, type BeatBatch, newBatch, sizeOf } from "./batch.ts";
import type { SharedFleet } from "./shared_fleet.ts";

/**
 * How long beats are gathered, ms. Twenty at a time cost the main thread a third of what each alone costs; nobody waits
 * for them but an agent that is new in a fleet which is nearly full.
 */
const GATHER_MS = 3;
/** How many beats may wait: those of 500,000 agents that beat once a minute, for 6 s. */
const MAX_WAITING = 50_000;
/** How many characters they may have together; one app map may have 32 Ki. */
const MAX_CHARACTERS = 16 * 1024 * 1024;

/**
 * The beats that one worker has taken, on their way to the main thread: one batch is there at a time, and the next is
 * gathered until the fleet has taken all of that one. What may wait is bounded.
 */
export class Outbox {
  readonly #worker: number;
  readonly #fleet: SharedFleet;
  readonly #send: (batch: BeatBatch) => void;
  #batch = newBatch();
  #characters = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** Who waits for the outcome of a beat, in the order of the beats. */
  readonly #asking: ((outcome: BeatOutcome) => void)[] = [];
  #onEmpty: (() => void) | undefined;

  /**
   * @param worker the number of this worker
   * @param send gives a batch to the main thread, which counts it as taken in `fleet`
   */
  constructor(worker: number, fleet: SharedFleet, send: (batch: BeatBatch) => void) {
    this.#worker = worker;
    this.#fleet = fleet;
    this.#send = send;
  }

  /** Whether no more beats may wait. */
  get isFull(): boolean {
    return sizeOf(this.#batch) >= MAX_WAITING || this.#characters >= MAX_CHARACTERS;
  }

  /** Takes a beat to the main thread. */
  add(beat: Beat, peer: string | undefined): void {
    this.#fleet.came(this.#worker, 1);
    append(this.#batch, beat, peer);
    this.#characters += beat.ip.length + beat.asset.length + beat.version.length + beat.apps.length;
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  /** Takes a beat to the main thread and waits for what becomes of it there. */
  ask(beat: Beat, peer: string | undefined): Promise<BeatOutcome> {
    this.#batch.asked.push(sizeOf(this.#batch));
    this.add(beat, peer);
    return new Promise((resolve) => this.#asking.push(resolve));
  }

  /** What became of the beats that were asked about, in their order. */
  answered(outcomes: readonly BeatOutcome[]): void {
    for (const outcome of outcomes) this.#asking.shift()?.(outcome);
  }

  /** Resolves when the fleet has taken all beats. */
  emptied(): Promise<void> {
    if (this.#timer === undefined) return Promise.resolve();
    return new Promise((resolve) => this.#onEmpty = resolve);
  }

  #flush(): void {
    this.#timer = undefined;
    const gathered = sizeOf(this.#batch);
    const isOnTheWay = this.#fleet.waiting(this.#worker) > gathered;
    if (gathered > 0 && !isOnTheWay) {
      this.#send(this.#batch);
      this.#batch = newBatch();
      this.#characters = 0;
    }
    if (gathered > 0 || isOnTheWay) this.#timer = setTimeout(() => this.#flush(), GATHER_MS);
    else this.#onEmpty?.();
  }
}
