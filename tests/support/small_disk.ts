/** Room on a small disk, bytes. */
const SIZE_BYTES = 2 * 1024 * 1024;

/** Whether this system lets us mount anything: root may, containers often may not. */
export function canMount(): boolean {
  const folder = Deno.makeTempDirSync({ prefix: "hb-mount-" });
  const { success } = run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
  if (success) run("umount", folder);
  Deno.removeSync(folder);
  return success;
}

/** A folder on a small disk of its own, in memory. Leaving its `using` scope unmounts and removes it. */
export class SmallDisk implements Disposable {
  readonly folder: string;

  /** @throws Error when nothing can be mounted */
  constructor() {
    this.folder = Deno.makeTempDirSync({ prefix: "hb-disk-" });
    this.#require("mount", "-t", "tmpfs", "-o", `size=${SIZE_BYTES},mode=700`, "tmpfs", this.folder);
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
