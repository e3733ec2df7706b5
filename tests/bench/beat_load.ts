/** Sends beats, in a process of its own, so that its work is not counted as the server's. */
import { concat, parseReply } from "../support/beat_client.ts";
import { call, METHOD } from "./beat_calls.ts";
import { percentile } from "./figure.ts";
import { serveJobs } from "./jobs.ts";

/** Beats as fast as the server answers. */
export interface BurstJob {
  readonly kind: "short" | "kept";
  readonly port: number;
  readonly beats: number;
  /** From how many agents. */
  readonly agents: number;
  /** How many connections at a time. */
  readonly connections: number;
  /** In how many writes each call goes; 1 by default. */
  readonly pieces?: number;
  /** Kept connections: how many calls go in one write before their replies are read. */
  readonly pipelined?: number;
}

/** Opens connections that all later bursts on kept connections to this port use, until they are closed. */
export interface OpenJob {
  readonly kind: "open";
  readonly port: number;
  readonly connections: number;
}

/** Closes the connections that were opened to a port. */
export interface CloseJob {
  readonly kind: "close";
  readonly port: number;
}

/** Beats at a steady rate on kept connections. */
export interface PacedJob {
  readonly kind: "paced";
  readonly port: number;
  readonly agents: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly durationMs: number;
  /** Agents beat in the order of their numbers, from this one on; all over the fleet by default. */
  readonly from?: number;
}

/** What a burst of beats took. */
export interface BurstResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Short connections that were reset and tried again, because the listener's queue was full. */
  readonly resets: number;
}

/** What every single beat of a paced job took: [when it was sent (ms since the epoch), latency in ms]. */
export type PacedResult = readonly (readonly [atMs: number, tookMs: number])[];

/** How often a paced job looks what is due, ms. */
const TICK_MS = 2;

/** One connection, with as little work per reply as possible. */
class Connection {
  readonly #connection: Deno.TcpConn;
  readonly #chunk = new Uint8Array(65_536);
  #rest = new Uint8Array(0);

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
  }

  static async open(port: number): Promise<Connection> {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    connection.setNoDelay(true);
    return new Connection(connection);
  }

  async write(bytes: Uint8Array, pieces: number): Promise<void> {
    const size = Math.ceil(bytes.length / pieces);
    for (let start = 0; start < bytes.length;) {
      start += await this.#connection.write(bytes.subarray(start, Math.min(start + size, bytes.length)));
    }
  }

  /** Reads so many replies; every one must be a map of apps. */
  async replies(count: number): Promise<void> {
    while (count > 0) {
      const read = await this.#connection.read(this.#chunk);
      if (read === null) throw new Error("closed by the server");
      const chunk = this.#chunk.subarray(0, read);
      const bytes = this.#rest.length === 0 ? chunk : concat([this.#rest, chunk]);
      let start = 0;
      for (let length = replyLength(bytes, start); length > 0; length = replyLength(bytes, start)) {
        start += length;
        count--;
      }
      this.#rest = bytes.slice(start);
    }
  }

  close(): void {
    this.#connection.close();
  }
}

/** Bytes of a reply before its text: header with the method's name, then type, id and length of the field. */
const HEAD_BYTES = 4 + 4 + METHOD.length + 4 + 3 + 4;
/** The message type that a reply has and an exception has not. */
const REPLY = 2;

/**
 * The length of the reply at a place, 0 while it is not complete. Reads no more than it must: the load shares the
 * machine with the server that is measured.
 * @throws Error when it is an exception
 */
function replyLength(bytes: Uint8Array, start: number): number {
  if (bytes.length - start < HEAD_BYTES) return 0;
  if (bytes[start + 3] !== REPLY) {
    throw new Error(`refused: ${parseReply(bytes.subarray(start))?.reply.exception?.message}`);
  }
  const text = new DataView(bytes.buffer, bytes.byteOffset).getInt32(start + HEAD_BYTES - 4);
  const length = HEAD_BYTES + text + 1;
  return bytes.length - start < length ? 0 : length;
}

async function burst(job: BurstJob): Promise<BurstResult> {
  let next = 0;
  const take = (most: number) => {
    const agents: number[] = [];
    for (; agents.length < most && next < job.beats; next++) agents.push(next % job.agents);
    return agents;
  };
  const work: Work = { take, tookMs: [], resets: 0 };
  const started = performance.now();
  await (job.kind === "short" ? shortConnections(job, work) : keptConnections(job, work));
  const seconds = (performance.now() - started) / 1000;
  const { tookMs, resets } = work;
  return { perSecond: job.beats / seconds, p50Ms: percentile(tookMs, 50), p99Ms: percentile(tookMs, 99), resets };
}

