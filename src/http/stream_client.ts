import { type EventRing, message } from "./event_ring.ts";

/** How much is handed over at a time, characters. */
const MAX_CHUNK = 32 * 1024;

/**
 * One reader of the stream. Nothing waits for it but its place in the ring and the newest summary, so a slow one costs
 * no memory: it misses summaries, and where events went past it, it is told to begin again.
 */
export class StreamClient {
  readonly readable: ReadableStream<Uint8Array>;
  /** How many summaries were made since it read last. */
  unreadTicks = 0;
  readonly #ring: EventRing;
  readonly #onGone: (client: StreamClient) => void;
  /** Said once, before everything else. */
  #opening = "";
  /** The newest summary, until it is read. */
  #latest = "";
  /** The place of the next event. */
  #place: number;
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** Ends the wait for something to read. */
  #wake: (() => void) | undefined;
  #isOver = false;

  constructor(ring: EventRing, place: number, onGone: (client: StreamClient) => void) {
    this.#ring = ring;
    this.#place = place;
    this.#onGone = onGone;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => void (this.#controller = controller),
      pull: (controller) => this.#pull(controller),
      cancel: () => this.#gone(),
    }, { highWaterMark: 0 });
  }

  /** Adds to what is said first. */
  say(text: string): void {
    this.#opening += text;
  }

  /** Gives it a newer summary in the place of one that it has not read. */
  tell(summary: string): void {
    this.#latest = summary;
    this.unreadTicks++;
    this.wake();
  }

  /** There is something to read. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends the stream in order. */
  end(): void {
    if (this.#isOver) return;
    this.#gone();
    this.#controller?.close();
  }

  #gone(): void {
    this.#isOver = true;
    this.wake();
    this.#onGone(this);
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    this.unreadTicks = 0;
    let text = this.#next();
    while (text === "" && !this.#isOver) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.unreadTicks = 0;
      text = this.#next();
    }
    this.#wake = undefined;
    if (!this.#isOver) controller.enqueue(new TextEncoder().encode(text));
  }

  /** What is to be read now; empty where there is nothing. */
  #next(): string {
    let text = this.#opening;
    this.#opening = "";
    while (this.#place < this.#ring.end && text.length < MAX_CHUNK) {
      const event = this.#ring.textAt(this.#place);
      if (event === undefined) {
        text += message("reset", {}, this.#ring.newestId);
        this.#place = this.#ring.end;
      } else {
        text += event;
        this.#place++;
      }
    }
    text += this.#latest;
    this.#latest = "";
    return text;
  }
}
