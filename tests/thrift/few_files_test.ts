import assert from "node:assert/strict";
import { beat, BeatConnection, type BeatInfo } from "../support/beat_client.ts";
import { waitFor } from "../support/wait_for.ts";
import { named, WORKERS } from "./test_port.ts";

const AGENT: BeatInfo = { asset: "CX0001", ip: "10.1.2.3", version: "1.2.3", apps: "{}" };

/** How many files the process may open with so many workers; each has a few of its own. */
const FILES: Readonly<Record<number, number>> = { 0: 48, 2: 72 };
/** More than that. */
const CONNECTIONS = 90;

for (const workers of WORKERS) {
  Deno.test(`${named(workers)} keeps accepting after it ran out of file descriptors, and says so`, async () => {
    const script = new URL("./few_files_server.ts", import.meta.url).pathname;
    const command = new Deno.Command("sh", {
      args: [
        "-c",
        `ulimit -n ${
          FILES[workers]
        }; exec "$0" run --no-prompt --unstable-net --allow-net --allow-read "$1" ${workers}`,
        Deno.execPath(),
        script,
      ],
      stdin: "piped",
      stdout: "piped",
    });
    const child = command.spawn();
    const output = new Output(child.stdout);
    try {
      const port = Number(await output.until(/^listening (\d+)$/m));
      const address = { hostname: "127.0.0.1", port };
      const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => BeatConnection.open(address)));
      await output.until(/(cannot accept connections.*)$/m);
      await output.until(/^(starved)$/m);
      for (const connection of connections) connection[Symbol.dispose]();
      assert.equal((await beat(address, AGENT)).text, '{"data":{}}');
    } finally {
      await child.stdin.close();
      await output.end();
      await child.status;
    }
  });
}

/** What a child process prints. */
class Output {
  #text = "";
  readonly #ended: Promise<void>;

  constructor(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
    this.#ended = this.#collect(stream);
  }

  /** Waits until the output matches; returns the first group. */
  until(pattern: RegExp): Promise<string> {
    return waitFor(() => pattern.exec(this.#text)?.[1], { timeoutMs: 20_000, what: String(pattern) });
  }

  /** Waits for the end of the output. */
  end(): Promise<void> {
    return this.#ended;
  }

  async #collect(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) this.#text += text;
  }
}
