/** Sends beats, in a process of its own, so that its work is not counted as the server's. */
import { beatCall, concat, parseReply } from "../support/beat_client.ts";
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
  /** Short connections: in how many writes each call goes. */
  readonly pieces?: number;
  /** Kept connections: how many calls go in one write before their replies are read. */
  readonly pipelined?: number;
}

/** Beats at a steady rate on kept connections. */
export interface PacedJob {
  readonly kind: "paced";
  readonly port: number;
  readonly agents: number;
  readonly connections: number;
  readonly perSecond: number;
  readonly durationMs: number;
}

/** What a burst of beats took. */
export interface BurstResult {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
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
const HEAD_BYTES = 4 + 4 + "heartbeatPackage".length + 4 + 3 + 4;
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

const calls: Uint8Array[] = [];

/** The call of one agent of a fleet in which every agent has an address, a name and three apps of its own. */
function call(agent: number): Uint8Array {
  let bytes = calls[agent];
  if (bytes === undefined) {
    const apps = [0, 1, 2].map((i) => [`app${(agent * 7 + i * 13) % 41}`, `1.${agent % 10}.${(agent * 31 + i) % 97}`]);
    bytes = beatCall({
      ip: `10.${agent >> 16}.${(agent >> 8) & 0xff}.${agent & 0xff}`,
      asset: `CX${String(agent).padStart(7, "0")}`,
      version: "0.3.3",
      apps: JSON.stringify(Object.fromEntries(apps)),
    });
    calls[agent] = bytes;
  }
  return bytes;
}

async function burst(job: BurstJob): Promise<BurstResult> {
  let next = 0;
  const tookMs: number[] = [];
  const worker = job.kind === "short" ? shortWorker : keptWorker;
  const take = (most: number) => {
    const agents: number[] = [];
    for (; agents.length < most && next < job.beats; next++) agents.push(next % job.agents);
    return agents;
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: job.connections }, () => worker(job, { take, tookMs })));
  const seconds = (performance.now() - started) / 1000;
  return { perSecond: job.beats / seconds, p50Ms: percentile(tookMs, 50), p99Ms: percentile(tookMs, 99) };
}

interface Work {
  /** The next agents that shall beat, at most so many; none at the end. */
  take(most: number): number[];
  readonly tookMs: number[];
}

async function shortWorker({ port, pieces = 1 }: BurstJob, { take, tookMs }: Work): Promise<void> {
  for (let [agent] = take(1); agent !== undefined; [agent] = take(1)) {
    const started = performance.now();
    const connection = await Connection.open(port);
    await connection.write(call(agent), pieces);
    await connection.replies(1);
    connection.close();
    tookMs.push(performance.now() - started);
  }
}

async function keptWorker({ port, pipelined = 1 }: BurstJob, { take, tookMs }: Work): Promise<void> {
  const connection = await Connection.open(port);
  for (let agents = take(pipelined); agents.length > 0; agents = take(pipelined)) {
    const started = performance.now();
    await connection.write(agents.length === 1 ? call(agents[0]!) : concat(agents.map(call)), 1);
    await connection.replies(agents.length);
    tookMs.push(performance.now() - started);
  }
  connection.close();
}

async function paced({ port, agents, connections, perSecond, durationMs }: PacedJob): Promise<PacedResult> {
  const open = await Promise.all(Array.from({ length: connections }, () => Connection.open(port)));
  const idle = [...open];
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
      const beat = timed(connection, call((sent++ * 7919) % agents)).then((result) => {
        results.push(result);
        idle.push(connection);
        onTheWay.delete(beat);
      });
      onTheWay.add(beat);
    }
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  await Promise.all(onTheWay);
  open.forEach((connection) => connection.close());
  return results;
}

async function timed(connection: Connection, bytes: Uint8Array): Promise<[number, number]> {
  const [atMs, started] = [Date.now(), performance.now()];
  await connection.write(bytes, 1);
  await connection.replies(1);
  return [atMs, performance.now() - started];
}

await serveJobs((job: BurstJob | PacedJob): Promise<unknown> => job.kind === "paced" ? paced(job) : burst(job));
