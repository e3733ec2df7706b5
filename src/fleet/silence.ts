import { Cidrs } from "./address.ts";
import type { Agent } from "./agent.ts";
import { MAX_ASSET_LENGTH } from "./beat.ts";
import { Glob } from "./glob.ts";

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
  matches({ key }: Agent, asset: string): boolean {
    return (this.cidr === undefined || this.cidr.has(key)) &&
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
