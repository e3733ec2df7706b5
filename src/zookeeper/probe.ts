import { type Auth, ZookeeperConnection } from "./connection.ts";
import { parseConnectString } from "./connect_string.ts";

/** What to try, and for how long. */
export interface ProbeOptions {
  /** A connect string: `zookeeper.host`. */
  readonly hosts: string;
  /** For the session, and again for its end, ms; all servers are asked at the same time. */
  readonly timeoutMs: number;
  readonly auth?: Auth | undefined;
}

/**
 * Opens a session at each server and closes it again; changes nothing there. One server that answers is enough.
 * @throws SyntaxError for a connect string that is none
 * @throws Error that says for each server what happened
 */
export async function probeZookeeper({ hosts, timeoutMs, auth }: ProbeOptions): Promise<void> {
  const { servers } = parseConnectString(hosts);
  const answered = new AbortController();
  const options = { sessionTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs, auth, signal: answered.signal };
  const tries = servers.map(async (server) => {
    const connection = await ZookeeperConnection.open(server, options);
    await connection.close(timeoutMs);
  });
  try {
    await Promise.any(tries);
  } catch (cause) {
    if (!(cause instanceof AggregateError)) throw cause;
    throw new Error(cause.errors.map(({ message }) => message).join("; "));
  } finally {
    answered.abort();
    await Promise.allSettled(tries);
  }
}
