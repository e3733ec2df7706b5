/// <reference lib="deno.unstable" />
import { LATE, within } from "../deadline.ts";
import type { Logger } from "../log.ts";

/** What systemd says in the environment of a service (sd_notify(3), sd_watchdog_enabled(3)). */
export interface SystemdEnvironment {
  /** NOTIFY_SOCKET: a path, or `@` and the name of an abstract socket. */
  readonly notifySocket: string | undefined;
  /** WATCHDOG_USEC: systemd ends a service that is silent for longer, microseconds. */
  readonly watchdogUsec: string | undefined;
  /** WATCHDOG_PID: the process that WATCHDOG_USEC is meant for. */
  readonly watchdogPid: string | undefined;
}

/** Where a socket may be bound: the folder for temporary files, or memory when its disk is full. */
const FOLDERS = [undefined, "/dev/shm"];
/** How long a message may wait for room in systemd's queue, ms; a service must not wait for its supervisor. */
const SEND_TIMEOUT_MS = 500;
/** Messages that may wait; more than a service in order ever has. */
const MAX_WAITING = 16;

/**
 * The socket on which a service tells systemd about itself. Messages go out in order, one datagram each. Nothing here
 * throws or rejects: a socket that is missing or broken is said once in the log, and the service goes on.
 */
export class NotifySocket {
  readonly #log: Logger;
  readonly #target: Deno.UnixAddr | undefined;
  #socket: Deno.DatagramConn | undefined;
  #last: Promise<boolean> = Promise.resolve(true);
  #waiting = 0;
  #closing = false;
  /** The fault that the log knows of. */
  #fault: string | undefined;

  /** @param name NOTIFY_SOCKET; undefined outside of systemd, and then nothing is ever sent */
  constructor(name: string | undefined, log: Logger) {
    this.#log = log;
    const path = name === undefined ? undefined : socketPath(name);
    if (path !== undefined) this.#target = { transport: "unixpacket", path };
    else if (name !== undefined) this.#failed(new Error("neither a path nor an abstract name"), name);
  }

  /** Whether anybody may be listening. */
  get isOpen(): boolean {
    return this.#target !== undefined;
  }

  /** Sends assignments such as `READY=1`. Resolves with whether they were taken. */
  send(...assignments: readonly string[]): Promise<boolean> {
    const target = this.#target;
    if (target === undefined || this.#waiting >= MAX_WAITING) return Promise.resolve(false);
    this.#waiting++;
    this.#last = this.#last.then(() => this.#send(target, assignments.join("\n")))
      .finally(() => this.#waiting--);
    return this.#last;
  }

  /** Sends what waits, unless that fails, and closes. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#last;
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #send(target: Deno.UnixAddr, text: string): Promise<boolean> {
    if (this.#closing && this.#fault !== undefined) return false;
    try {
      this.#socket ??= openDatagram();
      const sent = this.#socket.send(new TextEncoder().encode(text), target);
      if (await within(sent, SEND_TIMEOUT_MS) === LATE) throw new Error(`not taken within ${SEND_TIMEOUT_MS} ms`);
      this.#fault = undefined;
      return true;
    } catch (cause) {
      this.#failed(cause, target.path);
      // A send that still waits ends with its socket; the next message gets a new one.
      this.#socket?.close();
      this.#socket = undefined;
      return false;
    }
  }

  #failed(cause: unknown, path: string): void {
    const socket = path.replace("\0", "@");
    const fault = String(cause);
    if (fault === this.#fault) return;
    this.#fault = fault;
    this.#log.warn("systemd: it cannot be told about this service on {socket} (NOTIFY_SOCKET): {cause}", {
      socket,
      cause,
    });
  }
}

/**
 * A socket to send from. Deno binds every datagram socket, and without a path only in programs that may do everything;
 * once bound it needs the file no more.
 * @throws Error when none of the folders can be written to
 */
function openDatagram(): Deno.DatagramConn {
  const causes: unknown[] = [];
  for (const parent of FOLDERS) {
    try {
      const dir = Deno.makeTempDirSync(parent === undefined ? {} : { dir: parent });
      try {
        return Deno.listenDatagram({ transport: "unixpacket", path: `${dir}/notify` });
      } finally {
        Deno.removeSync(dir, { recursive: true });
      }
    } catch (cause) {
      causes.push(cause);
    }
  }
  throw causes[0];
}

/**
 * The address in the form that Deno takes. Deno 2.4 refuses abstract ones when it sends to them ("paths must not
 * contain interior null bytes"), later versions send; systemd itself has used a path since version 230.
 */
function socketPath(name: string): string | undefined {
  if (name.startsWith("/")) return name;
  return name.startsWith("@") && name.length > 1 ? `\0${name.slice(1)}` : undefined;
}
