import { DatabaseSync } from "node:sqlite";
import type { StoredAgent } from "../../src/fleet/stored.ts";
import { type Figure, median, thousands } from "./figure.ts";
import { inTurns, RUNTIME } from "./rounds.ts";
import { openStore, storedAgents } from "./stored_fleet.ts";

/** What a fleet of 100,000 agents that beat once a minute leaves in the 500 ms between two flushes, twice over. */
const FLUSH_ROWS = 1_700;
const ALL_ROWS = 100_000;

/** Rows per second of the store, in its worker and back, against statements on node:sqlite in this thread. */
export async function sqliteFigures(): Promise<Figure[]> {
  const folder = await Deno.makeTempDir({ prefix: "hb-bench-" });
  try {
    const plain = new PlainTable(`${folder}/plain.db`);
    const all = storedAgents(ALL_ROWS);
    plain.write(all);
    const store = `${folder}/store`;
    await writing(store, all);
    const flush = all.slice(0, FLUSH_ROWS);
    const beats = new Map(flush.map(({ ip, lastSeenMs }) => [ip, lastSeenMs]));
    const batches = await inTurns({
      beats: () => writing(store, [], beats),
      flush: () => writing(store, flush),
      plainFlush: () => timed(() => plain.write(flush)),
      all: () => writing(store, all),
      plainAll: () => timed(() => plain.write(all)),
      load: () => loading(store),
      plainLoad: () => timed(() => plain.load()),
    });
    plain.close();
    return [
      figure(`stored beats, ${thousands(FLUSH_ROWS)} at once`, FLUSH_ROWS, [batches.beats, batches.plainFlush]),
      figure(`stored agents, ${thousands(FLUSH_ROWS)} at once`, FLUSH_ROWS, [batches.flush, batches.plainFlush]),
      figure(`stored agents, ${thousands(ALL_ROWS)} at once`, ALL_ROWS, [batches.all, batches.plainAll]),
      figure(`stored agents, load of ${thousands(ALL_ROWS)}`, ALL_ROWS, [batches.load, batches.plainLoad]),
    ];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function figure(name: string, rows: number, [store, plain]: readonly [readonly number[], readonly number[]]): Figure {
  const ratios = store.map((ms, i) => (plain[i] ?? NaN) / ms);
  const perSecond = (ms: readonly number[]) => `${thousands(rows / median(ms) * 1000)} rows/s`;
  return {
    name,
    figure: perSecond(store),
    baseline: perSecond(plain),
    value: median(ratios),
    unit: "x",
    notes: [
      `on ${RUNTIME}, ${
        median(store).toFixed(1)
      } ms with the way to the worker and back, against one prepared statement ` +
      `on node:sqlite in the thread itself; ratio ${Math.min(...ratios).toFixed(2)} to ${
        Math.max(...ratios).toFixed(2)
      } x`,
    ],
  };
}

async function timed(job: () => void | Promise<void>): Promise<number> {
  const started = performance.now();
  await job();
  return performance.now() - started;
}

/** How long the store takes for a batch, the opening not counted, ms. */
async function writing(
  dir: string,
  agents: readonly StoredAgent[],
  seen: ReadonlyMap<string, number> = new Map(),
): Promise<number> {
  await using opened = await openStore(dir);
  return await timed(async () => {
    if (!await opened.store.write({ agents, seen, forgotten: [], events: [] })) throw new Error("it was not stored");
  });
}

/** How long the store takes until the rows of a folder are there, the start of the worker counted, ms. */
async function loading(dir: string): Promise<number> {
  const started = performance.now();
  await using opened = await openStore(dir);
  const tookMs = performance.now() - started;
  if (opened.memory.agents.length !== ALL_ROWS) throw new Error("not all rows came back");
  return tookMs;
}

/** The least that node:sqlite needs: the table of the store, one statement to write and one to read. */
class PlainTable {
  readonly #db: DatabaseSync;

  constructor(file: string) {
    this.#db = new DatabaseSync(file);
    this.#db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
      CREATE TABLE agents (row INTEGER PRIMARY KEY, ip TEXT NOT NULL UNIQUE, asset TEXT, version TEXT, apps TEXT,
      online INTEGER, last_seen_ms INTEGER, since_ms INTEGER)`);
  }

  write(agents: readonly StoredAgent[]): void {
    const statement = this.#db.prepare(
      `INSERT INTO agents (ip, asset, version, apps, online, last_seen_ms, since_ms) VALUES (?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (ip) DO UPDATE SET asset = excluded.asset, version = excluded.version, apps = excluded.apps,
       online = excluded.online, last_seen_ms = excluded.last_seen_ms, since_ms = excluded.since_ms`,
    );
    this.#db.exec("BEGIN");
    for (const { ip, asset, version, apps, online, lastSeenMs, sinceMs } of agents) {
      statement.run(ip, asset, version, apps, online ? 1 : 0, lastSeenMs, sinceMs);
    }
    this.#db.exec("COMMIT");
  }

  load(): void {
    const rows = this.#db.prepare("SELECT * FROM agents").all();
    if (rows.length !== ALL_ROWS) throw new Error("not all rows came back");
  }

  close(): void {
    this.#db.close();
  }
}
