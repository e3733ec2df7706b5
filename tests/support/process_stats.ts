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
