const ROOM = 0;
const REFUSES_FOREIGN = 1;
const IS_KNOCKING = 2;
/** Where the numbers of the workers begin. */
const WAITING = 3;

/** What the workers must know of the fleet at any time, in shared memory; written by the main thread but where it says otherwise. */
export class SharedFleet {
  /** To be handed to the workers. */
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  /** For so many workers. */
  static of(workers: number): SharedFleet {
    return new SharedFleet(new SharedArrayBuffer(4 * (WAITING + workers)));
  }

  /** How many new rows there was room for when beats were last taken. */
  get room(): number {
    return Atomics.load(this.#cells, ROOM);
  }

  set room(rows: number) {
    Atomics.store(this.#cells, ROOM, rows);
  }

  /** Whether beats are refused that claim another address than they come from. */
  get refusesForeign(): boolean {
    return Atomics.load(this.#cells, REFUSES_FOREIGN) === 1;
  }

  set refusesForeign(refuses: boolean) {
    Atomics.store(this.#cells, REFUSES_FOREIGN, Number(refuses));
  }

  /** Whether the main thread knocks at the plain port. */
  get isKnocking(): boolean {
    return Atomics.load(this.#cells, IS_KNOCKING) === 1;
  }

  set isKnocking(knocks: boolean) {
    Atomics.store(this.#cells, IS_KNOCKING, Number(knocks));
  }

  /** How many beats all workers have answered, or ask about, that the fleet has not taken yet. */
  get waitingOfAll(): number {
    let sum = 0;
    for (let i = WAITING; i < this.#cells.length; i++) sum += Atomics.load(this.#cells, i);
    return sum;
  }

  /** The same of one worker, numbered from 0. */
  waiting(worker: number): number {
    return Atomics.load(this.#cells, WAITING + worker);
  }

  /** Counts beats that a worker has; called by that worker. */
  came(worker: number, beats: number): void {
    Atomics.add(this.#cells, WAITING + worker, beats);
  }

  /** Counts beats of a worker that the fleet has taken. */
  took(worker: number, beats: number): void {
    Atomics.sub(this.#cells, WAITING + worker, beats);
  }

  /** Counts nothing any more that a worker had when it ended. */
  lost(worker: number): void {
    Atomics.store(this.#cells, WAITING + worker, 0);
  }
}
