import { addressKey } from "./address.ts";
import { AddressMap } from "./address_map.ts";
import type { Agent } from "./agent.ts";
import { addressOrder, sorted } from "./order.ts";
import { type AgentQuery, matcher, select } from "./query.ts";

/** How many rows are looked at between two places where a long job may be interrupted. */
const ROWS_PER_STEP = 512;

/** The rows of a fleet and its indexes: by address, by asset, and in the order of addresses. */
export class AgentTable {
  readonly #byAddress = new AddressMap<Agent>();
  readonly #byAsset = new Map<string, Agent | Set<Agent>>();
  #inOrder: Agent[] | undefined;

  get size(): number {
    return this.#byAddress.size;
  }

  /** The row of a canonical address. */
  get(ip: string): Agent | undefined {
    return this.#byAddress.get(addressKey(ip));
  }

  /** Every row, in no useful order. */
  all(): IterableIterator<Agent> {
    return this.#byAddress.values();
  }

  add(agent: Agent): void {
    this.#byAddress.set(agent.key, agent);
    this.#indexAsset(agent);
    this.#inOrder = undefined;
  }

  delete(agent: Agent): void {
    this.#byAddress.delete(agent.key);
    this.#unindexAsset(agent);
    this.#inOrder = undefined;
  }

  /** Gives a row another asset name. */
  rename(agent: Agent, asset: string): void {
    this.#unindexAsset(agent);
    agent.asset = asset;
    this.#indexAsset(agent);
  }

  /** The rows that match a query which names an address or an asset: a few. Newest beat first. */
  find(query: AgentQuery): Agent[] {
    return this.#named(query).filter(matcher(query)).sort((a, b) => b.lastBeatMs - a.lastBeatMs);
  }

  /**
   * All rows that match a query, by address unless the query says otherwise. A long job: it yields where it may be
   * interrupted. Of a whole fleet no copy is made, for which V8 collects garbage twice as often (measured).
   */
  *list(query: AgentQuery): Generator<void, readonly Agent[], void> {
    const isNamed = query.ip !== undefined || query.asset !== undefined;
    const candidates = isNamed ? addressOrder(this.#named(query)) : this.inOrder();
    yield;
    let found: Agent[] | undefined;
    const test = matcher(query);
    for (let first = 0; first < candidates.length; first += ROWS_PER_STEP) {
      found = select(candidates, { first, count: ROWS_PER_STEP }, { test, found });
      yield;
    }
    const list = found ?? candidates;
    return query.sort === undefined ? list : yield* sorted(list, query.sort);
  }

  /** The rows that a query names by address or asset. */
  #named({ ip, asset }: AgentQuery): Agent[] {
    if (ip !== undefined) {
      const agent = this.get(ip);
      return agent === undefined ? [] : [agent];
    }
    const named = asset === undefined ? undefined : this.#byAsset.get(asset);
    if (named === undefined) return [];
    return named instanceof Set ? [...named] : [named];
  }

  /** How many rows a query names by address or asset. */
  countNamed({ ip, asset }: AgentQuery): number {
    if (ip !== undefined) return this.get(ip) === undefined ? 0 : 1;
    const named = asset === undefined ? undefined : this.#byAsset.get(asset);
    if (named === undefined) return 0;
    return named instanceof Set ? named.size : 1;
  }

  /** All rows in the order of their addresses; kept until a row comes or goes. */
  inOrder(): readonly Agent[] {
    this.#inOrder ??= addressOrder([...this.#byAddress.values()]);
    return this.#inOrder;
  }

  #indexAsset(agent: Agent): void {
    if (agent.asset === "") return;
    const named = this.#byAsset.get(agent.asset);
    if (named === undefined) this.#byAsset.set(agent.asset, agent);
    else if (named instanceof Set) named.add(agent);
    else this.#byAsset.set(agent.asset, new Set([named, agent]));
  }

  #unindexAsset(agent: Agent): void {
    const named = this.#byAsset.get(agent.asset);
    if (named === agent) this.#byAsset.delete(agent.asset);
    else if (named instanceof Set) {
      named.delete(agent);
      if (named.size === 0) this.#byAsset.delete(agent.asset);
    }
  }
}
