import assert from "node:assert/strict";
import { LATE, within } from "../src/deadline.ts";

/** Longer than a test takes. */
const LONG_MS = 60_000;

Deno.test("within gives what a promise gives in time, and leaves no timer", async () => {
  assert.equal(await within(Promise.resolve("answer"), LONG_MS), "answer");
  assert.equal(await within(Promise.resolve(undefined), LONG_MS), undefined);
});

Deno.test(
  "within rejects with what a promise is rejected with in time, and leaves no timer",
  async () => {
    const cause = new Error("refused");
    await assert.rejects(within(Promise.reject(cause), LONG_MS), (thrown) => thrown === cause);
  },
);

Deno.test("within says LATE when a promise is not settled in time", async () => {
  const { promise, resolve } = Promise.withResolvers<string>();
  assert.equal(await within(promise, 1), LATE);
  resolve("too late");
  assert.equal(await promise, "too late");
});

Deno.test("within takes what is known already for in time, also where there is no time", async () => {
  assert.equal(await within(Promise.resolve("answer"), 0), "answer");
});

Deno.test("within leaves no unhandled rejection behind when a promise is rejected too late", async () => {
  const unhandled: unknown[] = [];
  const listener = (event: PromiseRejectionEvent) => {
    event.preventDefault();
    unhandled.push(event.reason);
  };
  addEventListener("unhandledrejection", listener);
  try {
    const { promise, reject } = Promise.withResolvers<never>();
    assert.equal(await within(promise, 1), LATE);
    reject(new Error("too late"));
    // They are told between two turns of the event loop.
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.deepEqual(unhandled, []);
    const ours = Promise.reject(new Error("by nobody"));
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(unhandled.length, 1);
    await assert.rejects(ours, /by nobody/);
  } finally {
    removeEventListener("unhandledrejection", listener);
  }
});
