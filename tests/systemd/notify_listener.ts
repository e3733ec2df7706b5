import { waitFor } from "../support/wait_for.ts";

const WAIT_MS = 20_000;

/** The other end of NOTIFY_SOCKET, in place of systemd: a datagram socket that keeps what a service tells. */
export class NotifyListener implements AsyncDisposable {
  /** What goes into NOTIFY_SOCKET. */
  readonly name: string;
  /** The assignments that came, such as `READY=1`, in order. */
  readonly told: string[] = [];
  readonly #folder: string;
  readonly #socket: Deno.DatagramConn;
  readonly #reading: Promise<void>;
  #closed = false;

  private constructor(folder: string, name: string, isDeaf: boolean) {
    this.#folder = folder;
    this.name = name;
    this.#socket = Deno.listenDatagram({ transport: "unixpacket", path: name.replace(/^@/, "\0") });
    this.#reading = isDeaf ? Promise.resolve() : this.#read();
  }

  /**
   * @param options `isAbstract`: without a file, in Linux' own name space (Deno 2.4 cannot); `isDeaf`: never reads;
   * `name`: where, instead of a new folder
   */
  static async open(options: { isAbstract?: boolean; isDeaf?: boolean; name?: string } = {}): Promise<NotifyListener> {
    const folder = await Deno.makeTempDir({ prefix: "hb-notify-" });
    const own = options.isAbstract === true ? `@elves-heartbeat-${crypto.randomUUID()}` : `${folder}/notify`;
    return new NotifyListener(folder, options.name ?? own, options.isDeaf ?? false);
  }

  /** The status lines that came, without their name. */
  get statuses(): readonly string[] {
    return this.told.filter((text) => text.startsWith("STATUS=")).map((text) => text.slice("STATUS=".length));
  }

  count(assignment: string): number {
    return this.told.filter((text) => text === assignment).length;
  }

  /** Waits until an assignment that matches has come, and returns the first. */
  next(pattern: RegExp, from = 0): Promise<string> {
    return waitFor(() => this.told.slice(from).find((text) => pattern.test(text)), {
      timeoutMs: WAIT_MS,
      what: `${pattern} on the notify socket, which has ${JSON.stringify(this.told)}`,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#socket.close();
    await this.#reading;
    await Deno.remove(this.#folder, { recursive: true });
  }

  async #read(): Promise<void> {
    while (!this.#closed) {
      try {
        const [bytes] = await this.#socket.receive();
        this.told.push(...new TextDecoder().decode(bytes).split("\n").filter((text) => text !== ""));
      } catch (cause) {
        if (!this.#closed) throw cause;
      }
    }
  }
}
