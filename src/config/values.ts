import JSON5 from "json5";
import { z } from "zod";
import { Cidrs } from "../fleet/address.ts";
import { parseConnectString } from "../zookeeper/connect_string.ts";

/** How a setting's text becomes its value. A fault's message says what was required; what came is added by the reader. */
export type ValueType<T> = z.ZodType<T, string>;

/** A machine that listens somewhere. */
export interface HostPort {
  readonly host: string;
  /** Undefined where the text names none. */
  readonly port: number | undefined;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  "": 1,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The longest duration, ms: 366 days. */
const MAX_DURATION_MS = 366 * 86_400_000;

function value<T>(required: string, read: (text: string) => T | undefined): ValueType<T> {
  return z.string().transform((text, context) => {
    const result = read(text);
    if (result !== undefined) return result;
    context.addIssue(required);
    return z.NEVER;
  });
}

/** Any text but the empty one. */
export const text: ValueType<string> = value("a text", (text) => text === "" ? undefined : text);

/** A whole number in a range, both ends included. */
export function integer(min: number, max: number): ValueType<number> {
  return value(`a whole number from ${min} to ${max}`, (text) => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    return number >= min && number <= max ? number : undefined;
  });
}

/** A share from 0 to 1. */
export const share: ValueType<number> = value("a number from 0 to 1", (text) => {
  const number = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN;
  return number <= 1 ? number : undefined;
});

/** A duration in ms: a whole number of them, or of s, m, h or d with the unit behind it. */
export function duration(min: string, max = "366d"): ValueType<number> {
  const minMs = durationMs(min) ?? 0;
  const maxMs = durationMs(max) ?? MAX_DURATION_MS;
  return value(`a duration from ${min} to ${max} (milliseconds, or with a unit: 500ms, 30s, 10m, 1h, 7d)`, (text) => {
    const ms = durationMs(text);
    return ms !== undefined && ms >= minMs && ms <= maxMs ? ms : undefined;
  });
}

function durationMs(text: string): number | undefined {
  const [, number, unit] = /^(\d{1,12})\s*(ms|s|m|h|d|)$/.exec(text) ?? [];
  return number === undefined || unit === undefined ? undefined : Number(number) * (UNIT_MS[unit] ?? NaN);
}

/** `true` or `false`. */
export const flag: ValueType<boolean> = value("true or false", (text) => {
  const word = text.toLowerCase();
  return word === "true" ? true : word === "false" ? false : undefined;
});

/** One word of a few; case does not matter. */
export function oneOf<const W extends string>(...words: readonly W[]): ValueType<W> {
  return value(words.join(" or "), (text) => words.find((word) => word.toLowerCase() === text.toLowerCase()));
}

/** A secret by which the HTTP side knows somebody. */
export interface Token {
  /** Who has it, for the audit. */
  readonly name: string;
  readonly secret: string;
}

/** The name of the holder of a token without one. */
const UNNAMED_TOKEN = "token";

/** Tokens, `name:secret` or just one secret, separated by commas. Letters that a header can carry; no blanks. */
export const tokens: ValueType<readonly Token[]> = value(
  "name:token or a token alone, several separated by commas, each token of 16 to 200 letters, digits and . _ ~ + / = -, " +
    "names and tokens different from each other",
  (text) => {
    const all = text.split(",").map((part) => token(part.trim()));
    const isDistinct = (key: keyof Token) => new Set(all.map((each) => each?.[key])).size === all.length;
    return all.every((each) => each !== undefined) && isDistinct("name") && isDistinct("secret") ? all : undefined;
  },
);

function token(text: string): Token | undefined {
  const [, name = UNNAMED_TOKEN, secret] = /^(?:([A-Za-z0-9._@-]{1,64}):)?([A-Za-z0-9._~+/=-]{16,200})$/.exec(text) ??
    [];
  return secret === undefined ? undefined : { name, secret };
}

/** Host names without a port, in lower case. */
export const hostNames: ValueType<ReadonlySet<string>> = value("host names separated by commas", (text) => {
  const names = text.toLowerCase().split(",").map((part) => part.trim());
  return names.every((name) => /^[a-z0-9_.-]{1,253}$/.test(name)) ? new Set(names) : undefined;
});

/** One or more machines, `host` or `host:port`, separated by commas; an IPv6 address with a port stands in brackets. */
export const hosts: ValueType<readonly HostPort[]> = value("host or host:port, several separated by commas", (text) => {
  const all = text.split(",").map((part) => hostPort(part.trim()));
  return all.every((host) => host !== undefined) ? all : undefined;
});

function hostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, port] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s,:[\]/]+))(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (/^[0-9a-fA-F:.]+$/.test(text) && text.split(":").length > 2) return { host: text, port: undefined };
  const host = bracketed ?? plain;
  if (host === undefined || (port !== undefined && (Number(port) < 1 || Number(port) > 65535))) return undefined;
  return { host, port: port === undefined ? undefined : Number(port) };
}

/** Address ranges separated by commas. */
export const cidrs: ValueType<Cidrs> = value("address ranges such as 10.0.0.0/8, separated by commas", (text) => {
  try {
    return new Cidrs(text);
  } catch {
    return undefined;
  }
});

/** A ZooKeeper path: `/` and names, none of them empty. */
export const znodePath: ValueType<string> = value("a ZooKeeper path such as /elves", (text) => {
  const path = text.length > 1 && text.endsWith("/") ? text.slice(0, -1) : text;
  return /^(\/[^/\s\p{Cc}]+)+$/u.test(path) ? path : undefined;
});

/** An http or https address. */
export const url: ValueType<URL> = value("an address such as https://host/path", (text) => {
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed !== undefined && !isEncoded(parsed.username + parsed.password)) return undefined;
  return parsed?.protocol === "http:" || parsed?.protocol === "https:" ? parsed : undefined;
});

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

/** ZooKeeper servers in the form of a connect string. */
export const connectString: ValueType<string> = value("ZooKeeper servers such as a:2181,b:2181", (text) => {
  try {
    parseConnectString(text);
    return text;
  } catch {
    return undefined;
  }
});

/** A login: a scheme, a colon, and what the scheme wants. */
export const login: ValueType<{ readonly scheme: string; readonly auth: string }> = value(
  "a scheme and its secret such as digest:user:secret",
  (text) => {
    const [, scheme, auth] = /^([a-z]+):(.+)$/.exec(text) ?? [];
    return scheme === undefined || auth === undefined ? undefined : { scheme, auth };
  },
);

/** App names and versions in JSON5, as the seed writes them: `{'app1':'1.0.1','app2':'1.0.2'}`. */
export const appVersions: ValueType<Readonly<Record<string, string>>> = value(
  "app names and versions such as {'app1':'1.0.1','app2':'1.0.2'}",
  (text) => {
    try {
      const parsed: unknown = JSON5.parse(text);
      if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) return undefined;
      // Not by way of z.record, which leaves `__proto__` out.
      const apps = Object.entries(parsed);
      const areTexts = apps.every((pair) => pair.every((part) => typeof part === "string" && part !== ""));
      return areTexts ? Object.fromEntries(apps) : undefined;
    } catch {
      return undefined;
    }
  },
);
