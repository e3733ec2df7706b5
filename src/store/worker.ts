/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
import { backup } from "./backup.ts";
import { Database } from "./database.ts";
import { faultOf, StoreFault } from "./fault.ts";
import { FolderLock, type Holder } from "./lock.ts";
import type { Answer, OpenOptions, Question } from "./protocol.ts";
import { setAsideFile } from "./set_aside.ts";

/** The thread that may wait for the disk: answers the questions of WorkerLink one after the other. */
class Session {
  #lock: FolderLock | undefined;
  #database: Database | undefined;

  answer(question: Question): Answer {
    try {
      return { ok: true, output: this.#do(question) };
    } catch (cause) {
      const { kind, message } = faultOf(cause);
      // After a full disk the connection serves on; opening it anew would itself need room.
      if (kind !== "full") this.#close();
      if (kind === "gone") this.#unlock();
      return { ok: false, kind, message };
    }
  }

  /** Closes the database and lets go of the folder. */
  close(): void {
    try {
      this.#close();
    } finally {
      this.#unlock();
    }
  }

  #do({ operation, input }: Question): unknown {
    switch (operation) {
      case "open":
        return this.#open(input);
      case "setAside":
        this.#close();
        this.#hold(input);
        return setAsideFile(input.folder, input.nowMs);
      case "agents":
        return this.#opened().agents();
      case "unsent":
        return this.#opened().unsent(input.after);
      case "silences":
        return this.#opened().silences();
      case "newestCatalogs":
        return this.#opened().catalogs({ newestOnly: true });
      case "write":
        this.#lock?.hold();
        return this.#opened().write(input);
      case "events":
        return this.#opened().events(input);
      case "catalogs":
        return this.#opened().catalogs();
      case "backup":
        return backup(input.from, input.to);
      case "close":
        return this.close();
    }
  }

  #open(options: OpenOptions): boolean {
    this.#close();
    this.#hold(options);
    const { database, fresh } = Database.open(options);
    this.#database = database;
    return fresh;
  }

  /** Makes the folder and locks it. */
  #hold({ folder, holder }: { folder: string; holder: Holder }): void {
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#lock ??= FolderLock.acquire(folder, holder);
  }

  #opened(): Database {
    if (this.#database === undefined) throw new StoreFault("disk", "the database is not open");
    return this.#database;
  }

  #close(): void {
    const database = this.#database;
    this.#database = undefined;
    database?.close();
  }

  #unlock(): void {
    const lock = this.#lock;
    this.#lock = undefined;
    lock?.release();
  }
}

const session = new Session();
self.onmessage = ({ data }: MessageEvent<Question>) => self.postMessage(session.answer(data));
// What a worker that ends by a fault leaves open stays open in Deno 2.4, and its transaction would lock out the next one.
self.onerror = () => session.close();
