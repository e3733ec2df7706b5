/** The shortest wait before a retry, ms. */
export const MIN_RETRY_MS = 500;
/** The longest wait before a retry, ms. */
export const MAX_RETRY_MS = 15_000;

/**
 * How long to wait before the next try of a peer that did not answer: full jitter between {@link MIN_RETRY_MS} and a
 * ceiling that doubles with each failure up to {@link MAX_RETRY_MS}, so that a fleet of clients does not come back in
 * one wave.
 *
 * @param failures tries that failed in a row, from 1
 * @param random a number in [0, 1), injected so that tests can choose it
 */
export function retryDelayMs(failures: number, random: () => number = Math.random): number {
  const ceiling = Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(failures, 16));
  return Math.round(MIN_RETRY_MS + random() * (ceiling - MIN_RETRY_MS));
}
