import assert from "node:assert/strict";
import { explainFault, messageSizeLimit } from "../../src/mq/faults.ts";

const REFUSED = 'Operation failed: QueueDeclare; 406 (PRECONDITION-FAILED) with message "PRECONDITION_FAILED - ';

Deno.test("explainFault names the argument that differs, what is there and what is needed", () => {
  const rows = [
    [
      "inequivalent arg 'durable' for queue 'heartbeat' in vhost '/': received 'true' but current is 'false'\"",
      /^queue 'heartbeat' exists with durable=false, durable=true is required: delete it/,
    ],
    [
      "inequivalent arg 'x-message-ttl' for queue 'heartbeat' in vhost '/': received none but current is the value '1000' of type 'signedint'\"",
      /^queue 'heartbeat' exists with x-message-ttl=1000, no x-message-ttl is required: delete it/,
    ],
    [
      "inequivalent arg 'type' for exchange 'elves' in vhost 'v': received 'topic' but current is 'direct'\"",
      /^exchange 'elves' exists with type=direct, type=topic is required: .* mq\.exchange/,
    ],
  ] as const;
  for (const [text, expected] of rows) assert.match(explainFault(new Error(REFUSED + text)), expected);
});

Deno.test("explainFault gives errors that it does not know as they are, several in one line", () => {
  assert.equal(explainFault(new Error("read ECONNRESET")), "read ECONNRESET");
  assert.equal(explainFault(new AggregateError([new Error("a"), new Error("b")])), "a, b");
  assert.equal(explainFault("text"), "text");
});

Deno.test("messageSizeLimit reads the broker's limit", () => {
  const refusal = `${REFUSED}message size 1200 is larger than configured max size 1000"`;
  assert.equal(messageSizeLimit(new Error(refusal)), 1000);
  assert.equal(messageSizeLimit(new Error("something else")), undefined);
});
