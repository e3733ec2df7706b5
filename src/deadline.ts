/** What {@link within} gives where the time was over first; nothing else is equal to it. */
export const LATE: unique symbol = Symbol("late");

/**
 * Waits for a promise, but not longer than told. What it comes to after that concerns nobody here: its work goes on, and
 * if it is rejected then, that is not an unhandled rejection.
 *
 * @param ms how long; the timer does not outlive the wait
 * @returns what the promise gives, or {@link LATE} where that was not known in time; what is known already is in time
 * @throws what the promise is rejected with in time
 */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | typeof LATE> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((resolve) => timer = setTimeout(() => resolve(LATE), ms));
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
