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
