import { z } from "zod";
import { nearest } from "../../config/nearest.ts";
import { duration, flag, integer } from "../../config/values.ts";
import { canonicalAddress, Cidrs } from "../../fleet/address.ts";
import type { AgentState } from "../../fleet/agent.ts";
import { quoted } from "../../quoted.ts";
import { Problem } from "../problem.ts";
import type { Call } from "../route.ts";

/** The longest text in a question, characters; every agent is compared with it. */
export const MAX_TEXT_LENGTH = 1_000;
/** The most rows in one answer. */
export const MAX_SIZE = 1_000;
/** How many there are unless told otherwise. */
export const DEFAULT_SIZE = 50;

/** The words for states, and what they stand for. */
export const STATES = {
  online: ["online"],
  suspect: ["suspect"],
  offline: ["offline"],
  live: ["online", "suspect"],
  all: ["online", "suspect", "offline"],
} as const satisfies Record<string, readonly AgentState[]>;

/** One of the words for states. */
export type StateWord = keyof typeof STATES;

/** One word of a few, exactly as it is written. */
export function word<const W extends string>(words: readonly W[]) {
  return z.enum(words, `one of ${words.join(", ")}`);
}

/** The states that are asked for. */
export function states(byDefault: StateWord) {
  return word(Object.keys(STATES) as StateWord[]).default(byDefault);
}

/** A text that is not too long. */
export const text = z.string("a text").max(MAX_TEXT_LENGTH, `a text of at most ${MAX_TEXT_LENGTH} characters`);

/** An address in its canonical form. */
export const address = read("an IPv4 or IPv6 address", canonicalAddress);

/** Address ranges. */
export const ranges = read("address ranges such as 10.0.0.0/8, separated by commas", (value) => {
  if (value.length > MAX_TEXT_LENGTH) return undefined;
  try {
    return new Cidrs(value);
  } catch {
    return undefined;
  }
});

/** `true` or `false`. */
export const truth = flag;

/** A number in the address of a resource or a parameter. */
export const id = integer(1, Number.MAX_SAFE_INTEGER);

/** Which page of a list, from 1. */
export const pageNumber = integer(1, 1e12);

/** How many rows a page has. */
export const pageSize = integer(1, MAX_SIZE).default(DEFAULT_SIZE);

/** A duration as in the configuration, in ms; in a body it may be a number. */
export function span(min: string, max = "366d") {
  const type = duration(min, max);
  return z.unknown().transform((value, context) => {
    const result = type.safeParse(typeof value === "number" ? String(value) : value);
    if (result.success) return result.data;
    context.addIssue(`a duration from ${min} to ${max}, such as 30s, 10m, 2h or 7d`);
    return z.NEVER;
  });
}

/** A text that becomes something else, or is not what was required. */
export function read<T>(required: string, convert: (text: string) => T | undefined) {
  return z.string(required).transform((value, context) => {
    const result = convert(value);
    if (result !== undefined) return result;
    context.addIssue(required);
    return z.NEVER;
  });
}

/**
 * Reads the parameters of a question. An empty value is as if not given, as forms send it.
 * @throws {Problem} 400 for one that is unknown, repeated or not what it must be
 */
export function readQuery<S extends z.ZodObject>({ url }: Call, schema: S): z.output<S> {
  const given = new Map<string, string>();
  for (const [name, value] of url.searchParams) {
    requireKnown(name, schema, "parameter");
    if (given.has(name)) {
      const times = url.searchParams.getAll(name).length;
      throw new Problem(400, `${name} must be given once, it came ${times} times`, { field: name });
    }
    given.set(name, value);
  }
  return parse(schema, Object.fromEntries([...given].filter(([, value]) => value !== "")));
}

/** For questions without parameters. */
export const NOTHING = z.object({});

/**
 * Reads the fields of a body.
 * @throws {Problem} 400 for one that is unknown or not what it must be, and for a body that is no object
 */
export function readBody<S extends z.ZodObject>({ body }: Call, schema: S): z.output<S> {
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new Problem(400, `the body must be a JSON object, ${quoted(body)} came`);
  }
  for (const name of Object.keys(body)) requireKnown(name, schema, "field");
  return parse(schema, { ...body });
}

function requireKnown(name: string, { shape }: z.ZodObject, what: "parameter" | "field"): void {
  if (Object.hasOwn(shape, name)) return;
  const known = Object.keys(shape);
  const shown = name.length > 64 ? `${name.slice(0, 64)}...` : name;
  const best = nearest(shown, known)?.word;
  const hint = best === undefined ? "there are none here" : `the nearest is ${JSON.stringify(best)}`;
  const list = known.length > 1 ? ` of ${known.join(", ")}` : "";
  throw new Problem(400, `there is no ${what} ${JSON.stringify(shown)}; ${hint}${list}`, { field: shown });
}

function parse<S extends z.ZodObject>(schema: S, values: Readonly<Record<string, unknown>>): z.output<S> {
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const name = String(issue?.path[0]);
  throw new Problem(400, `${name} must be ${issue?.message}, ${quoted(values[name])} came`, { field: name });
}
