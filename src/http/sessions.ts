import { createHash, createHmac, timingSafeEqual } from "node:crypto";
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
export function issueSession(token: Token, wallMs: number): string {
  const claim = `${token.name}:${wallMs + SESSION_MS}`;
  return `${claim}:${signature(token, claim)}`;
}

/** Whose valid session a cookie's value is; undefined when it is none. */
export function sessionHolder(value: string, tokens: readonly Token[], wallMs: number): Token | undefined {
  const [name = "", end = "", given = "", ...rest] = value.split(":");
  const token = tokens.find((each) => each.name === name);
  if (token === undefined || rest.length > 0) return undefined;
  if (!isSame(signature(token, `${name}:${end}`), given)) return undefined;
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

function signature({ secret }: Token, claim: string): string {
  return createHmac("sha256", secret).update(`elves-heartbeat session ${claim}`).digest("base64url");
}

/** Compares digests, which are of one length whatever the texts are. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest());
}
