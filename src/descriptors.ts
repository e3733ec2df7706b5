import { errorText } from "./error_text.ts";
import { Slices } from "./slices.ts";

/** Descriptors that the process needs besides those of its beat connections: files, RabbitMQ, ZooKeeper, the page. */
const OTHER_DESCRIPTORS = 512;

/** A file that can always be opened, and for which Deno asks no permission. */
const ANY_FILE = "/dev/null";

/** How many files are opened or closed between two places where the search may be interrupted: some 0.1 ms. */
const FILES_PER_STEP = 16;

/** How long after the start it begins, ms: nothing that the start still waits for, such as RabbitMQ, shall wait behind it. */
const DELAY_MS = 2_000;

/** How many files are given back without a pause when the limit is found: others lack them at that moment. */
const FILES_AT_ONCE = 512;

/**
 * Whether the process may open as many files as the connection limit of the beat port needs; to be asked before there
 * are connections.
 * @returns undefined when it may; else what is missing and what to change
 */
export function descriptorShortage(maxConnections: number): string | undefined {
  return toEnd(new DescriptorCheck(maxConnections, () => 0).steps());
}

/**
 * Finds out, while the service runs, whether the process may open as many files as the beat port's limit needs. The
 * limit is found by trying, because Deno gives /proc/self/limits only to programs that may do everything; 20,000 files
 * take 0.2 s, for which no start shall wait.
 */
export class DescriptorCheck {
  readonly #maxConnections: number;
  readonly #open: () => number;
  #done: Promise<void> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isStopped = false;
  #shortage: string | undefined;

  /** @param open how many beat connections there are now */
  constructor(maxConnections: number, open: () => number) {
    this.#maxConnections = maxConnections;
    this.#open = open;
  }

  /** Whether there is too little; false as long as that is not known. */
  get isShort(): boolean {
    return this.#shortage !== undefined;
  }

  /**
   * Looks a little later, in slices.
   * @param tell called with what is missing and what to change, if something is
   * @param delayMs how much later, ms
   */
  start(tell: (shortage: string) => void, delayMs = DELAY_MS): void {
    this.#timer = setTimeout(() => this.#search(tell), delayMs);
  }

  /**
   * Looks at once; for where other threads will accept connections, which would lack the files that the search holds.
   * @param tell as {@link start}'s
   */
  now(tell: (shortage: string) => void): void {
    this.#found(toEnd(this.steps()), tell);
  }

  #found(shortage: string | undefined, tell: (shortage: string) => void): void {
    this.#shortage = shortage;
    if (shortage !== undefined) tell(shortage);
  }

  #search(tell: (shortage: string) => void): void {
    this.#done = new Slices().run(this.steps()).then((shortage) => this.#found(shortage, tell)).catch((cause) =>
      tell(`how many files this process may open could not be found out: ${errorText(cause)}`)
    );
  }

  /** Ends the search and gives back its files. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#isStopped = true;
    await this.#done;
  }

  /** The search itself; returns what {@link descriptorShortage} does. */
  *steps(): Generator<void, string | undefined, void> {
    const needed = this.#maxConnections + OTHER_DESCRIPTORS;
    const files: Deno.FsFile[] = [];
    let isFull = false;
    const missing = () => needed - this.#open() - files.length;
    while (missing() > 0 && !isFull && !this.#isStopped) {
      isFull = !openFiles(files, Math.min(FILES_PER_STEP, missing()));
      if (!isFull) yield;
    }
    const possible = files.length;
    const isShort = isFull && missing() > 0;
    closeFiles(files, isFull ? FILES_AT_ONCE : 0);
    for (; files.length > 0; closeFiles(files, FILES_PER_STEP)) yield;
    if (!isShort) return undefined;
    return `this process may open only ${possible} more files, thrift.maxConnections = ${this.#maxConnections} needs ` +
      `${needed}: raise the limit (ulimit -n; the systemd unit sets LimitNOFILE=65536), or lower thrift.maxConnections`;
  }
}

/** What a search finds that nothing interrupts. */
function toEnd(search: Generator<void, string | undefined, void>): string | undefined {
  for (let step = search.next();; step = search.next()) if (step.done) return step.value;
}

/** @returns false when there was no descriptor left */
function openFiles(files: Deno.FsFile[], count: number): boolean {
  try {
    for (let i = 0; i < count; i++) files.push(Deno.openSync(ANY_FILE));
    return true;
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "EMFILE")) throw cause;
    return false;
  }
}

function closeFiles(files: Deno.FsFile[], count: number): void {
  for (const file of files.splice(Math.max(0, files.length - count))) file.close();
}
