import assert from "node:assert/strict";
import { FaultLog } from "../../src/log.ts";
import { FaultRelay } from "../../src/thrift/workers/fault_relay.ts";
import { MemoryLog } from "../support/memory_log.ts";

Deno.test("FaultRelay tells each kind once and then how many there were, and the log says so", () => {
  using log = new MemoryLog();
  let nowMs = 0;
  const faults = new FaultLog(log.logger, () => nowMs);
  let told = 0;
  const relay = new FaultRelay({
    fault: (kind, message, properties) => {
      told++;
      faults.warn(kind, message, properties);
    },
    repeated: (kind, times) => {
      told++;
      faults.repeated(kind, times);
    },
  });
  const cause = Object.assign(new TypeError("why"), { notToBeSent: () => {}, cause: new Deno.errors.NotFound("gone") });
  for (let i = 0; i < 10_000; i++) relay.warn("kind", "beat port: it happened: {cause}", { cause });
  relay.warn("other", "beat port: {count} others", { count: 3 });
  relay.flush();
  assert.equal(told, 3);
  nowMs += 61_000;
  relay.warn("kind", "beat port: it happened: {cause}", { cause: "a word" });
  relay.flush();
  assert.deepEqual(log.lines.map((line) => line.replace(/^.*? (?=beat)/, "")), [
    "beat port: it happened: why: gone",
    "beat port: 3 others",
    "beat port: it happened: a word (9999 more since the last line)",
  ]);
});
