import { createHash, timingSafeEqual } from "node:crypto";
import type { Token } from "../config/values.ts";

/** Name of the page's cookie. */
export const COOKIE = "elves_heartbeat";
/** How long a login lasts, ms. */
export const SESSION_MS = 12 * 3_600_000;

/**
 * The value of a cookie that says who logged in and until when: `name:end:signature`. It is signed with the token
 * itself, so it needs no memory, survives a restart, and is worth nothing once the token has changed.
 * @param wallMs now, ms since the epoch
 */
export async function issueSession(token: Token, wallMs: number): Promise<string> {
  const claim = `${token.name}:${wallMs + SESSION_MS}`;
  return `${claim}:${await signature(token, claim)}`;
}

/** Whose valid session a cookie's value is; undefined when it is none. */
export async function sessionHolder(
  value: string,
  tokens: readonly Token[],
  wallMs: number,
): Promise<Token | undefined> {
  const [name = "", end = "", given = "", ...rest] = value.split(":");
  const token = tokens.find((each) => each.name === name);
  if (token === undefined || rest.length > 0) return undefined;
  if (!isSame(await signature(token, `${name}:${end}`), given)) return undefined;
  const leftMs = Number(end) - wallMs;
  // One that ends later than any that is issued now comes from before the clock was set back.
  return leftMs > 0 && leftMs <= SESSION_MS ? token : undefined;
}

/** The token with this secret. Takes the same time whichever it is, and whether it is one at all. */
export function tokenOf(secret: string, tokens: readonly Token[]): Token | undefined {
  let found: Token | undefined;
  for (const token of tokens) if (isSame(token.secret, secret)) found = token;
  return found;
}

async function signature({ secret }: Token, claim: string): Promise<string> {
  const text = new TextEncoder();
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", text.encode(secret), algorithm, false, ["sign"]);
  const signed = await crypto.subtle.sign("HMAC", key, text.encode(`elves-heartbeat session ${claim}`));
  return new Uint8Array(signed).reduce((hex, byte) => hex + byte.toString(16).padStart(2, "0"), "");
}

/** Compares digests, which are of one length whatever the texts are. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}
