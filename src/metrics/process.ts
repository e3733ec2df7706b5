import process from "node:process";
import { getHeapStatistics } from "node:v8";
import type { EventLoopWatch } from "./event_loop.ts";
import type { Series } from "./series.ts";

const MICROSECONDS = 1_000_000;
/** The open files of this process. Newer versions of Deno show it only to programs that may do everything. */
const DESCRIPTORS = "/proc/self/fd";

/**
 * The figures of the process under the names that Prometheus clients use everywhere. prom-client's own reading of them
 * needs permissions that this program does not have, and timers that Deno does not implement.
 */
export function processSeries(series: Series, loop: EventLoopWatch): void {
  series.counter("process_cpu_user_seconds_total", {
    help: "User CPU time spent in seconds.",
    read: () => process.cpuUsage().user / MICROSECONDS,
  });
  series.counter("process_cpu_system_seconds_total", {
    help: "System CPU time spent in seconds.",
    read: () => process.cpuUsage().system / MICROSECONDS,
  });
  series.counter("process_cpu_seconds_total", {
    help: "User and system CPU time spent in seconds.",
    read: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / MICROSECONDS;
    },
  });
  series.gauge("process_start_time_seconds", {
    help: "Start time of the process since the Unix epoch in seconds.",
    read: () => performance.timeOrigin / 1000,
  });
  series.gauge("process_open_fds", {
    help: "Open file descriptors; missing where the runtime does not tell.",
    read: openDescriptors,
  });
  memorySeries(series);
  series.durations("elves_heartbeat_event_loop_lag_seconds", {
    help: "How late timers fire, four times a second.",
    read: () => ({ "": loop.lag }),
  });
  series.counter("elves_heartbeat_clock_steps_total", {
    help: "Jumps of the wall clock by more than 2 s; each gives the fleet grace.",
    read: () => loop.clockSteps,
  });
}

function memorySeries(series: Series): void {
  series.gauge("process_resident_memory_bytes", {
    help: "Resident memory size in bytes.",
    read: () => Deno.memoryUsage().rss,
  });
  series.gauge("nodejs_heap_size_total_bytes", {
    help: "Process heap size from V8 in bytes.",
    read: () => Deno.memoryUsage().heapTotal,
  });
  series.gauge("nodejs_heap_size_used_bytes", {
    help: "Process heap size used from V8 in bytes.",
    read: () => Deno.memoryUsage().heapUsed,
  });
  series.gauge("nodejs_external_memory_bytes", {
    help: "V8 external memory size in bytes.",
    read: () => Deno.memoryUsage().external,
  });
  series.gauge("elves_heartbeat_heap_limit_bytes", {
    help: "How large the heap may become before the process ends.",
    read: () => getHeapStatistics().heap_size_limit,
  });
}

function openDescriptors(): number | undefined {
  try {
    // Linux tells it as the folder's size since 6.2, which saves 2 us for each open file (measured).
    const { size } = Deno.statSync(DESCRIPTORS);
    return size > 0 ? size : [...Deno.readDirSync(DESCRIPTORS)].length;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) return undefined;
    // None is left to open the folder with.
    if (cause instanceof Error && "code" in cause && cause.code === "EMFILE") return undefined;
    throw cause;
  }
}
