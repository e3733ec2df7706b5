import type { CatalogUpdates, OfferOutcome } from "../apps/offer.ts";
import { type Clock, instant } from "../clock.ts";
import type { Agent, Instant } from "../fleet/agent.ts";
import type { Fleet } from "../fleet/fleet.ts";
import { type AgentQuery, type Page, parseAgentQuery, parsePage } from "../fleet/query.ts";
import { agentRow } from "../fleet/row.ts";
import type { Slices } from "../slices.ts";
import type { Dialect, Params, ReplyHead } from "./envelope.ts";
import type { ListBody } from "./large/link.ts";
import { LARGE_BYTES } from "./replies.ts";
import type { Outcome } from "./stats.ts";

/** What the actions need. */
export interface ActionsOptions {
  readonly fleet: Pick<Fleet, "find" | "countNamed" | "list" | "isWarming">;
  readonly catalog: CatalogUpdates;
  readonly slices: Slices;
  readonly clock: Clock;
  /**
   * What agentInfo gives to calls with an id in mqtype: a list, as the Elves documents print it, or one object, as
   * modules v0.3.0 to v0.3.2 read it.
   */
  readonly callIdResult: "list" | "object";
  /** Begins a list that is too long for one piece. */
  readonly beginList: () => ListBody;
}

/** A call as the actions see it. */
export interface ActionCall {
  readonly action: string;
  readonly params: Params;
  readonly dialect: Dialect;
  /** Monotonic time after which nobody waits for the answer any more, ms. */
  readonly deadlineMs: number;
}

/** The answer to a call, ready to be framed in the caller's dialect. */
export interface Answer extends ReplyHead {
  readonly outcome: Outcome;
  /** JSON text: a string, or for long lists where it is gathered; that must be sent or discarded. */
  readonly result: string | ListBody;
}

/** How many rows are written between two places where a list may be interrupted, about 100 us. */
const ROWS_PER_STEP = 32;
/** How long the text of a list may get before it is handed on, characters. */
const PIECE_LENGTH = LARGE_BYTES;
/** How many refused entries of a catalog an answer names. */
const SHOWN_REFUSALS = 1_000;
/** What v0.3.3 modules show for an agent that is not there. */
const NOT_FOUND = "[414.1]Agent Info Not Found";

/** The actions that this module offers on the bus (PROTOCOL.md section 2). */
export class Actions {
  readonly #options: ActionsOptions;

  constructor(options: ActionsOptions) {
    this.#options = options;
  }

  /** Where updates of the catalog go. */
  get catalog(): CatalogUpdates {
    return this.#options.catalog;
  }

  /**
   * Answers a call; undefined when its deadline passed before the answer was made.
   * @throws {QueryError} (src/fleet/query.ts) when a parameter cannot be used
   */
  call(call: ActionCall): Answer | Promise<Answer | undefined> {
    switch (call.action) {
      case "agentInfo":
        return this.#agentInfo(call);
      case "agentList":
        return this.#agentList(call);
      case "updateAppInfo":
        return this.#updateAppInfo(call);
      default:
        return this.refusal(call, `[404] there is no action ${JSON.stringify(call.action.slice(0, 80))}`);
    }
  }

  /** Whether lists may lack agents that had no chance to beat yet. @param monotonic now, ms */
  isWarming(monotonic: number): boolean {
    return this.#options.fleet.isWarming({ monotonic });
  }

  /** An error answer, with the empty result that readers of this action expect. */
  refusal({ action, dialect }: Pick<ActionCall, "action" | "dialect">, error: string): Answer {
    const list = dialect === "keyed" || action === "agentList" ||
      (action !== "updateAppInfo" && !this.#wantsObject(dialect));
    return {
      outcome: "refused",
      result: list ? "[]" : "{}",
      error,
      ...(action === "agentList" ? { count: 0 } : {}),
    };
  }

  #agentInfo(call: ActionCall): Answer | Promise<Answer | undefined> {
    const query = parseAgentQuery(call.params);
    const named = query.ip !== undefined || query.asset !== undefined;
    const now = this.#now();
    // One asset name may stand for the whole fleet, by mistake or as an attack.
    const few = named && this.#options.fleet.countNamed(query) <= ROWS_PER_STEP;
    if (few && query.sort === undefined) return this.#rows(this.#options.fleet.find(query, now), call, now);
    const filtered = named || query.app !== undefined || query.cidr !== undefined || query.text !== undefined;
    // A question for nothing in particular finds nothing; the whole fleet is what agentList is for.
    return filtered ? this.#options.slices.run(this.#filteredInfo(call, query, now)) : this.#rows([], call, now);
  }

