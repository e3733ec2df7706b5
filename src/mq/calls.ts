import type { Message } from "amqplib";
import { Buffer } from "node:buffer";
import { QueryError } from "../fleet/query.ts";
import type { FaultLog, Logger } from "../log.ts";
import type { ActionCall, Actions, Answer } from "./actions.ts";
import { type Caller, frameReply, type Parsed, parseRequest } from "./envelope.ts";
import type { Outgoing, Replies } from "./replies.ts";
import { type Action, ACTIONS, type MqStats } from "./stats.ts";

/** How long peers wait for an answer, ms. */
const CALLER_PATIENCE_MS = 5_000;

/**
 * Above this a message waits until those before it are handled, bytes. Parsed it takes ten times as much memory: twelve
 * catalogs of 35 MiB at a time took 2.7 GB, and all of them together kept callers waiting for longer than they do.
 */
const LARGE_BYTES = 1024 * 1024;

/** What the handling of messages needs. */
export interface CallsOptions {
  readonly actions: Actions;
  readonly replies: Pick<Replies, "send">;
  readonly stats: MqStats;
  /** The modules' exchange. */
  readonly exchange: string;
  /** The largest body that is parsed, bytes. */
  readonly maxBodyBytes: number;
  /** The monotonic clock, ms. */
  readonly now: () => number;
  readonly log: Logger;
  readonly faults: FaultLog;
}

type Call = Extract<Parsed, { kind: "call" }>;
type Cast = Extract<Parsed, { kind: "cast" }>;
/**
 * Which messages of a queue are handled: those that are left alone are somebody else's. In a cluster calls wait in a queue
 * that all instances share, while each has a queue of its own for casts.
 */
export type Share = "all" | "calls" | "casts";

/** A message as it came, pushed or pulled. */
export type Delivered = Pick<Message, "content" | "properties">;

type Refused = Extract<Parsed, { kind: "refused" }>;

/** Handles the messages of the module queue: one answer for every call that says where to. */
export class Calls {
  readonly #options: CallsOptions;
  /** How many messages have their turn or wait for it. */
  #turns = 0;
  #lastTurn: Promise<void> = Promise.resolve();

  constructor(options: CallsOptions) {
    this.#options = options;
  }

  /** Handles one message; never throws or rejects. Messages that are answered at once are answered synchronously. */
  handle(message: Delivered, share: Share = "all"): void | Promise<void> {
    const deadlineMs = this.#options.now() + CALLER_PATIENCE_MS;
    const { content, properties } = message;
    const { maxBodyBytes } = this.#options;
    const read = () => parseRequest(content, properties, maxBodyBytes);
    const take = (parsed: Parsed) => isOf(share, parsed) ? this.#handle(parsed, deadlineMs) : undefined;
    // What is too large is not parsed, and refused at once.
    const isLarge = content.length > LARGE_BYTES && content.length <= maxBodyBytes;
    if (isLarge) return this.#inTurn(() => take(read()));
    const parsed = read();
    // A large catalog that came before this one must not replace it.
    if (this.#turns > 0 && isCatalog(parsed)) return this.#inTurn(() => take(parsed));
    return take(parsed);
  }

  #inTurn(job: () => void | Promise<void>): Promise<void> {
    this.#turns++;
    this.#lastTurn = this.#lastTurn.then(job).finally(() => this.#turns--);
    return this.#lastTurn;
  }

