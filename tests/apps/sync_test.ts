import assert from "node:assert/strict";
import type { OfferOutcome } from "../../src/apps/keeper.ts";
import { SupervisorSync } from "../../src/apps/sync.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

const APPLIED: OfferOutcome = { result: "applied", apps: 0, agents: 0, refused: [] };

function newSync(
  log: MemoryLog,
  parts: { ask: () => Promise<unknown>; offer?: (body: unknown) => OfferOutcome; intervalMs?: number },
) {
  return new SupervisorSync({
    log: log.logger,
    catalog: { source: "supervisor", offer: (body) => Promise.resolve((parts.offer ?? (() => APPLIED))(body)) },
    ask: parts.ask,
    intervalMs: () => parts.intervalMs ?? 3_600_000,
    random: () => 0,
  });
}

Deno.test("SupervisorSync asks until supervisor answers, and warns once", async () => {
  using log = new MemoryLog();
  let asked = 0;
  const offered: unknown[] = [];
  const sync = newSync(log, {
    ask: () => ++asked < 3 ? Promise.reject(new Error("no answer within 5 s")) : Promise.resolve({ result: [] }),
    offer: (body) => (offered.push(body), APPLIED),
  });
  sync.now();
  await waitFor(() => offered.length === 1, { timeoutMs: 10_000, what: "an answer is offered" });
  sync.pause();
  assert.equal(asked, 3);
  assert.equal(log.matching(/WRN.*supervisor gives no catalog.*no answer within 5 s/).length, 1);
});

Deno.test("SupervisorSync asks again when the answer cannot be used", async () => {
  using log = new MemoryLog();
  let asked = 0;
  const sync = newSync(log, {
    ask: () => Promise.resolve(++asked),
    offer: (body) => body === 2 ? APPLIED : { result: "rejected", reason: "no list" },
  });
  sync.now();
  await waitFor(() => asked === 2, { timeoutMs: 5_000, what: "the second question" });
  sync.pause();
});

Deno.test("SupervisorSync asks again after its interval, and at once when told to", async () => {
  using log = new MemoryLog();
  let asked = 0;
  const sync = newSync(log, { ask: () => Promise.resolve(++asked), intervalMs: 20 });
  sync.now();
  await waitFor(() => asked >= 3, { timeoutMs: 5_000, what: "three questions" });
  sync.pause();
  const before = asked;
  sync.now();
  await waitFor(() => asked > before, { timeoutMs: 5_000, what: "a question after now()" });
  sync.pause();
});

Deno.test("SupervisorSync asks again instead of taking an answer to a question from before it was told to ask", async () => {
  using log = new MemoryLog();
  const questions: PromiseWithResolvers<unknown>[] = [];
  const offered: unknown[] = [];
  const sync = newSync(log, {
    ask: () => {
      const question = Promise.withResolvers<unknown>();
      questions.push(question);
      return question.promise;
    },
    offer: (body) => (offered.push(body), APPLIED),
  });
  const asked = (count: number) =>
    waitFor(() => questions.length === count, { timeoutMs: 5_000, what: `question ${count}` });
  sync.now();
  await asked(1);
  // The connection was lost and is there again, and old casts came with it.
  sync.pause();
  sync.now();
  questions[0]?.resolve("before the casts");
  await asked(2);
  assert.deepEqual(offered, []);
  sync.overtaken();
  questions[1]?.resolve("sent before the cast, received after it");
  await asked(3);
  questions[2]?.resolve("the newest");
  await waitFor(() => offered.length === 1, { timeoutMs: 5_000, what: "the answer that counts" });
  sync.pause();
  assert.deepEqual(offered, ["the newest"]);
});

Deno.test("SupervisorSync asks once more when it is told to while an answer is being taken in", async () => {
  using log = new MemoryLog();
  let asked = 0;
  const sync: SupervisorSync = newSync(log, {
    ask: () => Promise.resolve(++asked),
    // As long as a question whether a catalog is meant so, in which the connection may be lost and found.
    offer: (body) => {
      if (body === 1) sync.now();
      return APPLIED;
    },
  });
  sync.now();
  await waitFor(() => asked === 2, { timeoutMs: 5_000, what: "the second question, long before the interval" });
  sync.pause();
});
