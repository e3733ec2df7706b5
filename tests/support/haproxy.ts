import { freePort } from "./free_port.ts";
import { waitFor } from "./wait_for.ts";

/** HAProxy from Debian's package. */
const HAPROXY = "/usr/sbin/haproxy";

/** Where a {@link TlsBalancer} sends what it takes, and whom it takes it from. */
export interface TlsBalancerOptions {
  /** The plain beat port. */
  readonly target: { readonly hostname: string; readonly port: number };
  /** Paths of PEM files: its certificate and key, and the authority that must have signed a client's. */
  readonly certificate: string;
  readonly key: string;
  readonly clientAuthority: string;
}

/** HAProxy as the README shows it: TLS with client certificates in front, PROXY protocol v2 behind. */
export class TlsBalancer implements AsyncDisposable {
  readonly address: { readonly hostname: string; readonly port: number };
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: Deno.ChildProcess, folder: string) {
    this.address = { hostname: "127.0.0.1", port };
    this.#child = child;
    this.#folder = folder;
  }

  /** Starts it and waits until it takes connections. */
  static async start({ target, certificate, key, clientAuthority }: TlsBalancerOptions): Promise<TlsBalancer> {
    const folder = await Deno.makeTempDir({ prefix: "hb-haproxy-" });
    const port = freePort();
    await Deno.writeTextFile(
      `${folder}/server.pem`,
      await Deno.readTextFile(certificate) + await Deno.readTextFile(key),
    );
    await Deno.writeTextFile(
      `${folder}/haproxy.cfg`,
      balancerConfig({
        bind: `127.0.0.1:${port}`,
        certificate: `${folder}/server.pem`,
        clientAuthority,
        target: `${target.hostname}:${target.port}`,
      }),
    );
    const child = new Deno.Command(HAPROXY, {
      args: ["-db", "-f", `${folder}/haproxy.cfg`],
      stdout: "null",
      stderr: "null",
    }).spawn();
    const balancer = new TlsBalancer(port, child, folder);
    try {
      await waitFor(() => takesConnections(port), { timeoutMs: 10_000, what: "HAProxy" });
    } catch (cause) {
      await balancer[Symbol.asyncDispose]();
      throw cause;
    }
    return balancer;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGTERM");
    await this.#child.status;
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** Its configuration, as the README shows it. */
export function balancerConfig(
  { bind, certificate, clientAuthority, target }: {
    bind: string;
    certificate: string;
    clientAuthority: string;
    target: string;
  },
): string {
  return `defaults
  mode tcp
  timeout connect 5s
  timeout client 80s
  timeout server 80s
frontend agents
  bind ${bind} ssl crt ${certificate} ca-file ${clientAuthority} verify required
  default_backend heartbeat
backend heartbeat
  server one ${target} send-proxy-v2
`;
}

async function takesConnections(port: number): Promise<boolean> {
  try {
    (await Deno.connect({ hostname: "127.0.0.1", port })).close();
    return true;
  } catch {
    return false;
  }
}
