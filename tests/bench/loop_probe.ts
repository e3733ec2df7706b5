/**
 * Loaded before the product's own sources (`--preload`): the longest stretch for which the event loop did not come
 * round. On SIGUSR2 it is written to standard error, and begins anew.
 */
import { type Stretch, STRETCH_MARK } from "./loop_stretch.ts";

/** How often the loop is asked to come round, ms. */
const INTERVAL_MS = 1;
/** The clock of clock_gettime(2) that counts the CPU time of the calling thread. */
const CLOCK_THREAD_CPUTIME_ID = 3;

const libc = Deno.dlopen("libc.so.6", { clock_gettime: { parameters: ["i32", "buffer"], result: "i32" } });
const time = new BigInt64Array(2);

/** CPU time of this thread, ms. */
function cpuMs(): number {
  libc.symbols.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time);
  return Number(time[0]) * 1e3 + Number(time[1]) / 1e6;
}

/** How long the main thread has waited for a core, ms (proc(5), schedstat). */
function coreWaitMs(): number {
  return Number(Deno.readTextFileSync("/proc/self/schedstat").split(" ")[1]) / 1e6;
}

function look() {
  return { atMs: performance.now(), cpuMs: cpuMs(), coreWaitMs: coreWaitMs() };
}

let last = look();
let longest: Stretch = { cpuMs: 0, busyMs: 0 };

Deno.unrefTimer(setInterval(() => {
  const now = look();
  const busyMs = now.atMs - last.atMs - (now.coreWaitMs - last.coreWaitMs) - INTERVAL_MS;
  longest = { cpuMs: Math.max(longest.cpuMs, now.cpuMs - last.cpuMs), busyMs: Math.max(longest.busyMs, busyMs) };
  last = now;
}, INTERVAL_MS));

Deno.addSignalListener("SIGUSR2", () => {
  Deno.stderr.writeSync(new TextEncoder().encode(`${STRETCH_MARK}${JSON.stringify(longest)}\n`));
  longest = { cpuMs: 0, busyMs: 0 };
});
