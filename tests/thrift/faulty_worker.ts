/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
// A worker of the beat port that crashes when an agent 10.66.66.66 beats, and stands still for a while when 10.77.77.77
// does.
import "../../src/thrift/workers/worker.ts";
import type { FromWorker } from "../../src/thrift/workers/protocol.ts";

const STANDSTILL_MS = 1_500;
const tell = self.postMessage.bind(self);

self.postMessage = (message: FromWorker) => {
  tell(message);
  if (message.kind !== "beats") return;
  if (message.batch.texts.includes("10.66.66.66")) throw new Error("out of order");
  if (message.batch.texts.includes("10.77.77.77")) {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, STANDSTILL_MS);
  }
};
