/** Descriptors that the process needs besides those of its beat connections: files, RabbitMQ, ZooKeeper, the page. */
const OTHER_DESCRIPTORS = 256;

/**
 * Whether the process may open as many files as the connection limit of the beat port would need.
 * @returns undefined when it may, or where the system does not tell; else what is missing and what to change
 */
export function descriptorShortage(maxConnections: number): string | undefined {
  const limit = openFileLimit();
  const needed = maxConnections + OTHER_DESCRIPTORS;
  if (limit === undefined || limit >= needed) return undefined;
  return `this process may open ${limit} files, thrift.maxConnections = ${maxConnections} needs ${needed}: ` +
    "raise LimitNOFILE= in the systemd unit (or ulimit -n), or lower thrift.maxConnections";
}

/** The soft limit of open files, from /proc/self/limits (proc(5)). */
function openFileLimit(): number | undefined {
  let limits: string;
  try {
    limits = Deno.readTextFileSync("/proc/self/limits");
  } catch {
    // Only Linux has this file; elsewhere the limit is not known and nothing is claimed about it.
    return undefined;
  }
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}
