import { print } from "./print.ts";

const REPOSITORY = new URL("../../", import.meta.url).pathname;
const TOOLCHAIN = `${REPOSITORY}.toolchain`;
/** The last commit of the build before this one. */
const PREVIOUS = "60fcb042e66adb08fe2d669e2813939178708ce3";
const DECODER = new TextDecoder();

/** A folder to install from: install.sh, conf and dist. Leaving its scope removes it, unless it is kept for the next run. */
export class Release implements AsyncDisposable {
  readonly folder: string;
  readonly #isKept: boolean;

  constructor(folder: string, isKept: boolean) {
    this.folder = folder;
    this.#isKept = isKept;
  }

  /** Installs it without touching the system. @throws Error with what was printed, when that fails */
  install(prefix: string): Promise<string> {
    return run(`${this.folder}/install.sh`, ["install", "--no-build", "--no-service", "--prefix", prefix]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isKept) await Deno.remove(this.folder, { recursive: true });
  }
}

/** The release that this checkout is, with the executable in dist. */
export function thisRelease(): Release {
  return new Release(REPOSITORY, true);
}

/**
 * The release before: its commit, built by its own install.sh once and kept in .toolchain. A checkout without that
 * history (CI takes shallow ones) has this release again under another version; the run says so.
 */
export async function previousRelease(): Promise<Release> {
  if (await hasCommit()) {
    const folder = `${TOOLCHAIN}/previous-${PREVIOUS.slice(0, 7)}`;
    if (!await exists(`${folder}/dist/elves-heartbeat`)) await buildCommit(folder);
    print(`the previous build is commit ${PREVIOUS.slice(0, 7)}`);
    return new Release(folder, true);
  }
  const folder = await Deno.makeTempDir({ prefix: "hb-previous-" });
  await buildRestamped(folder);
  print(`commit ${PREVIOUS.slice(0, 7)} is not in this checkout: the previous build is this one under another version`);
  return new Release(folder, false);
}

async function hasCommit(): Promise<boolean> {
  try {
    await git("cat-file", "-e", `${PREVIOUS}^{commit}`);
    return true;
  } catch {
    // A commit that is not there, a checkout that is no repository and a machine without git come to the same.
    return false;
  }
}

async function buildCommit(folder: string): Promise<void> {
  if (await exists(folder)) await Deno.remove(folder, { recursive: true });
  await Deno.mkdir(TOOLCHAIN, { recursive: true });
  await git("clone", "--quiet", "--shared", "--no-checkout", REPOSITORY, folder);
  await git("-C", folder, "checkout", "--quiet", "--detach", PREVIOUS);
  await build(folder);
}

async function buildRestamped(folder: string): Promise<void> {
  await run("cp", [
    "-R",
    ...["install.sh", "deno.json", "deno.lock", "src", "conf"].map((name) => REPOSITORY + name),
    folder,
  ]);
  const text = await Deno.readTextFile(`${folder}/deno.json`);
  await Deno.writeTextFile(`${folder}/deno.json`, text.replace(/("version": ")([^"]*)"/, '$10.0.0-before-$2"'));
  await build(folder);
}

/** Builds with the compiler and the packages that this checkout has. */
async function build(folder: string): Promise<void> {
  await Deno.symlink(TOOLCHAIN, `${folder}/.toolchain`);
  await run(`${folder}/install.sh`, ["build"], { DENO_DIR: `${TOOLCHAIN}/deno-dir` });
}

/** Asks git, which elsewhere refuses a repository that belongs to another user. */
function git(...args: string[]): Promise<string> {
  return run("git", args, {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: "safe.directory",
    GIT_CONFIG_VALUE_0: "*",
  });
}

async function run(command: string, args: string[], env: Record<string, string> = {}): Promise<string> {
  const options = { args, env, cwd: REPOSITORY, stdin: "null" } as const;
  const { code, stdout, stderr } = await new Deno.Command(command, options).output();
  const out = DECODER.decode(stdout);
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${out}${DECODER.decode(stderr)}`);
  return out;
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}
