/** Descriptors that the process needs besides those of its beat connections: files, RabbitMQ, ZooKeeper, the page. */
const OTHER_DESCRIPTORS = 512;

/** A file that can always be opened, and for which Deno asks no permission. */
const ANY_FILE = "/dev/null";

/**
 * Whether the process may open as many files as the connection limit of the beat port needs; to be asked before there
 * are connections. The limit is found by trying (20,000 take 0.2 s): Deno gives /proc/self/limits only to programs
 * that may do everything.
 * @returns undefined when it may; else what is missing and what to change
 */
export function descriptorShortage(maxConnections: number): string | undefined {
  const needed = maxConnections + OTHER_DESCRIPTORS;
  const possible = openFiles(needed);
  if (possible >= needed) return undefined;
  return `this process may open only ${possible} more files, thrift.maxConnections = ${maxConnections} needs ${needed}: ` +
    "raise the limit (ulimit -n; the systemd unit sets LimitNOFILE=65536), or lower thrift.maxConnections";
}

function openFiles(count: number): number {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < count) files.push(Deno.openSync(ANY_FILE));
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EMFILE")) throw cause;
  } finally {
    for (const file of files) file.close();
  }
  return files.length;
}
