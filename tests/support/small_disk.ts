/** Room on a small disk unless a test says otherwise, bytes. */
const SIZE_BYTES = 2 * 1024 * 1024;

/** A folder on a small disk of its own, in memory. Leaving its `using` scope unmounts and removes it. */
export class SmallDisk implements Disposable {
  readonly folder: string;

  /**
   * @param folder an empty one; by default one of its own
   * @throws Error when nothing can be mounted: the tests of the disk need root
   */
  constructor({ folder = Deno.makeTempDirSync({ prefix: "hb-disk-" }), sizeBytes = SIZE_BYTES } = {}) {
    this.folder = folder;
    this.#require("mount", "-t", "tmpfs", "-o", `size=${sizeBytes},mode=700`, "tmpfs", this.folder);
  }

  /** Takes all room that is left. */
  fill(): void {
    using file = Deno.openSync(`${this.folder}/ballast`, { create: true, append: true });
    for (const block of [new Uint8Array(65_536), new Uint8Array(1_024)]) {
      try {
        for (;;) file.writeSync(block);
      } catch (cause) {
        if (!(cause instanceof Error && cause.message.includes("No space left"))) throw cause;
      }
    }
  }

  /** Gives it back. */
  empty(): void {
    Deno.removeSync(`${this.folder}/ballast`);
  }

  /** Makes the disk read-only, while nothing on it is open for writing, or writable again. */
  remount(how: "ro" | "rw"): void {
    this.#require("mount", "-o", `remount,${how}`, this.folder);
  }

  [Symbol.dispose](): void {
    run("umount", "--lazy", this.folder);
    Deno.removeSync(this.folder);
  }

  #require(name: string, ...args: string[]): void {
    const { success, error } = run(name, ...args);
    if (!success) throw new Error(`${name} ${args.join(" ")}: ${error}`);
  }
}

function run(name: string, ...args: string[]): { success: boolean; error: string } {
  const command = new Deno.Command(name, { args, stdin: "null", stdout: "null", stderr: "piped" });
  const { success, stderr } = command.outputSync();
  return { success, error: new TextDecoder().decode(stderr) };
}
