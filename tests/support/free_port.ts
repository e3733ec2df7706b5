/** Below the range from which the kernel takes ports of outgoing connections, so that a restart finds its port free. */
const FIRST_PORT = 20_000;
const LAST_PORT = 32_000;

/** A TCP port of 127.0.0.1 on which nobody listens, for a server that cannot choose one itself. */
export function freePort(): number {
  for (;;) {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT));
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (cause) {
      if (!(cause instanceof Deno.errors.AddrInUse)) throw cause;
    }
  }
}
