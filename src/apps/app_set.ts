/** One version of one app. Within a catalog each is one object. */
export interface AppVersion {
  readonly app: string;
  readonly version: string;
}

/**
 * How many bytes of replies the sets of one catalog may still keep. Names have 255 characters, and 20,000 agents with a
 * hundred apps each would keep a gigabyte of them.
 */
export interface ReplyMemory {
  bytesLeft: number;
}

/** How many bytes of replies a catalog keeps: 100,000 agents with ten apps, all different, take a third of it. */
export const REPLY_MEMORY_BYTES = 128 * 1024 * 1024;

const encoder = new TextEncoder();

/** App name to version, as much of a map as is needed, in the order of names. It takes a word for each app. */
class Apps implements Iterable<[app: string, version: string]> {
  readonly #sorted: readonly AppVersion[];

  constructor(sorted: readonly AppVersion[]) {
    this.#sorted = sorted;
  }

  get size(): number {
    return this.#sorted.length;
  }

  get(app: string): string | undefined {
    let first = 0;
    let end = this.#sorted.length;
    while (first < end) {
      const middle = first + end >>> 1;
      const found = this.#sorted[middle]!;
      if (found.app === app) return found.version;
      if (found.app < app) first = middle + 1;
      else end = middle;
    }
    return undefined;
  }

  has(app: string): boolean {
    return this.get(app) !== undefined;
  }

  *[Symbol.iterator](): Generator<[app: string, version: string], void, void> {
    for (const { app, version } of this.#sorted) yield [app, version];
  }
}

/**
 * The apps that one agent may run. Agents that may run the same share one set, and with it one ready reply, so that a
 * beat is answered without putting any JSON together.
 */
export class AppSet {
  /** App name to version. */
  readonly apps: Apps;
  /** The same, in the order of names. */
  readonly sorted: readonly AppVersion[];
  readonly #memory: ReplyMemory;
  #reply: Uint8Array | undefined;

  /** @param sorted each app once, in the order of names */
  constructor(sorted: readonly AppVersion[], memory: ReplyMemory) {
    this.sorted = sorted;
    this.apps = new Apps(sorted);
    this.#memory = memory;
  }

  /** The text of a JSON object, app name to version, in the order of names; equal sets have equal texts. */
  get json(): string {
    // Not by way of an object: a key such as `__proto__` or `1` would be lost or moved in one.
    return `{${this.sorted.map(({ app, version }) => `${JSON.stringify(app)}:${JSON.stringify(version)}`).join(",")}}`;
  }

  /** What the agent gets: `{"data":{...}}` in UTF-8 (PROTOCOL.md section 1). */
  get reply(): Uint8Array {
    if (this.#reply !== undefined) return this.#reply;
    const reply = encoder.encode(`{"data":${this.json}}`);
    if (reply.length <= this.#memory.bytesLeft) {
      this.#memory.bytesLeft -= reply.length;
      this.#reply = reply;
    }
    return reply;
  }

  /** Whether another set, also of another catalog, has the same apps in the same versions. */
  equals({ sorted }: AppSet): boolean {
    return sorted.length === this.sorted.length &&
      this.sorted.every(({ app, version }, i) => app === sorted[i]?.app && version === sorted[i].version);
  }
}
