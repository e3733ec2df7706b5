import { beat } from "./beat_client.ts";
import { waitFor } from "./wait_for.ts";

/** How long an agent waits between two beats, ms. */
const PAUSE_MS = 10;

/** An agent that beats all the time, a connection for each, and keeps what it was told. */
export class SteadyAgent implements AsyncDisposable {
  /** What it was told, one entry for each change: the JSON of its apps, or `exception N`. */
  readonly told: string[] = [];
  /** How long each answer took, ms. */
  readonly answerMs: number[] = [];
  /** How many beats were not answered although there was a service; it keeps what it has then. */
  unanswered = 0;
  readonly #ip: string;
  readonly #port: number;
  readonly #asset: string;
  #stopped = false;
  readonly #beating: Promise<void>;

  constructor(port: number, ip: string, { asset = `asset of ${ip}` }: { asset?: string } = {}) {
    this.#port = port;
    this.#ip = ip;
    this.#asset = asset;
    this.#beating = this.#beat();
  }

  /** How many beats were answered. */
  get answers(): number {
    return this.answerMs.length;
  }

  /** Waits until it has been told this last. */
  async isTold(what: string, timeoutMs = 20_000): Promise<void> {
    try {
      await waitFor(() => this.told.at(-1) === what, { timeoutMs, what: `${this.#ip} to be told ${what}` });
    } catch (cause) {
      throw new Error(`it was told ${this.told.join(", then ")}`, { cause });
    }
  }

  /** Waits until it has beaten on: so many beats were sent after this moment and answered. */
  async beatsOn(count = 5): Promise<void> {
    const wanted = this.answers + 1 + count;
    await waitFor(() => this.answers >= wanted, { timeoutMs: 20_000, what: `${count} more answers to ${this.#ip}` });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped = true;
    await this.#beating;
  }

  async #beat(): Promise<void> {
    const address = { hostname: "127.0.0.1", port: this.#port };
    const info = { asset: this.#asset, ip: this.#ip, version: "0.3.3", apps: "{}" };
    while (!this.#stopped) {
      const begun = performance.now();
      try {
        const { text, exception } = await beat(address, info);
        this.answerMs.push(performance.now() - begun);
        this.#note(text === undefined ? `exception ${exception?.type}` : JSON.stringify(JSON.parse(text).data));
      } catch (cause) {
        if (!(cause instanceof Deno.errors.ConnectionRefused)) this.unanswered++;
      }
      await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  #note(what: string): void {
    if (this.told.at(-1) !== what) this.told.push(what);
  }
}
