import assert from "node:assert/strict";
import { ProcessLog } from "../support/process_log.ts";
import { waitFor } from "../support/wait_for.ts";
import { Place } from "./harness.ts";

const PROGRAM = new URL("./writer_process.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;
const ROUNDS = 8;

/** A process that writes until its scope is left; `before` is what the shell does before it becomes that process. */
class WriterProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #log: ProcessLog;

  constructor(place: Place, { first = 1, before = "" } = {}) {
    const options = ["--no-check", "--no-prompt", "--config", CONFIG, "--allow-read", "--allow-write"];
    this.#child = new Deno.Command("sh", {
      args: ["-c", `${before} exec "$@"`, "sh", Deno.execPath(), "run", ...options, PROGRAM, place.dir, String(first)],
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#log = new ProcessLog(this.#child.stdout, this.#child.stderr);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The newest transaction that was acknowledged; 0 before the first. */
  get acknowledged(): number {
    return Number(this.#log.lines.findLast((line) => line.startsWith("stored "))?.slice(7) ?? 0);
  }

  get lines(): readonly string[] {
    return this.#log.lines;
  }

  until(condition: () => boolean, what: string): Promise<unknown> {
    return waitFor(condition, { timeoutMs: 30_000, what: `${what}; it wrote: ${this.#log.lines.slice(-5)}` });
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause;
    }
    await this.#child.status;
    await this.#log.ended();
  }
}

Deno.test(`Store holds everything that was acknowledged before kill -9, state and event together, ${ROUNDS} times`, async () => {
  await using place = new Place();
  let last = 0;
  for (let round = 0; round < ROUNDS; round++) {
    await using process = new WriterProcess(place, { first: last + 1 });
    const enough = last + 3 + Math.floor(Math.random() * 60);
    await process.until(() => process.acknowledged >= enough, `transaction ${enough}`);
    const moment = performance.now() + Math.random() * 8;
    while (performance.now() < moment);
    await process.kill();

    const { store, memory } = await place.open();
    const told = new Set(memory.agents.map(({ lastSeenMs }) => lastSeenMs));
    assert.deepEqual([memory.agents.length, told.size], [200, 1], "a transaction is there whole or not at all");
    const [newest = 0] = told;
    assert.ok(newest >= process.acknowledged, `${process.acknowledged} was acknowledged, ${newest} is there`);
    const events = new Set((await store.events({ limit: 10_000 })).map(({ id }) => id));
    for (let n = 1; n <= newest; n++) assert.ok(events.has(`e${n}`), `the event of transaction ${n} of ${newest}`);
    assert.ok(!events.has(`e${newest + 1}`), "no event without its state");
    assert.deepEqual(place.setAside(), []);
    await store.close();
    last = newest;
  }
});

Deno.test("Store refuses a folder that another process uses, naming it, and takes it once that was killed", async () => {
  await using place = new Place();
  await using process = new WriterProcess(place);
  await process.until(() => process.acknowledged > 0, "the other process to write");
  await assert.rejects(place.open(), {
    message: new RegExp(`^data.dir ${place.dir} is in use by pid ${process.pid} \\(elves-heartbeat started 20.*Z\\)$`),
  });
  const before = process.acknowledged;
  await process.until(() => process.acknowledged > before, "the other process to go on writing");
  await process.kill();
  const { store, memory } = await place.open();
  assert.equal(memory.agents.length, 200);
  assert.equal(store.state.status, "ok");
});

Deno.test("Store goes on while the system refuses to let its files grow, and stores again when it may", async () => {
  await using place = new Place();
  await using process = new WriterProcess(place, { before: "trap '' XFSZ; ulimit -S -f 2000;" });
  await process.until(() => process.lines.some((line) => /WRN store: nothing can be stored/.test(line)), "the limit");
  const refused = process.acknowledged;
  assert.ok(refused > 0, "it could write at first");
  const { success } = new Deno.Command("prlimit", { args: ["--pid", String(process.pid), "--fsize=unlimited"] })
    .outputSync();
  assert.ok(success);
  await process.until(() => process.acknowledged > refused + 20, "transactions to be stored again");
  await process.kill();
  const { store, memory } = await place.open();
  const events = new Set((await store.events({ limit: 10_000 })).map(({ id }) => id));
  const newest = memory.agents[0]?.lastSeenMs ?? 0;
  assert.ok(newest >= process.acknowledged);
  for (let n = 1; n <= newest; n++) assert.ok(events.has(`e${n}`), `the event of transaction ${n} of ${newest}`);
  assert.deepEqual(place.setAside(), []);
});
