import { startThread } from "../thread.ts";
import { StoreFault } from "./fault.ts";
import type { Answer, Operation, Operations } from "./protocol.ts";

interface Waiting {
  readonly resolve: (output: unknown) => void;
  readonly reject: (cause: StoreFault) => void;
}

/** The main thread's end of the line to one worker. */
export class WorkerLink {
  readonly #worker: Worker;
  readonly #onCrash: (fault: StoreFault) => void;
  readonly #waiting: Waiting[] = [];
  #ended: StoreFault | undefined;
  /** How many questions were answered. */
  answered = 0;

  /** @param onCrash called once when the worker ended by a fault of its own; after the questions to it were rejected */
  constructor(url: URL, onCrash: (fault: StoreFault) => void) {
    this.#onCrash = onCrash;
    this.#worker = startThread<Answer>(url, {
      told: (answer) => this.#answered(answer),
      crashed: (fault) => this.#crashed(fault),
    });
  }

  /** How many questions have no answer yet. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /**
   * Asks, and waits for the answer as long as it takes.
   * @throws {StoreFault} what the worker says, or that it ended
   */
  ask<O extends Operation>(operation: O, input: Operations[O]["input"]): Promise<Operations[O]["output"]> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve: (output) => resolve(output as Operations[O]["output"]), reject });
      this.#worker.postMessage({ operation, input });
    });
  }

  /** Ends the worker; open questions are rejected. */
  terminate(): void {
    this.#end(new StoreFault("disk", "the store is closed"));
  }

  #answered(answer: Answer): void {
    this.answered++;
    const asked = this.#waiting.shift();
    if (answer.ok) asked?.resolve(answer.output);
    else asked?.reject(new StoreFault(answer.kind, answer.message));
  }

  #crashed(message: string): void {
    if (this.#ended !== undefined) return;
    const fault = new StoreFault("disk", `its worker ended: ${message}`);
    this.#end(fault);
    this.#onCrash(fault);
  }

  #end(fault: StoreFault): void {
    if (this.#ended !== undefined) return;
    this.#ended = fault;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.splice(0)) reject(fault);
  }
}
