import assert from "node:assert/strict";
import { waitFor } from "../support/wait_for.ts";
import { agents, batch, becomes, byAddress, event, Place } from "./harness.ts";

/** Runs a system command to its end. */
function command(name: string, ...args: string[]): { success: boolean; error: string } {
  const { success, stderr } = new Deno.Command(name, { args, stdin: "null", stdout: "null", stderr: "piped" })
    .outputSync();
  return { success, error: new TextDecoder().decode(stderr) };
}

/** A place on a small disk of its own, in memory. */
class SmallDisk extends Place {
  constructor() {
    super();
    Deno.mkdirSync(this.dir, { mode: 0o700 });
    const { success, error } = command("mount", "-t", "tmpfs", "-o", "size=6m,mode=700", "tmpfs", this.dir);
    if (!success) throw new Error(`a small disk could not be mounted: ${error}`);
  }

  get #ballast(): string {
    return `${this.dir}/ballast`;
  }

  /** Takes all room that is left. */
  fill(): void {
    const file = Deno.openSync(this.#ballast, { create: true, append: true });
    try {
      for (const block of [new Uint8Array(65_536), new Uint8Array(1_024)]) {
        try {
          for (;;) file.writeSync(block);
        } catch (cause) {
          if (!(cause instanceof Error && cause.message.includes("No space left"))) throw cause;
        }
      }
    } finally {
      file.close();
    }
  }

  empty(): void {
    Deno.removeSync(this.#ballast);
  }

  remount(how: "ro" | "rw"): void {
    const { success, error } = command("mount", "-o", `remount,${how}`, this.dir);
    assert.ok(success, error);
  }

  override async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
    command("umount", "--lazy", this.dir);
    await super[Symbol.asyncDispose]();
  }
}

/** Whether this system lets us mount anything: root does, containers often do not. */
function mountable(): boolean {
  const folder = Deno.makeTempDirSync({ prefix: "hb-store-mount-" });
  const { success } = command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
  if (success) command("umount", folder);
  Deno.removeSync(folder);
  return success;
}

const ignore = !mountable();

Deno.test({
  name: "Store goes on while the disk is full, and stores everything current when there is room again",
  ignore,
  async fn() {
    await using disk = new SmallDisk();
    const { store } = await disk.open();
    assert.equal(await store.write(batch({ agents: agents(500) })), true);
    disk.fill();
    let version = 0;
    // What the write-ahead log has allocated already still takes some.
    await waitFor(async () => {
      const all = agents(500, { version: String(++version), asset: "x".repeat(200) });
      return !await store.write(batch({ agents: all, events: [event(version)] }));
    }, { timeoutMs: 20_000, what: "a write that finds no room" });
    assert.equal(store.state.status, "failing");
    assert.match(store.state.fault!, /database or disk is full|disk I\/O error/);
    assert.equal(await store.write(batch({ agents: agents(500, { version: "last" }) })), false);
    assert.equal(store.state.queued, 501);
    assert.equal(disk.log.matching(/WRN.*nothing can be stored at the moment/).length, 1);
    disk.empty();
    await becomes(store, "ok");
    assert.equal(store.state.queued, 0);
    assert.equal((await store.events({ limit: 1_000 })).length, version, "no event is lost");
    await store.close();
    assert.deepEqual(await disk.remembered(), byAddress(agents(500, { version: "last" })));
    assert.deepEqual(disk.setAside(), []);
  },
});

Deno.test({
  name: "Store that finds a full disk at its start begins when there is room",
  ignore,
  async fn() {
    await using disk = new SmallDisk();
    disk.fill();
    const { store } = await disk.open();
    assert.equal(store.state.status, "failing");
    assert.equal(await store.write(batch({ agents: agents(100) })), false);
    disk.empty();
    await becomes(store, "ok");
    await store.close();
    assert.deepEqual(await disk.remembered(), byAddress(agents(100)));
  },
});

Deno.test({
  name: "Store goes on while its disk is read-only, and stores everything current when it is not",
  ignore,
  async fn() {
    await using disk = new SmallDisk();
    const { store: before } = await disk.open();
    await before.write(batch({ agents: agents(100) }));
    await before.close();
    disk.remount("ro");
    const { store, memory } = await disk.open();
    assert.deepEqual(memory.agents, []);
    assert.equal(store.state.status, "failing");
    assert.equal(
      disk.log.matching(/WRN.*nothing can be stored at the moment.*(readonly|Read-only|unable to open)/).length,
      1,
    );
    assert.equal(await store.write(batch({ agents: agents(50, { version: "4" }) })), false);
    disk.remount("rw");
    await becomes(store, "ok");
    await store.close();
    assert.deepEqual(disk.setAside(), []);
    const expected = [...agents(50, { version: "4" }), ...agents(100).slice(50)];
    assert.deepEqual(await disk.remembered(), byAddress(expected));
  },
});

Deno.test({
  name: "Store that finds a damaged file on a full disk sets it aside once and begins anew when there is room",
  ignore,
  async fn() {
    await using disk = new SmallDisk();
    Deno.writeTextFileSync(disk.file, "elves ".repeat(2_000));
    disk.fill();
    const { store } = await disk.open();
    await waitFor(() => store.stats.failures >= 3, { timeoutMs: 20_000, what: "three tries without room" });
    assert.equal(store.state.status, "failing");
    disk.empty();
    await becomes(store, "ok");
    assert.equal(disk.setAside().length, 1);
    assert.equal(disk.log.matching(/ERR.*not a database.*damaged-/).length, 1);
    assert.equal(await store.write(batch({ agents: agents(3) })), true);
  },
});
