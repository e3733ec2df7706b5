/** What the kernel says about a process, from Linux's /proc (proc(5)). */

/** Ticks per second in /proc; the kernel shows 100 to programs whatever it uses itself. */
const TICKS_PER_SECOND = 100;
/** Page size on the machines that this runs on, bytes. */
const PAGE_BYTES = 4096;

/** CPU time that a process and all its threads have used so far, user and system, seconds; exact to 0.01 s. */
export async function cpuSeconds(pid: number): Promise<number> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold blanks; the fields behind it are numbers.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** CPU time that each thread of a process has used so far, by its id, seconds; exact to 1 us. */
export async function threadSeconds(pid: number): Promise<ReadonlyMap<string, number>> {
  const seconds = new Map<string, number>();
  for (const { name } of Deno.readDirSync(`/proc/${pid}/task`)) {
    const schedstat = await Deno.readTextFile(`/proc/${pid}/task/${name}/schedstat`).catch(gone);
    if (schedstat !== undefined) seconds.set(name, Number(schedstat.split(" ")[0]) / 1e9);
  }
  return seconds;
}

/**
 * CPU time that a process has used since {@link threadSeconds} was asked, seconds, without threads that have ended
 * meanwhile. For what takes too short a time for {@link cpuSeconds}.
 */
export async function cpuSecondsSince(before: ReadonlyMap<string, number>, pid: number): Promise<number> {
  let sum = 0;
  for (const [thread, seconds] of await threadSeconds(pid)) sum += seconds - (before.get(thread) ?? 0);
  return sum;
}

/** A thread may end while it is looked at. */
function gone(cause: unknown): undefined {
  const isGone = cause instanceof Deno.errors.NotFound || (cause instanceof Error && cause.message.includes("ESRCH"));
  if (!isGone) throw cause;
}

/** Memory that a process holds in RAM, bytes. */
export async function residentBytes(pid: number): Promise<number> {
  const statm = await Deno.readTextFile(`/proc/${pid}/statm`);
  return Number(statm.split(" ")[1]) * PAGE_BYTES;
}

/** How long a process's main thread has been ready to run without getting a core so far, seconds. */
export async function coreWaitSeconds(pid: number): Promise<number> {
  const schedstat = await Deno.readTextFile(`/proc/${pid}/schedstat`);
  return Number(schedstat.split(" ")[1]) / 1e9;
}
