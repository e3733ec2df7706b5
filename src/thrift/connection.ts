import type { BeatSocket } from "./door.ts";
import { type Call, CallDecoder } from "./decoder.ts";
import type { ReplyWriter } from "./encoder.ts";
import {
  BYTES_OF_CALL,
  CALLS_PER_TURN,
  MAX_PROXY_HEADER_BYTES,
  READ_BUFFER_GROWTH,
  WRITE_BATCH_BYTES,
} from "./limits.ts";
import { readProxyHeader } from "./proxy_protocol.ts";
import type { ReadBuffers } from "./read_buffers.ts";
import { type AgentInfo, ApplicationError, ApplicationErrorType, type BeatService } from "./service.ts";
import type { BeatCounters, RefusalReason } from "./stats.ts";
import { HEARTBEAT_METHOD, WireError } from "./wire.ts";

/** A set of addresses. */
export interface AddressMatcher {
  /** Whether this address, an IPv4 or IPv6 literal, belongs to the set. */
  has(address: string): boolean;
}

/** What a connection sees of its server. */
export interface ConnectionContext {
  readonly service: BeatService;
  readonly counters: BeatCounters;
  /** Shared by all connections: empty whenever one of them waits. */
  readonly replies: ReplyWriter;
  /** Shared by all connections: each has one while it is served. */
  readonly buffers: ReadBuffers;
  /** Who may beat at all; undefined for everybody. */
  readonly allow: AddressMatcher | undefined;
  readonly maxMessageBytes: number;
  /** Counts up at a steady pace while the event loop runs, so that after a stall of this process nobody is late. */
  readonly tick: number;
  readonly requestTimeoutTicks: number;
  readonly idleTimeoutTicks: number;
  /** The monotonic clock, ms. */
  now(): number;
  /** Takes note of a connection that is not served any further. */
  refused(reason: RefusalReason, peer: string, detail: string): void;
  /** Takes note of an error that no peer causes. */
  failed(what: "handler" | "connection", cause: unknown): void;
}

/** A reply that is still to come: its text, or why there is none. */
interface LaterReply {
  readonly call: Call;
  readonly outcome: Promise<Uint8Array | { readonly error: unknown }>;
}

/** What a connection waits for, and why it is closed when that does not come in time. */
const TIMEOUT_REASON = {
  idle: "idle_timeout",
  request: "request_timeout",
  write: "write_timeout",
} as const satisfies Record<string, RefusalReason>;

/** One connection of an agent: calls are read, answered and their replies written, strictly in this order. */
export class Connection {
  /** Where it stands among the open ones; theirs to write. */
  place = 0;
  readonly #socket: BeatSocket;
  readonly #context: ConnectionContext;
  readonly #decoder: CallDecoder;
  /** The address of the other end, or the client that a balancer names. */
  #peer: string;
  /** The agent's own address, as far as the connection shows it. */
  #agent: string | undefined;
  #buffer: Uint8Array<ArrayBuffer>;
  /** What was read and is not yet answered: the buffer from `#start` up to `#end`. */
  #start = 0;
  #end = 0;
  #phase: keyof typeof TIMEOUT_REASON = "idle";
  #deadlineTick = 0;
  #writes = 0;
  /** When the last bytes came, and when the first byte of the oldest call that has no reply yet did; monotonic ms. */
  #readAtMs = 0;
  #begunAtMs = 0;
  /** Replies that are not yet written. */
  #replies = 0;
  /** Pipelined or large calls answered since other connections had their turn. */
  #burst = 0;
  /** Bytes after the last good call were no call. */
  #fault: unknown;
  /** Whether what comes first may be the PROXY header of a balancer. */
  #inProxyHeader = false;
  /** A call whose reply another thread has a say in; those behind it wait. */
  #later: LaterReply | undefined;
  #draining = false;
  #closed = false;

  /** @param peer the address of the other end */
  constructor(socket: BeatSocket, peer: string, context: ConnectionContext) {
    this.#socket = socket;
    this.#peer = peer;
    this.#agent = peer;
    this.#context = context;
    this.#buffer = context.buffers.take();
    this.#decoder = new CallDecoder(context.maxMessageBytes);
    this.#wait("idle");
  }