interface Work {
  /** The next agents that shall beat, at most so many; none at the end. */
  take(most: number): number[];
  readonly tookMs: number[];
  resets: number;
}

/** How many connections are begun at once: a listener's queue holds 128 or 511, and who finds it full waits 1 s. */
const OPENED_AT_ONCE = 64;
/** The wait before the next ones, ms. */
const OPENING_MS = 5;

/** Has so many clients begin, a few at a time. Resolves with what they give when the last has ended. */
async function inSteps<T>(count: number, client: (i: number) => Promise<T>): Promise<T[]> {
  const clients: Promise<T>[] = [];
  while (clients.length < count) {
    if (clients.length > 0) await new Promise((resolve) => setTimeout(resolve, OPENING_MS));
    for (let i = 0; i < OPENED_AT_ONCE && clients.length < count; i++) clients.push(client(clients.length));
  }
  return await Promise.all(clients);
}

async function shortConnections({ port, connections, pieces = 1 }: BurstJob, work: Work): Promise<void> {
  await inSteps(connections, async () => {
    for (let [agent] = work.take(1); agent !== undefined; [agent] = work.take(1)) {
      const started = performance.now();
      while (!await answered(port, call(agent), pieces)) work.resets++;
      work.tookMs.push(performance.now() - started);
    }
  });
}

/** @returns false when it was reset, as a connection is that the listener's queue had no room for */
async function answered(port: number, bytes: Uint8Array, pieces: number): Promise<boolean> {
  const connection = await Connection.open(port);
  try {
    await connection.write(bytes, pieces);
    await connection.replies(1);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.ConnectionReset) return false;
    throw error;
  } finally {
    connection.close();
  }
}

/** The connections that were opened to each port. */
const opened = new Map<number, Connection[]>();

async function open({ port, connections }: Pick<OpenJob, "port" | "connections">): Promise<Connection[]> {
  const more = await inSteps(connections, () => Connection.open(port));
  opened.set(port, more);
  return more;
}

function close({ port }: Pick<CloseJob, "port">): void {
  opened.get(port)?.forEach((connection) => connection.close());
  opened.delete(port);
}

async function keptConnections(job: BurstJob, work: Work): Promise<void> {
  const connections = opened.get(job.port);
  await Promise.all((connections ?? await open(job)).map((connection) => keptConnection(connection, job, work)));
  if (connections === undefined) close(job);
}

async function keptConnection(
  connection: Connection,
  { pipelined = 1, pieces = 1 }: BurstJob,
  { take, tookMs }: Work,
): Promise<void> {
  for (let agents = take(pipelined); agents.length > 0; agents = take(pipelined)) {
    const started = performance.now();
    await connection.write(agents.length === 1 ? call(agents[0]!) : concat(agents.map(call)), pieces);
    await connection.replies(agents.length);
    tookMs.push(performance.now() - started);
  }
}

async function paced({ port, agents, connections, perSecond, durationMs, from }: PacedJob): Promise<PacedResult> {
  const all = await inSteps(connections, () => Connection.open(port));
  const idle = [...all];
  const agentAt = (beat: number) => (from === undefined ? beat * 7919 : from + beat) % agents;
  const results: [number, number][] = [];
  const onTheWay = new Set<Promise<void>>();
  const started = performance.now();
  for (let sent = 0; performance.now() - started < durationMs;) {
    const due = (performance.now() - started) * perSecond / 1000;
    for (let connection = idle.shift(); connection !== undefined; connection = idle.shift()) {
      if (sent >= due) {
        idle.unshift(connection);
        break;
      }
      const beat = timed(connection, call(agentAt(sent++))).then((result) => {
        results.push(result);
        idle.push(connection);
        onTheWay.delete(beat);
      });
      onTheWay.add(beat);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(onTheWay);
  all.forEach((connection) => connection.close());
  return results;
}

async function timed(connection: Connection, bytes: Uint8Array): Promise<[number, number]> {
  const [atMs, started] = [Date.now(), performance.now()];
  await connection.write(bytes, 1);
  await connection.replies(1);
  return [atMs, performance.now() - started];
}

await serveJobs(async (job: BurstJob | PacedJob | OpenJob | CloseJob): Promise<unknown> => {
  switch (job.kind) {
    case "open":
      return (await open(job)).length;
    case "close":
      return close(job) ?? null;
    case "paced":
      return await paced(job);
    default:
      return await burst(job);
  }
});
