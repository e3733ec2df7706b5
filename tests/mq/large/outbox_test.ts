import assert from "node:assert/strict";
import type { Buffer } from "node:buffer";
import { LargeOutbox } from "../../../src/mq/large/outbox.ts";
import type { Fate } from "../../../src/mq/large/protocol.ts";
import { nowhere } from "../nowhere.ts";

function bench() {
  const time = { now: 0 };
  const broker = {
    limit: Infinity,
    published: [] as string[],
    isLate: () => false,
    settle: (_: Fate): void => assert.fail("nothing sent"),
  };
  const fates: [number, Fate][] = [];
  const outbox = new LargeOutbox({
    now: () => time.now,
    connection: {
      get limit() {
        return broker.limit;
      },
      publish: (_answer: unknown, content: Buffer, isLate: () => boolean) => {
        broker.isLate = isLate;
        broker.published.push(content.toString());
        return new Promise<Fate>((resolve) => broker.settle = resolve);
      },
    },
    done: (body, fate) => fates.push([body, fate]),
  });
  const send = (body: number, text: string) => {
    outbox.append(body, text, 1);
    outbox.send({
      ...{ body, before: "{", after: "}", exchange: "", routingKey: "q", correlationId: undefined },
      ...{ patienceMs: 5_000, endpoint: nowhere() },
    });
  };
  return { time, broker, fates, outbox, send };
}

const SENT: Fate = { name: "sent" };
/** Lets everything go on that waits for nothing but its turn. */
const turn = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("LargeOutbox sends one answer at a time, in order, whatever becomes of each", async () => {
  const { broker, fates, send } = bench();
  const refused: Fate = { name: "lost", loss: "refused" };
  for (const [i, text] of ["a", "b", "c"].entries()) send(i, text);
  await turn();
  assert.deepEqual(broker.published, ["{a}"]);
  broker.settle(SENT);
  await turn();
  assert.deepEqual(broker.published, ["{a}", "{b}"]);
  broker.settle(refused);
  await turn();
  broker.settle(SENT);
  await turn();
  send(3, "d");
  assert.deepEqual(broker.published, ["{a}", "{b}", "{c}", "{d}"]);
  assert.deepEqual(fates, [[0, SENT], [1, refused], [2, SENT]]);
});

Deno.test("LargeOutbox drops what waited beyond its caller's patience and sends what waited up to it", async () => {
  const { time, broker, fates, send } = bench();
  send(0, "a");
  send(1, "late");
  time.now = 1;
  send(2, "in time");
  time.now = 5_001;
  broker.settle(SENT);
  await turn();
  assert.deepEqual(broker.published, ["{a}", "{in time}"]);
  assert.deepEqual(fates, [[0, SENT], [1, { name: "lost", loss: "expired" }]]);
});

Deno.test("LargeOutbox tells who publishes until when it is worth it", () => {
  const { time, broker, send } = bench();
  send(0, "a");
  time.now = 5_000;
  assert.equal(broker.isLate(), false);
  time.now = 5_001;
  assert.equal(broker.isLate(), true);
});

Deno.test("LargeOutbox does not publish what the broker has said it will not take", async () => {
  const { broker, fates, send } = bench();
  broker.limit = 3;
  send(0, "four");
  send(1, "1");
  await turn();
  assert.deepEqual(broker.published, ["{1}"]);
  assert.deepEqual(fates, [[0, { name: "tooLarge", limit: 3 }]]);
});

Deno.test("LargeOutbox drops the oldest of more than a thousand that wait, and all when the connection is gone", () => {
  const { fates, outbox, send } = bench();
  for (let i = 0; i <= 1_002; i++) send(i, "a");
  const overflow: Fate = { name: "lost", loss: "overflow" };
  assert.deepEqual(fates, [[1, overflow], [2, overflow]]);
  outbox.clear();
  assert.deepEqual(fates.slice(2), Array.from({ length: 1_000 }, (_, i) => [i + 3, { name: "lost", loss: "closed" }]));
});

Deno.test("LargeOutbox keeps the bodies of several answers apart, and forgets those that are discarded", async () => {
  const { broker, outbox, send } = bench();
  outbox.append(1, "one", 0.5);
  outbox.append(2, "two", 0.5);
  send(1, ", ended");
  await turn();
  outbox.discard(2);
  send(2, "new");
  broker.settle(SENT);
  await turn();
  assert.deepEqual(broker.published, ["{one, ended}", "{new}"]);
});
