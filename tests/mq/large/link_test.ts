import assert from "node:assert/strict";
import { LargeLink } from "../../../src/mq/large/link.ts";
import type { Fate, ToWorker } from "../../../src/mq/large/protocol.ts";
import { nowhere } from "../nowhere.ts";

function answer() {
  const text = { before: "[", after: "]" };
  return { ...text, exchange: "", routingKey: "q", correlationId: undefined, patienceMs: 5_000, endpoint: nowhere() };
}

Deno.test("LargeLink tells what it had lost when its thread fails, and takes nothing after it", async () => {
  const ended = Promise.withResolvers<string>();
  const link = new LargeLink((fault) => ended.resolve(fault));
  const fates: Fate[] = [];
  const body = link.begin();
  // Nothing on the main thread's side makes the thread fail: what it cannot handle stands for what nobody thought of.
  link.tell({ kind: "text", body: body.number, text: undefined, share: 1 } as unknown as ToWorker);
  body.send(answer(), (fate) => fates.push(fate));
  assert.match(await ended.promise, /length/);
  assert.deepEqual(fates, [{ name: "lost", loss: "closed" }]);
  link.begin().send(answer(), (fate) => fates.push(fate));
  assert.equal(fates.length, 2);
});

Deno.test("LargeLink closes without a connection, and whatever is under way when it must", async () => {
  const closing = new LargeLink(assert.fail);
  closing.begin().append("[", 1);
  await closing.close();
  const broken = new LargeLink(assert.fail);
  const fates: Fate[] = [];
  broken.begin().send(answer(), (fate) => fates.push(fate));
  broken.terminate();
  assert.deepEqual(fates, [{ name: "lost", loss: "closed" }]);
});
