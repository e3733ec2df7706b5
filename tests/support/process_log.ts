/** The output of a child process, collected line by line while it runs. */
export class ProcessLog {
  readonly lines: string[] = [];
  readonly #reading: Promise<void>[];

  /** Reads the streams to their end. */
  constructor(...streams: ReadableStream<Uint8Array>[]) {
    this.#reading = streams.map((stream) => this.#read(stream));
  }

  /** Everything that was written so far. */
  text(): string {
    return this.lines.join("\n");
  }

  /** Settles when the process and whoever inherited its streams have closed them. */
  async ended(): Promise<void> {
    await Promise.all(this.#reading);
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
    }
    if (rest !== "") this.lines.push(rest);
  }
}
