import { Buffer } from "node:buffer";

/** A request as it came. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: Headers;
  readonly body: string;
}

/** How a receiver reacts to a request; then it closes the connection. */
export type Reaction = (connection: Deno.Conn, request: Received) => void | Promise<void>;

/** Answers with a status and maybe headers. */
export function status(code: number, headers: Record<string, string> = {}): Reaction {
  const lines = Object.entries({ ...headers, "Content-Length": "8", "Connection": "close" });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return async (connection) => {
    await connection.write(encoder.encode(`HTTP/1.1 ${code} Text\r\n${head}\r\nwhatever`));
  };
}

/** Closes the connection without an answer. */
export const closeConnection: Reaction = () => {};

/** Never answers; the client has to give up. */
export const hang: Reaction = async (connection) => {
  await connection.read(new Uint8Array(1));
};

/** Answers with a body that has no end. */
export const endless: Reaction = async (connection) => {
  await connection.write(encoder.encode("HTTP/1.1 200 OK\r\n\r\n"));
  const bytes = new Uint8Array(64 * 1024).fill(120);
  for (;;) await connection.write(bytes);
};

const encoder = new TextEncoder();

/**
 * A receiver of webhooks on bare TCP, one request a connection: a server library would not hang up in the middle, and a
 * client may repeat by itself what it sent over a connection that was in use before.
 */
export class Receiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Reactions to the next requests, in turn; then it answers 200. */
  readonly script: Reaction[] = [];
  /** Host and port. */
  readonly host: string;
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #open = new Set<Deno.Conn>();
  readonly #jobs: Promise<void>[] = [];

  /** Listens on a free port of 127.0.0.1. */
  constructor() {
    this.host = `127.0.0.1:${this.#listener.addr.port}`;
    this.#jobs.push(this.#accept());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#close(connection);
    while (this.#jobs.length > 0) await this.#jobs.pop();
  }

  async #accept(): Promise<void> {
    for await (const connection of this.#listener) {
      this.#open.add(connection);
      this.#jobs.push(this.#serve(connection));
    }
  }

  async #serve(connection: Deno.Conn): Promise<void> {
    try {
      const request = await readRequest(connection);
      if (request === undefined) return;
      this.received.push(request);
      await (this.script.shift() ?? status(200))(connection, request);
    } catch {
      // The client left, or the test is over.
    } finally {
      this.#close(connection);
    }
  }

  #close(connection: Deno.Conn): void {
    if (this.#open.delete(connection)) connection.close();
  }
}

/** Reads a request with Content-Length; undefined when the connection ends before it does. */
async function readRequest(connection: Deno.Conn): Promise<Received | undefined> {
  const buffer = new Uint8Array(64 * 1024);
  let text = "";
  for (let n = await connection.read(buffer); n !== null; n = await connection.read(buffer)) {
    text += Buffer.from(buffer.subarray(0, n)).toString("latin1");
    const end = text.indexOf("\r\n\r\n");
    if (end === -1) continue;
    const [first = "", ...lines] = text.slice(0, end).split("\r\n");
    const headers = new Headers(lines.map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const body = text.slice(end + 4);
    if (body.length < Number(headers.get("content-length"))) continue;
    const [method = "", url = ""] = first.split(" ");
    return { method, url, headers, body: Buffer.from(body, "latin1").toString() };
  }
  return undefined;
}
