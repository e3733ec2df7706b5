import { waitFor } from "./wait_for.ts";

/** Stops a process and waits until every one of its threads stands still; SIGSTOP alone returns before they do. */
export async function standStill(pid: number): Promise<void> {
  Deno.kill(pid, "SIGSTOP");
  const isStill = (thread: string) => {
    const stat = Deno.readTextFileSync(`/proc/${pid}/task/${thread}/stat`);
    // The state stands behind the name, which may hold anything but ends with the last parenthesis (proc(5)).
    return /^\) [Tt]/.test(stat.slice(stat.lastIndexOf(")")));
  };
  await waitFor(() => [...Deno.readDirSync(`/proc/${pid}/task`)].every(({ name }) => isStill(name)), {
    timeoutMs: 10_000,
    what: `process ${pid} to stand still`,
  });
}
