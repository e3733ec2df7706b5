/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
// The store's own worker with a disk that hangs and a program that crashes when a test says so: as long as the file
// `<data folder>.hang` exists, nothing is answered; when `<data folder>.crash` does, the worker ends before the last
// piece of a transaction; while `<data folder>.slow` exists, each page of agents takes a tenth of a second.
import "../../src/store/worker.ts";
import type { Question } from "../../src/store/protocol.ts";

const answer = self.onmessage as ((message: MessageEvent<Question>) => void) | null;
const pause = new Int32Array(new SharedArrayBuffer(4));
let folder: string | undefined;

self.onmessage = (message: MessageEvent<Question>) => {
  const { operation, input } = message.data;
  if (operation === "open") folder = input.folder;
  if (exists(`${folder}.hang`)) {
    while (exists(`${folder}.hang`)) Atomics.wait(pause, 0, 0, 5);
    // Without it the test is over, and nothing shall come back where it was.
    if (!exists(`${folder}.released`)) return;
  }
  if (operation === "write" && input.commit && exists(`${folder}.crash`)) {
    Deno.removeSync(`${folder}.crash`);
    throw new Error("out of order");
  }
  if (operation === "agents" && exists(`${folder}.slow`)) Atomics.wait(pause, 0, 0, 100);
  answer?.(message);
};

function exists(file: string): boolean {
  try {
    return Deno.statSync(file).isFile;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}
