import assert from "node:assert/strict";
import type { OfferOutcome } from "../../src/apps/offer.ts";
import { SupervisorSync } from "../../src/apps/sync.ts";
import { MemoryLog } from "../support/memory_log.ts";
import { waitFor } from "../support/wait_for.ts";

const APPLIED: OfferOutcome = { result: "applied", apps: 0, agents: 0, refused: [] };

const cast = (app: string) => ({ result: [{ app, version: "1", agentList: ["10.0.0.1"] }] });

function newSync(
  log: MemoryLog,
  parts: {
    ask: () => Promise<unknown>;
    offer?: (body: unknown) => OfferOutcome;
    intervalMs?: number;
    current?: unknown;
  },
) {
  return new SupervisorSync({
    log: log.logger,
    catalog: {
      source: "supervisor",
      current: parts.current,
      offer: (body) => Promise.resolve((parts.offer ?? (() => APPLIED))(body)),
    },
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
  assert.deepEqual(await sync.offer(cast("a cast")), { result: "deferred" });
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

/** A sync that is asked for nothing yet, whose questions the test answers. */
function newScripted(log: MemoryLog, current: unknown) {
  const questions: PromiseWithResolvers<unknown>[] = [];
  const offered: unknown[] = [];
  const sync = newSync(log, {
    current,
    ask: () => {
      const question = Promise.withResolvers<unknown>();
      questions.push(question);
      return question.promise;
    },
    offer: (body) => (offered.push(body), APPLIED),
  });
  const question = async (count: number) => {
    await waitFor(() => questions.length === count, { timeoutMs: 5_000, what: `question ${count}` });
    return questions[count - 1]!;
  };
  const taken = (count: number) =>
    waitFor(() => offered.length === count, { timeoutMs: 5_000, what: `${count} offers` });
  return { sync, offered, question, taken };
}

Deno.test("SupervisorSync takes supervisor's answer instead of casts that waited, and later casts at once", async () => {
  using log = new MemoryLog();
  const { sync, offered, question, taken } = newScripted(log, {});
  await sync.offer(cast("old"));
  await sync.offer(cast("older than the answer"));
  sync.now();
  (await question(1)).resolve("answer");
  await taken(1);
  await waitFor(async () => (await sync.offer(cast("live"))).result === "applied", {
    timeoutMs: 5_000,
    what: "a cast counts",
  });
  assert.equal(offered[0], "answer");
  assert.deepEqual(
    new Set(offered.slice(1).map((body) => JSON.stringify(body))),
    new Set([JSON.stringify(cast("live"))]),
  );
  sync.pause();
  const before = offered.length;
  assert.deepEqual(await sync.offer(cast("waited while the connection was down")), { result: "deferred" });
  assert.equal(offered.length, before);
});

Deno.test("SupervisorSync takes the newest cast that waited when supervisor does not answer", async () => {
  using log = new MemoryLog();
  const { sync, offered, question, taken } = newScripted(log, {});
  await sync.offer(cast("old"));
  await sync.offer(cast("newest"));
  await sync.offer({ no: "list" });
  sync.now();
  (await question(1)).reject(new Error("no answer"));
  await taken(2);
  sync.pause();
  assert.deepEqual(offered, [{ no: "list" }, cast("newest")], "what says nothing is only there to be refused");
});

Deno.test("SupervisorSync keeps a cast when the question failed because the connection was lost", async () => {
  using log = new MemoryLog();
  const { sync, offered, question, taken } = newScripted(log, {});
  await sync.offer(cast("old"));
  sync.now();
  const lost = await question(1);
  sync.pause();
  sync.now();
  lost.reject(new Error("the connection was lost"));
  const second = await question(2);
  assert.deepEqual(offered, []);
  second.resolve("answer");
  await taken(1);
  sync.pause();
  assert.deepEqual(offered, ["answer"]);
});

Deno.test("SupervisorSync begins with no cast that waited", async () => {
  using log = new MemoryLog();
  const { sync, offered, question, taken } = newScripted(log, undefined);
  await sync.offer(cast("days old"));
  sync.now();
  (await question(1)).reject(new Error("no answer"));
  (await question(2)).resolve("answer");
  await taken(1);
  sync.pause();
  assert.deepEqual(offered, ["answer"]);
  assert.equal(log.matching(/WRN.*a cast that may be old is left alone/).length, 1);
});

Deno.test("SupervisorSync begins with no cast, however long supervisor is away, but asks for each", async () => {
  using log = new MemoryLog();
  let asked = 0;
  const offered: unknown[] = [];
  const sync = newSync(log, {
    ask: () => (asked++, Promise.reject(new Error("gone"))),
    offer: (body) => (offered.push(body), APPLIED),
  });
  sync.now();
  await waitFor(() => asked === 1, { timeoutMs: 5_000, what: "the first question" });
  assert.equal((await sync.offer(cast("a"))).result, "deferred");
  await waitFor(() => asked >= 2, { timeoutMs: 5_000, what: "a question for the cast" });
  await waitFor(() => log.matching(/WRN.*cast that may be old is left alone/).length > 0, {
    timeoutMs: 5_000,
    what: "the cast is left alone",
  });
  for (let question = 3; question <= 5; question++) {
    await sync.offer(cast("b"));
    await waitFor(() => asked >= question, { timeoutMs: 5_000, what: "a question for each cast" });
  }
  sync.pause();
  assert.deepEqual(offered, []);
  assert.equal(log.matching(/left alone/).length, 1);
});