  *#filteredInfo(call: ActionCall, query: AgentQuery, now: Instant): Generator<void, Answer | undefined, void> {
    if (this.#expired(call)) return undefined;
    const agents = yield* this.#options.fleet.list(query, now);
    if (this.#wantsObject(call.dialect)) {
      const newest = agents.reduce((a: Agent | undefined, b) => a && a.lastBeatMs >= b.lastBeatMs ? a : b, undefined);
      return this.#rows(newest === undefined ? [] : [newest], call, now);
    }
    const result = yield* this.#writeRows(agents, call, now);
    return result === undefined ? undefined : { outcome: agents.length === 0 ? "not_found" : "ok", result };
  }

  /** @param agents the newest beat first */
  #rows(agents: readonly Agent[], { dialect }: ActionCall, now: Instant): Answer {
    const [newest] = agents;
    const outcome = newest === undefined ? "not_found" : "ok";
    if (!this.#wantsObject(dialect)) {
      return { outcome, result: `[${agents.map((agent) => agentRow(agent, now)).join(",")}]` };
    }
    if (newest === undefined) return { outcome, result: "{}", error: NOT_FOUND };
    return { outcome, result: agentRow(newest, now), flagged: true };
  }

  #agentList(call: ActionCall): Promise<Answer | undefined> {
    const query = parseAgentQuery(call.params);
    const page = parsePage(call.params);
    return this.#options.slices.run(this.#writeList(call, query, page));
  }

  *#writeList(call: ActionCall, query: AgentQuery, page: Page): Generator<void, Answer | undefined, void> {
    if (this.#expired(call)) return undefined;
    const now = this.#now();
    const agents = yield* this.#options.fleet.list(query, now);
    const first = page.size === undefined ? 0 : (page.number - 1) * page.size;
    const rows = page.size === undefined ? agents : agents.slice(first, first + page.size);
    const result = yield* this.#writeRows(rows, call, now);
    return result === undefined ? undefined : { outcome: "ok", count: agents.length, result };
  }

  *#writeRows(
    agents: readonly Agent[],
    call: ActionCall,
    now: Instant,
  ): Generator<void, string | ListBody | undefined, void> {
    let body: ListBody | undefined;
    let isWhole = false;
    let text = "[";
    try {
      for (const [i, agent] of agents.entries()) {
        text += i === 0 ? agentRow(agent, now) : `,${agentRow(agent, now)}`;
        if (i % ROWS_PER_STEP !== ROWS_PER_STEP - 1) continue;
        if (text.length >= PIECE_LENGTH) {
          if (this.#expired(call)) return undefined;
          body ??= this.#options.beginList();
          body.append(text, (i + 1) / agents.length);
          text = "";
        }
        yield;
      }
      text += "]";
      body?.append(text, 1);
      isWhole = true;
      return body ?? text;
    } finally {
      if (!isWhole) body?.discard();
    }
  }

  async #updateAppInfo(call: ActionCall): Promise<Answer> {
    const { catalog } = this.#options;
    if (catalog.source === "local") {
      return this.refusal(call, "[409] the apps come from auth.localAppInfo; updateAppInfo changes nothing");
    }
    return this.#offered(call, await catalog.offer(call.params));
  }

  #offered(call: ActionCall, outcome: OfferOutcome): Answer {
    if (outcome.result === "rejected") return this.refusal(call, `[400] ${outcome.reason}`);
    if (outcome.result === "deferred") return { outcome: "ok", result: '{"outcome":"deferred"}', flagged: true };
    const { result, apps, agents, refused } = outcome;
    const text = JSON.stringify({ outcome: result, apps, agents, refused: refused.slice(0, SHOWN_REFUSALS) });
    if (result !== "held") return { outcome: "ok", result: text, flagged: true };
    const error = "[409] held back: too many agents would lose all apps, and supervisor did not confirm it";
    return { outcome: "refused", result: text, error };
  }

  #wantsObject(dialect: Dialect): boolean {
    return dialect === "v033" || (dialect === "seed" && this.#options.callIdResult === "object");
  }

  #expired({ deadlineMs }: ActionCall): boolean {
    return this.#options.clock.monotonic() > deadlineMs;
  }

  #now(): Instant {
    return instant(this.#options.clock);
  }
}