  #handle(parsed: Parsed, deadlineMs: number): void | Promise<void> {
    switch (parsed.kind) {
      case "call":
        return this.#call(parsed, deadlineMs);
      case "cast":
        return this.#cast(parsed);
      case "refused":
        return this.#refuse(parsed, deadlineMs);
      case "ignored":
        this.#options.stats.ignored[parsed.reason]++;
        return this.#options.faults.warn(`mq.${parsed.reason}`, "mq: a message is ignored: {error}", {
          error: parsed.error,
        });
    }
  }

  #call(parsed: Call, deadlineMs: number): void | Promise<void> {
    const { caller, action, params } = parsed;
    const call: ActionCall = { action, params, dialect: caller.dialect, deadlineMs };
    try {
      const answer = this.#options.actions.call(call);
      if (!(answer instanceof Promise)) return this.#answer(caller, call, answer);
      return answer.then((ready) => this.#answer(caller, call, ready)).catch((cause) =>
        this.#fail(caller, call, cause)
      );
    } catch (cause) {
      return this.#fail(caller, call, cause);
    }
  }

  #refuse({ caller, action, error }: Refused, deadlineMs: number): void {
    const call = { action, params: {}, dialect: caller.dialect, deadlineMs };
    this.#options.faults.warn("mq.refused", "mq: a call from {from} is refused: {error}", { from: caller.from, error });
    this.#answer(caller, call, this.#options.actions.refusal(call, error));
  }

  #fail(caller: Caller, call: ActionCall, cause: unknown): void {
    if (cause instanceof QueryError) {
      return this.#answer(caller, call, this.#options.actions.refusal(call, `[400] ${cause.message}`));
    }
    this.#options.faults.error(`mq.failed.${labelOf(call.action)}`, "mq: {action} for {from} failed: {cause}", {
      action: call.action,
      from: caller.from,
      cause,
    });
    const answer = this.#options.actions.refusal(call, "[500] a fault in elves-heartbeat; its log has more");
    this.#answer(caller, call, { ...answer, outcome: "failed" });
  }

  #answer(caller: Caller, call: ActionCall, answer: Answer | undefined): void {
    const { stats, actions, replies, now } = this.#options;
    const label = labelOf(call.action);
    const nowMs = now();
    stats.latency[label].observe(nowMs - (call.deadlineMs - CALLER_PATIENCE_MS));
    if (answer === undefined || nowMs > call.deadlineMs) {
      if (typeof answer?.result === "object") answer.result.discard();
      stats.repliesLost.expired++;
      return;
    }
    stats.calls[label][answer.outcome]++;
    const marked = LISTS.has(call.action) && actions.isWarming(nowMs) ? { ...answer, warming: true } : answer;
    const { before, after } = frameReply(caller, marked);
    const { result } = answer;
    if (typeof result !== "string") replies.send(this.#reply(caller, call, { body: result, before, after }));
    else replies.send(this.#reply(caller, call, Buffer.from(before + result + after)));
  }

  #reply<Content>(caller: Caller, call: ActionCall, content: Content): Outgoing<Content> {
    const { replyTo, callId, correlationId } = caller;
    return {
      exchange: replyTo === undefined ? this.#options.exchange : "",
      routingKey: replyTo ?? callId ?? "",
      correlationId,
      content,
      deadlineMs: call.deadlineMs,
      tooLarge: (limit) => {
        const error = `[413] the answer is larger than the broker takes (${limit} bytes): use pagesize`;
        const refusal = this.#options.actions.refusal(call, error);
        const { before, after } = frameReply(caller, refusal);
        return Buffer.from(`${before}${refusal.result}${after}`);
      },
    };
  }

  #cast({ from, action, params }: Cast): void | Promise<void> {
    const { stats, faults, actions } = this.#options;
    if (action !== "updateAppInfo" || actions.catalog.source === "local") {
      stats.ignored.useless_cast++;
      const why = action === "updateAppInfo" ? "the apps come from auth.localAppInfo" : "there is no such cast";
      return faults.warn("mq.useless_cast", "mq: the cast {action} from {from} is ignored: {why}", {
        action: action.slice(0, 80),
        from,
        why,
      });
    }
    stats.casts++;
    return actions.catalog.offer(params).then(
      () => {},
      (cause) => faults.error("mq.updateAppInfo", "mq: updateAppInfo failed: {cause}", { cause }),
    );
  }
}

/** Whether a message is to be handled by who takes this share. */
function isOf(share: Share, { kind }: Parsed): boolean {
  return share === "all" || (kind === "cast") === (share === "casts");
}

function isCatalog(parsed: Parsed): boolean {
  return parsed.kind === "cast" || (parsed.kind === "call" && parsed.action === "updateAppInfo");
}

/** The actions whose answers are about who is there. */
const LISTS: ReadonlySet<string> = new Set(["agentInfo", "agentList"]);

function labelOf(action: string): Action {
  return ACTIONS.find((known) => known === action) ?? "unknown";
}
