import { Cidrs } from "./address.ts";
import type { Agent, Instant } from "./agent.ts";
import { MAX_ASSET_LENGTH } from "./beat.ts";
import { Glob } from "./glob.ts";

/** The most silences at a time. */
export const MAX_SILENCES = 1_000;
/** The longest silence, ms: 366 days. */
export const MAX_SILENCE_MS = 366 * 86_400_000;
/** The longest reason, characters. */
export const MAX_REASON_LENGTH = 200;
/** The longest list of address ranges, characters. */
const MAX_CIDR_LENGTH = 1_000;

/** What is asked for when a maintenance window begins: which agents, and until when. */
export interface NewSilence {
  /** Address ranges, separated by commas; with `asset`, too, both must match. */
  readonly cidr?: string | undefined;
  /** Pattern of the asset name: `*` any text, `?` any character, in upper or lower case. */
  readonly asset?: string | undefined;
  /** End, ms since the epoch. */
  readonly untilMs: number;
  /** For people; may be empty. */
  readonly reason?: string | undefined;
}

/** A silence as it outlives the process. */
export interface StoredSilence {
  readonly id: string;
  readonly cidr: string | undefined;
  readonly asset: string | undefined;
  readonly reason: string;
  /** Who began it. */
  readonly by: string;
  /** Ms since the epoch. */
  readonly createdAtMs: number;
  /** Ms since the epoch. */
  readonly untilMs: number;
}

/** A silence that cannot be. The message says what was required and what came. */
export class SilenceError extends Error {
  override name = "SilenceError";
  /** Which part of it is wrong; undefined where it is none of them. */
  readonly field: keyof NewSilence | undefined;

  constructor(message: string, field?: keyof NewSilence) {
    super(message);
    this.field = field;
  }
}

/** A maintenance window: until it ends, nothing is told about the agents that it matches. */
export class Silence {
  readonly id: string;
  readonly cidr: Cidrs | undefined;
  /** Pattern of the asset name. */
  readonly asset: string | undefined;
  readonly reason: string;
  /** Who began it. */
  readonly by: string;
  /** Ms since the epoch. */
  readonly createdAtMs: number;
  /** End on the wall clock, ms since the epoch. */
  readonly untilMs: number;
  /** How many agents it silences at present; one in several windows counts for the one that ends last. */
  agents = 0;
  readonly #glob: Glob | undefined;

  /** @throws {SilenceError} when it names no agents, or not in the way that is required */
  constructor(stored: StoredSilence) {
    const { id, cidr, asset, reason, by, createdAtMs, untilMs } = stored;
    this.id = id;
    this.cidr = cidr === undefined ? undefined : readCidr(cidr);
    this.asset = asset === undefined ? undefined : readAsset(asset);
    if (cidr === undefined && asset === undefined) {
      throw new SilenceError("cidr, asset or both are required, so that it is clear which agents are meant");
    }
    this.#glob = asset === undefined ? undefined : new Glob(asset);
    this.reason = readReason(reason);
    this.by = by;
    this.createdAtMs = createdAtMs;
    this.untilMs = untilMs;
  }

