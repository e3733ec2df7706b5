import { waitFor } from "../support/wait_for.ts";

/** One message of an event stream. */
export interface SseMessage {
  readonly event: string;
  readonly data: string;
  readonly id: string | undefined;
}

/** What a message tells, as far as tests look into it. */
export interface Told {
  readonly id: string;
  readonly kind: string;
  readonly ip: string;
  readonly asset: string;
  readonly first?: boolean;
  readonly action?: string;
  readonly who?: string;
  readonly agents: { readonly total: number; readonly online: number };
  readonly stream_clients: number;
}

/** Reads an event stream as the HTML standard (9.2.6) has browsers read it; only what a test looks at. */
export class SseClient implements AsyncDisposable {
  readonly messages: SseMessage[] = [];
  /** The text of comment lines. */
  readonly comments: string[] = [];
  /** What a browser would send as Last-Event-ID when it comes back. */
  lastId = "";
  retryMs: number | undefined;
  /** Whether the server has ended the stream. */
  isEnded = false;
  readonly response: Response;
  readonly #abort: AbortController;
  readonly #reading: Promise<void>;

  private constructor(response: Response, abort: AbortController) {
    this.response = response;
    this.#abort = abort;
    this.#reading = this.#read();
  }

  /** Opens a stream. */
  static async open(url: string, headers: Record<string, string> = {}): Promise<SseClient> {
    const abort = new AbortController();
    const response = await fetch(url, { headers: { accept: "text/event-stream", ...headers }, signal: abort.signal });
    if (response.status !== 200) throw new Error(`status ${response.status}: ${await response.text()}`);
    return new SseClient(response, abort);
  }

  /** The messages of one kind so far, parsed. */
  of(event: string): Told[] {
    return this.messages.filter((message) => message.event === event).map(({ data }) => JSON.parse(data));
  }

  /** Waits until there are so many messages of a kind. */
  async has(event: string, count: number): Promise<void> {
    await waitFor(() => this.of(event).length >= count, { timeoutMs: 10_000, what: `${count} messages ${event}` });
  }

  /** Waits until the server has ended it. */
  async ended(): Promise<void> {
    await waitFor(() => this.isEnded, { timeoutMs: 10_000, what: "the end of the stream" });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#reading;
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    try {
      for await (const bytes of this.response.body ?? []) {
        const blocks = (rest + decoder.decode(bytes, { stream: true })).split("\n\n");
        rest = blocks.pop() ?? "";
        for (const block of blocks) this.#take(block.split("\n"));
      }
    } catch (cause) {
      if (!this.#abort.signal.aborted && !(cause instanceof TypeError)) throw cause;
    }
    this.isEnded = true;
  }

  #take(lines: readonly string[]): void {
    const fields = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      if (colon === 0) this.comments.push(line.slice(1).trim());
      else fields.set(line.slice(0, colon), line.slice(colon + 1).replace(/^ /, ""));
    }
    const id = fields.get("id");
    if (id !== undefined) this.lastId = id;
    if (fields.has("retry")) this.retryMs = Number(fields.get("retry"));
    const data = fields.get("data");
    if (data !== undefined) this.messages.push({ event: fields.get("event") ?? "message", data, id });
  }
}
