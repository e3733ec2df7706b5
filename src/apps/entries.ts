import { z } from "zod";
import { canonicalAddress } from "../fleet/address.ts";
import { quoted } from "../quoted.ts";

/** The longest app name and version, characters. */
const MAX_NAME_LENGTH = 255;
/** How many addresses are read between two places where the reading may be interrupted. */
const ADDRESSES_PER_STEP = 256;

/** One entry of supervisor's list: these agents may run this version of this app. */
export interface AppEntry {
  readonly app: string;
  readonly version: string;
  /** Canonical addresses. */
  readonly agents: readonly string[];
}

/** An entry that was not taken, or the addresses of one that were not. */
export interface RefusedEntry {
  /** Its place in the list, from 0. */
  readonly entry: number;
  /** The app it names, if it names one. */
  readonly app?: string;
  /** What was required and what came. */
  readonly reason: string;
}

/** An entry that was refused whole, and the agents that it names none the less. */
export interface UnreadApp {
  /** Empty where the entry does not say which app it is about. */
  readonly app: string;
  /** Canonical addresses. */
  readonly agents: readonly string[];
}

/** A list of entries after validation. */
export interface ReadEntries {
  readonly entries: readonly AppEntry[];
  readonly refused: readonly RefusedEntry[];
  /** Apps of which an entry was refused whole. */
  readonly refusedApps: ReadonlySet<string>;
  /** Whether an entry was refused that does not say which app it is about. */
  readonly hasUnnamed: boolean;
  /** What the refused entries would have been about, as far as that can be read. */
  readonly unread: readonly UnreadApp[];
}

const name = (what: string) =>
  z.string(`${what} must be a text`).min(1, `${what} must not be empty`)
    .max(MAX_NAME_LENGTH, `${what} must have at most ${MAX_NAME_LENGTH} characters`)
    .regex(/^\P{Cc}*$/u, `${what} must have no control characters`);

/** `instruct` is what senders before v0.3.0 call the app. */
const ENTRY = z.preprocess(
  (value) => isObject(value) && !("app" in value) && "instruct" in value ? { ...value, app: value.instruct } : value,
  z.object({
    app: name("app"),
    version: name("version"),
    agentList: z.array(z.unknown(), "agentList must be a list of addresses"),
  }, "an entry must be an object"),
);

/**
 * Reads a list of entries one by one (PROTOCOL.md section 2, updateAppInfo): a bad entry costs only itself, a bad
 * address only its place in the list. A long job: it yields where it may be interrupted.
 */
export function* readEntries(list: readonly unknown[]): Generator<void, ReadEntries, void> {
  const entries: AppEntry[] = [];
  const refused: RefusedEntry[] = [];
  const refusedApps = new Set<string>();
  const unread: UnreadApp[] = [];
  let hasUnnamed = false;
  for (const [entry, value] of list.entries()) {
    yield;
    const result = ENTRY.safeParse(value);
    if (!result.success) {
      const app = nameOf(value);
      if (app === undefined) hasUnnamed = true;
      else refusedApps.add(app);
      const list = isObject(value) && Array.isArray(value.agentList) ? value.agentList : [];
      const { agents } = yield* readAddresses(list);
      if (agents.length > 0) unread.push({ app: app ?? "", agents });
      refused.push({
        entry,
        ...(app === undefined ? {} : { app }),
        reason: result.error.issues[0]?.message ?? "invalid",
      });
      continue;
    }
    const { app, version, agentList } = result.data;
    const { agents, bad } = yield* readAddresses(agentList);
    // A list without one address that can be read is no word that no agent may run the app.
    if (bad.length > 0 && agents.length === 0) refusedApps.add(app);
    else entries.push({ app, version, agents });
    if (bad.length > 0) {
      const first = quoted(bad[0]);
      refused.push({ entry, app, reason: `${bad.length} of agentList are no addresses, the first is ${first}` });
    }
  }
  return { entries, refused, refusedApps, hasUnnamed, unread };
}

function* readAddresses(list: readonly unknown[]): Generator<void, { agents: string[]; bad: unknown[] }, void> {
  const agents: string[] = [];
  const bad: unknown[] = [];
  for (const [i, value] of list.entries()) {
    const ip = typeof value === "string" ? canonicalAddress(value) : undefined;
    if (ip === undefined) bad.push(value);
    else agents.push(ip);
    if (i % ADDRESSES_PER_STEP === ADDRESSES_PER_STEP - 1) yield;
  }
  return { agents, bad };
}

function nameOf(value: unknown): string | undefined {
  if (!isObject(value)) return undefined;
  const app = value.app ?? value.instruct;
  return typeof app === "string" && app.length <= MAX_NAME_LENGTH ? app : undefined;
}

/** Whether a JSON value is an object with keys. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