  /** @param asset the agent's asset name in lower case */
  matches({ ip, rank }: Agent, asset: string): boolean {
    return (this.cidr === undefined || this.cidr.has(ip, rank)) &&
      (this.#glob === undefined || this.#glob.matches(asset));
  }

  /** Which agents it is about, for people. */
  get text(): string {
    const parts = [this.id];
    if (this.cidr !== undefined) parts.push(`cidr ${this.cidr.text}`);
    if (this.asset !== undefined) parts.push(`asset ${this.asset}`);
    if (this.reason !== "") parts.push(`(${this.reason})`);
    return parts.join(" ");
  }

  /** What of it is stored. */
  get stored(): StoredSilence {
    const { id, cidr, asset, reason, by, createdAtMs, untilMs } = this;
    return { id, cidr: cidr?.text, asset, reason, by, createdAtMs, untilMs };
  }
}

function readCidr(text: string): Cidrs {
  const range = "an address range such as 10.0.0.0/8";
  if (text.length > MAX_CIDR_LENGTH) {
    throw new SilenceError(`cidr must have at most ${MAX_CIDR_LENGTH} characters, ${text.length} came`, "cidr");
  }
  if (text.replaceAll(",", "").trim() === "") throw new SilenceError(`cidr: ${range} was required`, "cidr");
  try {
    return new Cidrs(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) throw new SilenceError(`cidr: ${cause.message}`, "cidr");
    throw cause;
  }
}

function readAsset(text: string): string {
  if (text === "" || text.length > MAX_ASSET_LENGTH || /\p{Cc}/u.test(text)) {
    throw new SilenceError(
      `asset must be a pattern such as web-* of 1 to ${MAX_ASSET_LENGTH} characters, ${JSON.stringify(text)} came`,
      "asset",
    );
  }
  return text;
}

function readReason(text: string): string {
  if (text.length > MAX_REASON_LENGTH || /\p{Cc}/u.test(text)) {
    throw new SilenceError(
      `reason must be one line of at most ${MAX_REASON_LENGTH} characters, ${text.length} came`,
      "reason",
    );
  }
  return text;
}

/** A silence that is over, and what it leaves behind. */
export interface EndedSilence {
  readonly silence: Silence;
  /** How many agents it silenced at its end. */
  readonly agents: number;
  /** How many of them are offline. */
  readonly offline: number;
}

/** Who is told what time brings. */
export interface SilenceListener {
  /** An agent is under no silence any more. */
  unsilenced(agent: Agent): void;
  /** The time of a silence was over. */
  ended(ended: EndedSilence): void;
}

/** How many comparisons of an agent with a silence are made in one piece: a few ms. */
const COMPARISONS = 100_000;
/** As how many comparisons it counts to look at an agent at all, and perhaps to tell what is new of it. */
const LOOK = 20;

/**
 * The maintenance windows, and which agent is in which. An agent in several is under the one that ends last: so when
 * that ends, all have ended. Agents come out of a silence a few thousand at a time, so that the end of a large one holds
 * nobody up; until it is their turn they are under it still.
 */
export class Silences {
  /** The one that ends last comes first. */
  #active: Silence[] = [];
  readonly #byId = new Map<string, Silence>();
  readonly #agents: () => Iterable<Agent>;
  readonly #listener: SilenceListener;
  #nextEndMs = Infinity;
  /** Agents under a silence that is over; the last is next. */
  #leaving: Agent[] = [];

  /**
   * @param agents every agent of the fleet
   * @param listener who is told what time brings
   */
  constructor(agents: () => Iterable<Agent>, listener: SilenceListener) {
    this.#agents = agents;
    this.#listener = listener;
  }

  /** The active ones, the soonest end first. */
  get list(): Silence[] {
    return this.#active.toReversed();
  }

  /** How many are active. */
  get size(): number {
    return this.#active.length;
  }

  /** The active one with this id. */
  get(id: string): Silence | undefined {
    return this.#byId.get(id);
  }

  /** The one that an agent is under. */
  find(agent: Agent): Silence | undefined {
    return agent.silence;
  }

  /**
   * Begins one.
   * @throws {SilenceError} when it cannot be
   */
  add({ cidr, asset, untilMs, reason = "" }: NewSilence, { by, now }: { by: string; now: Instant }): Silence {
    if (this.size >= MAX_SILENCES) {
      throw new SilenceError(`there are ${MAX_SILENCES} silences already, as many as there may be`);
    }
    if (!(untilMs > now.wall && untilMs <= now.wall + MAX_SILENCE_MS)) {
      throw new SilenceError("the end must be in the future, 366 days from now at most", "untilMs");
    }
    const id = this.#newId();
    const silence = new Silence({ id, cidr, asset, untilMs, reason, by, createdAtMs: now.wall });
    this.#begin(silence);
    return silence;
  }

