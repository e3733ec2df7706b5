/** How often a condition is looked at again, ms. */
const POLL_MS = 10;

/**
 * Waits until the condition holds: neither false nor undefined. Returns what it gave.
 * @throws Error naming what was waited for, after `timeoutMs`; what the condition throws, at once
 */
export async function waitFor<T>(
  condition: () => T | Promise<T>,
  { timeoutMs, what }: { timeoutMs: number; what: string },
): Promise<Exclude<T, false | undefined>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value !== false && value !== undefined) return value as Exclude<T, false | undefined>;
    if (performance.now() >= deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Lets time pass, where time is what a test is about; nothing that is waited for may take its place. */
export async function elapsed(ms: number): Promise<void> {
  const until = performance.now() + ms;
  await waitFor(() => performance.now() > until, { timeoutMs: 2 * ms, what: `${ms} ms to pass` });
}
