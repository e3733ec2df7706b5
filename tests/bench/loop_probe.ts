/**
 * Loaded before the product's own sources (`--preload`): the longest stretch for which the event loop did not come
 * round, in CPU time of its own thread, which other processes on the machine do not lengthen. On SIGUSR2 it is written
 * to standard error, and begins anew.
 */

/** How often the loop is asked to come round, ms. */
const INTERVAL_MS = 1;
/** The clock of time(7) that counts the CPU time of the calling thread. */
const CLOCK_THREAD_CPUTIME_ID = 3;

const libc = Deno.dlopen("libc.so.6", {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});
const time = new BigInt64Array(2);

function threadMs(): number {
  libc.symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

let last = threadMs();
let longestMs = 0;

Deno.unrefTimer(setInterval(() => {
  const now = threadMs();
  longestMs = Math.max(longestMs, now - last);
  last = now;
}, INTERVAL_MS));

Deno.addSignalListener("SIGUSR2", () => {
  Deno.stderr.writeSync(new TextEncoder().encode(`longest stretch: ${longestMs.toFixed(2)} ms\n`));
  longestMs = 0;
});