  /**
   * Serves the connection to its end. Never rejects.
   * @param behindProxy whether the other end may send a PROXY header before its first call
   */
  async serve(behindProxy: boolean): Promise<void> {
    this.#inProxyHeader = behindProxy;
    try {
      if (!behindProxy && !this.#isAllowed()) return;
      // One function with all waits but that for a slow peer: a call costs a tenth less than with one for each.
      while (!this.#closed) {
        const count = await this.#socket.read(this.#room());
        if (count === null) return this.#ended();
        this.#arrived(count);
        if (this.#inProxyHeader && !this.#readProxyHeader()) continue;
        while (this.#answer()) {
          if (this.#context.replies.length > 0) {
            const replies = this.#takeReplies();
            const written = await this.#socket.write(replies);
            if (written < replies.length) await this.#writeRest(replies, written);
            this.#measure();
          }
          // Nothing complete was left before the last read, so what is left begins in what that brought.
          this.#begunAtMs = this.#readAtMs;
          if (this.#burst >= CALLS_PER_TURN) await this.#letOthers();
          // Its reply is written in the next round, without a wait in between: others use the same writer.
          const later = this.#later;
          if (later !== undefined) this.#replyLater(later.call, await later.outcome);
        }
        if (this.#fault !== undefined) throw this.#fault;
        if (this.#draining && this.#start === this.#end) return;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.close();
      // Nothing is read or written any more: each wait for that has ended.
      this.#context.buffers.give(this.#buffer);
    }
  }

  /** Closes the connection if what it waits for is overdue. */
  closeWhenOverdue(): void {
    if (!this.#closed && this.#context.tick >= this.#deadlineTick) this.#refuse(TIMEOUT_REASON[this.#phase], "");
  }

  /** Ends the connection as soon as what was read is answered: at once when that is nothing. */
  drain(): void {
    this.#draining = true;
    if (this.#phase === "idle" && this.#start === this.#end) this.close();
  }

  /**
   * Ends the connection now. Deno 2.4 does not cancel a write that a peer holds up by not reading: there {@link serve}
   * ends, and the connection stops to count against the limits, only when that peer reads, closes or is gone.
   */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  /** @returns false when it has not come as a whole, or the client may not beat */
  #readProxyHeader(): boolean {
    const header = readProxyHeader(this.#buffer, this.#start, this.#end);
    if (header === undefined) return false;
    this.#inProxyHeader = false;
    this.#start += header.length;
    this.#agent = header.client;
    this.#peer = header.client ?? this.#peer;
    this.#phase = "idle";
    return this.#isAllowed();
  }

  /** Closes the connection of somebody who may not beat. */
  #isAllowed(): boolean {
    if (this.#context.allow?.has(this.#peer) !== false) return true;
    this.#refuse("not_allowed", "not in thrift.allow");
    return false;
  }

  /** Where the next bytes may be read to; they are waited for from now on. */
  #room(): Uint8Array {
    this.#makeRoom();
    if (this.#end === 0) this.#wait("idle");
    else if (this.#phase !== "request") this.#wait("request");
    return this.#end === 0 ? this.#buffer : this.#buffer.subarray(this.#end);
  }

  /** Takes in so many bytes that were read. */
  #arrived(count: number): void {
    this.#readAtMs = this.#context.now();
    if (this.#end === 0) this.#begunAtMs = this.#readAtMs;
    this.#end += count;
  }

  /** The peer sends nothing more. */
  #ended(): void {
    if (this.#end > 0) this.#refuse("truncated", "");
  }

  /** Makes the read buffer larger only when bytes that arrived have filled it, and small again when it is empty. */
  #makeRoom(): void {
    if (this.#start === this.#end) {
      this.#start = this.#end = 0;
      this.#buffer = this.#context.buffers.small(this.#buffer);
      return;
    }
    if (this.#start > 0) {
      this.#buffer.copyWithin(0, this.#start, this.#end);
      this.#end -= this.#start;
      this.#start = 0;
    }
    if (this.#end < this.#buffer.length) return;
    const most = Math.max(this.#context.maxMessageBytes, MAX_PROXY_HEADER_BYTES);
    const larger = new Uint8Array(Math.min(READ_BUFFER_GROWTH * this.#buffer.length, most));
    larger.set(this.#buffer);
    this.#buffer = larger;
  }

  /**
   * Answers one batch of the calls that are complete.
   * @returns false when there was none, and no reply is to be written
   */
  #answer(): boolean {
    const from = this.#start;
    let calls = 0;
    while (calls < CALLS_PER_TURN && this.#context.replies.length < WRITE_BATCH_BYTES && this.#later === undefined) {
      const call = this.#decode();
      if (call === undefined) break;
      this.#handle(call);
      calls++;
    }
    const turn = Math.max(calls, Math.floor((this.#start - from) / BYTES_OF_CALL));
    if (turn > 1) this.#burst += turn;
    return calls > 0 || this.#context.replies.length > 0;
  }

  #decode(): Call | undefined {
    if (this.#start === this.#end || this.#fault !== undefined) return undefined;
    try {
      const call = this.#decoder.decode(this.#buffer, this.#start, this.#end);
      if (call === undefined) return undefined;
      this.#start += this.#decoder.length;
      this.#phase = "idle";
      return call;
    } catch (error) {
      // Thrown after the replies to the good calls before it are written.
      this.#fault = error;
      return undefined;
    }
  }

  #handle(call: Call): void {
    const { calls } = this.#context.counters;
    if (call.method !== HEARTBEAT_METHOD) {
      calls.unknown_method++;
      this.#except(call, ApplicationErrorType.UNKNOWN_METHOD, `unknown method "${call.method}"`);
    } else if (call.info === undefined) {
      calls.missing_info++;
      this.#except(call, ApplicationErrorType.PROTOCOL_ERROR, `${HEARTBEAT_METHOD} needs its argument "info"`);
    } else {
      this.#beat(call, call.info);
    }
  }

  #beat(call: Call, info: AgentInfo): void {
    const { service, counters } = this.#context;
    counters.beats++;
    try {
      const text = service.heartbeatPackage(info, this.#agent);
      if (text instanceof Promise) this.#waitForReply(call, text);
      else this.#reply(call, text);
    } catch (error) {
      this.#refuseCall(call, error);
    }
  }

  #waitForReply(call: Call, text: Promise<Uint8Array>): void {
    this.#wait("write");
    this.#later = { call, outcome: text.catch((error: unknown) => ({ error })) };
  }

  #replyLater(call: Call, outcome: Awaited<LaterReply["outcome"]>): void {
    this.#later = undefined;
    if (outcome instanceof Uint8Array) this.#reply(call, outcome);
    else this.#refuseCall(call, outcome.error);
  }

  #reply(call: Call, text: Uint8Array): void {
    const { counters, replies } = this.#context;
    if (!call.oneway) {
      replies.reply(call, text);
      this.#replies++;
    }
    counters.calls.answered++;
  }

  #refuseCall(call: Call, error: unknown): void {
    const { calls } = this.#context.counters;
    if (error instanceof ApplicationError) {
      calls.refused++;
      this.#except(call, error.type, error.message);
      return;
    }
    calls.internal_error++;
    this.#context.failed("handler", error);
    this.#except(call, ApplicationErrorType.INTERNAL_ERROR, "internal error");
  }

  #except(call: Call, type: number, message: string): void {
    if (call.oneway) return;
    this.#context.replies.exception(call, type, message);
    this.#replies++;
  }

  /** The replies so far; nothing more is read before the peer has taken them. */
  #takeReplies(): Uint8Array {
    this.#wait("write");
    // Nagle's algorithm never delays the first write; most connections have no other.
    if (++this.#writes === 2 && "setNoDelay" in this.#socket) this.#socket.setNoDelay(true);
    // They go out of the buffer that the calls came in when that is empty now: new memory is a tenth of a beat's cost.
    return this.#start === this.#end ? this.#context.replies.takeInto(this.#buffer) : this.#context.replies.take();
  }

  async #writeRest(bytes: Uint8Array, written: number): Promise<void> {
    while (written < bytes.length) written += await this.#socket.write(bytes.subarray(written));
  }

  /** Counts how long the calls took whose replies are written. All but the first came whole in the last read. */
  #measure(): void {
    const { now, counters: { latency } } = this.#context;
    const nowMs = now();
    latency.observe(nowMs - this.#begunAtMs);
    if (this.#replies > 1) latency.observe(nowMs - this.#readAtMs, this.#replies - 1);
    this.#replies = 0;
  }

  /** Gives other connections their turn: reads and writes of a busy one can all complete without waiting. */
  async #letOthers(): Promise<void> {
    this.#burst = 0;
    await new Promise((resolve) => setTimeout(resolve, 0));
  }

  #wait(phase: keyof typeof TIMEOUT_REASON): void {
    const { tick, idleTimeoutTicks, requestTimeoutTicks } = this.#context;
    this.#phase = phase;
    this.#deadlineTick = tick + (phase === "idle" ? idleTimeoutTicks : requestTimeoutTicks);
  }

  #fail(error: unknown): void {
    // What was waited for when the connection was closed on purpose.
    if (this.#closed) return;
    if (error instanceof WireError) return this.#refuse(error.code, error.message);
    if (error instanceof Deno.errors.InvalidData) return this.#refuse("bad_tls", error.message);
    if (!isConnectionLoss(error)) this.#context.failed("connection", error);
    this.#refuse("connection_lost", "");
  }

  #refuse(reason: RefusalReason, detail: string): void {
    // Before the peer sees it, so that whoever looks then finds it counted, in whatever thread.
    this.#context.refused(reason, this.#peer, detail);
    this.close();
  }
}

/** Whether an error of a socket only says that the other end is gone. */
export function isConnectionLoss(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut || error instanceof Deno.errors.UnexpectedEof;
}
