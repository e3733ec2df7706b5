import type { Clock } from "../../clock.ts";

/** How long an answer serves others who ask the same, ms after it was made. */
const SHARED_MS = 2_000;
/** How many different answers are kept. */
const MAX_ANSWERS = 32;

interface SharedAnswer {
  /** What the answer was made from. */
  readonly basis: unknown;
  readonly answer: Promise<string>;
  /** Monotonic time, ms; Infinity while it is being made. */
  untilMs: number;
}

/** Answers to expensive questions, made once for all who ask the same at about the same time. */
export class SharedAnswers {
  readonly #clock: Clock;
  readonly #answers = new Map<string, SharedAnswer>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The answer to a question.
   * @param question equal for equal questions
   * @param basis an answer made from something else is not given any more
   * @throws what `make` rejects with; the next one who asks has it tried again
   */
  get(question: string, basis: unknown, make: () => Promise<string>): Promise<string> {
    this.#dropOld(basis);
    const known = this.#answers.get(question);
    if (known !== undefined) return known.answer;
    const shared: SharedAnswer = { basis, answer: make(), untilMs: Infinity };
    this.#answers.set(question, shared);
    shared.answer.then(
      () => shared.untilMs = this.#clock.monotonic() + SHARED_MS,
      () => shared.untilMs = -Infinity,
    );
    return shared.answer;
  }

  #dropOld(basis: unknown): void {
    const now = this.#clock.monotonic();
    for (const [question, shared] of this.#answers) {
      const isOld = shared.untilMs <= now || shared.basis !== basis;
      if (isOld || this.#answers.size >= MAX_ANSWERS) this.#answers.delete(question);
    }
  }
}
