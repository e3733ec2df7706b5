import { LATE, within } from "../../deadline.ts";
import { faultOf } from "../../store/fault.ts";
import { Problem } from "../problem.ts";
import type { Call, Route } from "../route.ts";
import { fromStore } from "./answers.ts";
import { NOTHING, readQuery } from "./parameters.ts";
import type { ApiParts } from "./parts.ts";

/** Where the copy is made; what a process that was killed left there is overwritten. */
const COPY_FILE = "download.sqlite3.part";
/** How long the copy may take, ms; one of 500,000 agents and 200,000 events takes some seconds. */
const COPY_TIMEOUT_MS = 120_000;
/** How long a reader may leave what is sent, ms; it holds disk space, and keeps others from a copy of their own. */
const STALL_MS = 60_000;
/** How much is read at a time, bytes. */
const CHUNK_BYTES = 64 * 1024;

/** A copy of the live store to take away. */
export function backupRoutes(parts: ApiParts): Route[] {
  const backup = new Backup(parts);
  return [{ method: "POST", path: "/api/v1/backup", handle: (call) => backup.answer(call) }];
}

/** A copy that is ready to be sent. */
interface Copy {
  readonly file: Deno.FsFile;
  /** Bytes. */
  readonly size: number;
}

/** Makes copies, one at a time, and sends them. */
class Backup {
  readonly #parts: ApiParts;
  #isBusy = false;

  constructor(parts: ApiParts) {
    this.#parts = parts;
  }

  async answer(call: Call): Promise<Response> {
    readQuery(call, NOTHING);
    if (this.#isBusy) throw new Problem(409, "another backup is being made or taken away");
    this.#isBusy = true;
    const free = () => this.#isBusy = false;
    const copy = this.#copy(call.who);
    const settled = copy.catch(() => {});
    if (await within(settled, COPY_TIMEOUT_MS) === LATE) {
      // Who asked is told now; what comes of it later concerns nobody any more.
      copy.then(({ file }) => file.close()).catch(() => {}).finally(free);
      throw new Problem(503, `the copy was not ready within ${COPY_TIMEOUT_MS / 1000} s; the disk may hang`);
    }
    try {
      return this.#send(await fromStore(copy), free);
    } catch (cause) {
      free();
      throw cause;
    }
  }

  #send({ file, size }: Copy, onEnd: () => void): Response {
    const at = new Date(this.#parts.clock.wall()).toISOString().replace(/\.\d+/, "").replaceAll(/[-:]/g, "");
    return new Response(contentOf(file, onEnd), {
      headers: {
        "content-type": "application/vnd.sqlite3",
        "content-length": String(size),
        "content-disposition": `attachment; filename="elves-heartbeat-${at}.sqlite3"`,
      },
    });
  }

  /**
   * An open copy that has no name any more, so that the system removes it however the sending ends.
   * @throws {StoreFault}
   */
  async #copy(who: string): Promise<Copy> {
    const { operations, dataDir } = this.#parts;
    const path = `${dataDir}/${COPY_FILE}`;
    // A journal that a killed process left would be played back into the new file.
    for (const companion of ["", "-journal", "-wal", "-shm"]) await remove(path + companion);
    try {
      await operations.backup(path, who);
      const { size } = await Deno.stat(path);
      return { file: await Deno.open(path), size };
    } catch (cause) {
      throw faultOf(cause);
    } finally {
      await remove(path);
    }
  }
}

/** @throws {StoreFault} when there is such a file and it cannot be removed */
async function remove(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw faultOf(cause);
  }
}

/**
 * What is in a file; closes it at the end, when the reader goes away, and when it takes nothing for too long.
 * @param onEnd called once, then
 */
function contentOf(file: Deno.FsFile, onEnd: () => void): ReadableStream<Uint8Array> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hasEnded = false;
  const end = () => {
    clearTimeout(timer);
    if (hasEnded) return;
    hasEnded = true;
    file.close();
    onEnd();
  };
  const watch = (controller: ReadableStreamDefaultController<Uint8Array>) => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      end();
      controller.error(new Error(`nothing was taken for ${STALL_MS / 1000} s`));
    }, STALL_MS);
  };
  return new ReadableStream({
    start: watch,
    async pull(controller) {
      const chunk = new Uint8Array(CHUNK_BYTES);
      let length: number | null;
      try {
        length = await file.read(chunk);
      } catch (cause) {
        end();
        throw cause;
      }
      if (hasEnded) return;
      if (length === null) {
        end();
        return controller.close();
      }
      watch(controller);
      controller.enqueue(chunk.subarray(0, length));
    },
    cancel: end,
  });
}
