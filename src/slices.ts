/** The longest one slice of a long job may hold the event loop, ms; beats wait no longer than this behind a list. */
const SLICE_MS = 5;

/**
 * Runs long computations (a list of 100,000 rows, a catalog of 50,000 agents) in slices, so that beats and other calls
 * are served in between. One job runs at a time; the others wait their turn, which bounds the memory that such jobs
 * hold together.
 */
export class Slices {
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Runs a job to its end. The generator yields wherever it may be interrupted, every 100 microseconds or so.
   * @throws what the job throws
   */
  run<T>(job: Generator<void, T, void>): Promise<T> {
    const result = this.#last.then(() => runSliced(job));
    this.#last = result.catch(() => {});
    return result;
  }
}

async function runSliced<T>(job: Generator<void, T, void>): Promise<T> {
  for (;;) {
    const end = performance.now() + SLICE_MS;
    do {
      const step = job.next();
      if (step.done) return step.value;
    } while (performance.now() < end);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
