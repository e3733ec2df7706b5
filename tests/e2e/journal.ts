import { DatabaseSync } from "node:sqlite";

/** Reads in the database of a running service what it has stored about events, as an operator with sqlite3 would. */
export class Journal {
  readonly #file: string;

  /** @param folder data.dir */
  constructor(folder: string) {
    this.#file = `${folder}/elves-heartbeat.db`;
  }

  /** Whether an event of this kind about an agent was stored that happened at this moment or later, ms. */
  has(kind: "agentOnline" | "agentOffline", ip: string, fromMs: number): boolean {
    return this.#count("kind = ? AND ip = ? AND at_ms >= ?", kind, ip, fromMs) > 0;
  }

  /** How many events were not noted as sent. */
  get unsent(): number {
    return this.#count("sent = 0");
  }

  #count(condition: string, ...values: (string | number)[]): number {
    const db = new DatabaseSync(this.#file, { readOnly: true });
    try {
      db.exec("PRAGMA busy_timeout = 2000");
      return Number(db.prepare(`SELECT count(*) AS rows FROM events WHERE ${condition}`).get(...values)?.rows);
    } finally {
      db.close();
    }
  }
}