  /**
   * Takes in those that began at another instance; known ones, and those that are over or cannot be read, are left out.
   * @returns whether there were others
   */
  adopt(rows: readonly StoredSilence[], now: Instant): boolean {
    const before = this.size;
    for (const row of rows) {
      if (this.size >= MAX_SILENCES) break;
      if (this.#byId.has(row.id) || row.untilMs <= now.wall) continue;
      try {
        this.#begin(new Silence(row));
      } catch (cause) {
        if (!(cause instanceof SilenceError)) throw cause;
      }
    }
    return this.size > before;
  }

  /** Takes in those of a former run that are not over; what cannot be read is left out. To be called before any agent comes. */
  restore(rows: readonly StoredSilence[], now: Instant): void {
    for (const row of rows.slice(0, MAX_SILENCES)) {
      try {
        if (row.untilMs > now.wall) this.#insert(new Silence(row));
      } catch (cause) {
        if (!(cause instanceof SilenceError)) throw cause;
      }
    }
  }

  /** Finds the silence for an agent that is new or has another name. */
  apply(agent: Agent): void {
    if (this.#active.length === 0 && agent.silence === undefined) return;
    const before = agent.silence;
    this.#put(agent, this.#match(agent));
    if (before !== undefined && agent.silence === undefined) this.#listener.unsilenced(agent);
  }

  /** Lets go of an agent that is no more. */
  drop(agent: Agent): void {
    this.#put(agent, undefined);
  }

  /** Ends one by hand. @returns undefined when there is none with this id */
  remove(id: string): EndedSilence | undefined {
    const silence = this.#byId.get(id);
    if (silence === undefined) return undefined;
    const [ended] = this.#end([silence]);
    this.#letLeave();
    return ended;
  }

  /** Brings them up to this moment. */
  advance({ wall }: Instant): void {
    if (wall >= this.#nextEndMs) {
      for (const ended of this.#end(this.#active.filter(({ untilMs }) => untilMs <= wall))) this.#listener.ended(ended);
    }
    if (this.#leaving.length > 0) this.#letLeave();
  }

  #end(silences: readonly Silence[]): EndedSilence[] {
    const offline = new Map(silences.map((silence) => [silence, 0]));
    this.#active = this.#active.filter((silence) => !offline.has(silence));
    this.#nextEndMs = this.#active.at(-1)?.untilMs ?? Infinity;
    for (const { id } of silences) this.#byId.delete(id);
    for (const agent of this.#agents()) {
      const count = agent.silence === undefined ? undefined : offline.get(agent.silence);
      if (agent.silence === undefined || count === undefined) continue;
      this.#leaving.push(agent);
      if (agent.state === "offline") offline.set(agent.silence, count + 1);
    }
    return silences.map((silence) => ({ silence, agents: silence.agents, offline: offline.get(silence) ?? 0 }));
  }

  #letLeave(): void {
    const cost = LOOK + this.#active.length;
    for (let left = COMPARISONS; left > 0 && this.#leaving.length > 0; left -= cost) {
      const agent = this.#leaving.pop();
      // It may be forgotten by now, or under another one.
      if (agent?.silence !== undefined && !this.#byId.has(agent.silence.id)) this.apply(agent);
    }
  }

  #match(agent: Agent): Silence | undefined {
    const asset = agent.asset.toLowerCase();
    return this.#active.find((silence) => silence.matches(agent, asset));
  }

  #begin(silence: Silence): void {
    this.#insert(silence);
    for (const agent of this.#agents()) {
      if ((agent.silence?.untilMs ?? -Infinity) >= silence.untilMs) continue;
      if (silence.matches(agent, agent.asset.toLowerCase())) this.#put(agent, silence);
    }
  }

  #insert(silence: Silence): void {
    const place = this.#active.findIndex(({ untilMs }) => untilMs < silence.untilMs);
    this.#active.splice(place === -1 ? this.#active.length : place, 0, silence);
    this.#byId.set(silence.id, silence);
    this.#nextEndMs = Math.min(this.#nextEndMs, silence.untilMs);
  }

  #put(agent: Agent, silence: Silence | undefined): void {
    if (agent.silence !== undefined) agent.silence.agents--;
    if (silence !== undefined) silence.agents++;
    agent.setSilence(silence);
  }

  /** Short, because people type it. */
  #newId(): string {
    for (;;) {
      const id = crypto.randomUUID().slice(0, 8);
      if (!this.#byId.has(id)) return id;
    }
  }
}
