/** How many answers may wait while the broker takes none. */
const MAX_WAITING = 1_000;
/** How many bytes of answers may wait while the broker takes none; also of large ones while one is under way. */
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/** Answers that wait, oldest first; beyond the bounds the oldest goes. */
export class Backlog<T extends { readonly content: { readonly length: number } }> {
  #answers: T[] = [];
  #bytes = 0;

  /** How many wait. */
  get size(): number {
    return this.#answers.length;
  }

  /** Adds one. @returns those that went for it */
  push(answer: T): T[] {
    this.#answers.push(answer);
    this.#bytes += answer.content.length;
    const gone: T[] = [];
    while (this.#answers.length > MAX_WAITING || (this.#bytes > MAX_WAITING_BYTES && this.#answers.length > 1)) {
      const oldest = this.shift();
      if (oldest !== undefined) gone.push(oldest);
    }
    return gone;
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    const answer = this.#answers.shift();
    if (answer !== undefined) this.#bytes -= answer.content.length;
    return answer;
  }

  /** Takes all. */
  clear(): T[] {
    this.#bytes = 0;
    return this.#answers.splice(0);
  }
}
