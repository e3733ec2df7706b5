import type { BeatOutcome } from "../../fleet/fleet.ts";
import { startThread } from "../../thread.ts";
import { type BeatBatch, sizeOf } from "./batch.ts";
import type { FaultListener } from "./fault_relay.ts";
import type { FromWorker, NumberedCatalog, ToWorker, WorkerStart } from "./protocol.ts";
import type { Certificate } from "../door.ts";

/** What workers bring to the main thread. */
export interface WorkerListener extends FaultListener {
  /** Beats; `done` is to be called when they are taken, with the outcomes of those that were asked about. */
  beats(batch: BeatBatch, done: (outcomes: readonly BeatOutcome[]) => void): void;
  /** The batch of so many beats is taken. */
  took(worker: number, beats: number): void;
  /** Connections cannot be accepted. */
  starved(): void;
  /** Whether a connection from there, which a worker has accepted, is a knock. */
  isKnock(worker: number, from: { hostname: string; port: number }): Promise<boolean>;
  /** A worker ended by a fault of its own. */
  crashed(worker: number, cause: Error): void;
}

/** Somebody who waits for a word of the worker. */
interface Waiting {
  readonly hears: (message: FromWorker) => boolean;
  readonly reject: (cause: Error) => void;
}

/** The main thread's end of the line to one worker, from its start to its end. */
export class WorkerLink {
  readonly #number: number;
  readonly #worker: Worker;
  readonly #listener: WorkerListener;
  readonly #waiting = new Set<Waiting>();
  #ended: Error | undefined;

  /**
   * Starts the thread; it listens when {@link start} says so.
   * @param script what it runs
   */
  constructor(worker: number, script: URL, listener: WorkerListener) {
    this.#number = worker;
    this.#listener = listener;
    this.#worker = startThread<FromWorker>(script, {
      told: (message) => this.#told(message),
      crashed: (fault) => this.#crashed(fault),
    }, `beats ${worker}`);
  }

  /**
   * Has the worker listen.
   * @throws Error when it cannot
   */
  async start(start: WorkerStart): Promise<void> {
    const answered = this.#answer(({ kind }) => kind === "listening" || kind === "cannotListen");
    this.#tell({ kind: "start", start });
    const answer = await answered;
    if (answer.kind === "cannotListen") throw answer.cause;
  }

  /**
   * Has the worker answer from another catalog. Resolves when it does.
   * @throws Error when it ended
   */
  async replaceCatalog(catalog: NumberedCatalog): Promise<void> {
    const answered = this.#answer((message) => message.kind === "hasCatalog" && message.number === catalog.number);
    this.#tell({ kind: "catalog", catalog });
    await answered;
  }

  /**
   * Has the worker show another certificate.
   * @throws Error when it cannot
   */
  async renew(certificate: Certificate): Promise<void> {
    const answered = this.#answer(({ kind }) => kind === "renewed");
    this.#tell({ kind: "renew", certificate });
    const answer = await answered;
    if (answer.kind === "renewed" && answer.cause !== undefined) throw answer.cause;
  }

  /**
   * Has the worker close its ports and end its connections within the time. Resolves when the fleet has its last beats.
   * @throws Error when it ended
   */
  async stop(drainTimeoutMs: number): Promise<void> {
    const answered = this.#answer(({ kind }) => kind === "stopped");
    this.#tell({ kind: "stop", drainTimeoutMs });
    await answered;
  }

  /** Ends the thread, whatever it does. Who waits for a word of it is told so. */
  terminate(): void {
    this.#end(new Error("it was ended"));
  }

  #tell(message: ToWorker): void {
    if (this.#ended === undefined) this.#worker.postMessage(message);
  }

  #answer(isAnswer: (message: FromWorker) => boolean): Promise<FromWorker> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      const waiting = {
        hears: (message: FromWorker) => {
          if (!isAnswer(message)) return false;
          resolve(message);
          return true;
        },
        reject,
      };
      this.#waiting.add(waiting);
    });
  }

  #told(message: FromWorker): void {
    switch (message.kind) {
      case "beats":
        return this.#beats(message.batch);
      case "fault":
        return this.#listener.fault(message.fault, message.message, message.properties);
      case "repeated":
        return this.#listener.repeated(message.fault, message.times);
      case "starved":
        return this.#listener.starved();
      case "knock":
        return void this.#knocked(message);
      default:
        for (const waiting of this.#waiting) if (waiting.hears(message)) this.#waiting.delete(waiting);
    }
  }

  #beats(batch: BeatBatch): void {
    this.#listener.beats(batch, (outcomes) => {
      // What an ended worker had was counted out when it ended.
      if (this.#ended !== undefined) return;
      if (outcomes.length > 0) this.#tell({ kind: "verdicts", outcomes });
      this.#listener.took(this.#number, sizeOf(batch));
    });
  }

  async #knocked({ id, hostname, port }: FromWorker & { kind: "knock" }): Promise<void> {
    const isKnock = await this.#listener.isKnock(this.#number, { hostname, port });
    this.#tell({ kind: "knock", id, isKnock });
  }

  #crashed(message: string): void {
    if (this.#ended !== undefined) return;
    const cause = new Error(message);
    this.#end(cause);
    this.#listener.crashed(this.#number, cause);
  }

  #end(cause: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = cause;
    this.#worker.terminate();
    for (const { reject } of this.#waiting) reject(cause);
    this.#waiting.clear();
  }
}
