import type { Clock } from "../clock.ts";
import type { Token } from "../config/values.ts";
import { canonicalAddress } from "../fleet/address.ts";
import type { FaultLog } from "../log.ts";
import { Problem } from "./problem.ts";
import { COOKIE, issueSession, SESSION_MS, sessionHolder, tokenOf } from "./sessions.ts";

/** Who may ask, and under which names. */
export interface AccessSettings {
  /** Undefined: everybody who reaches the port, which then is a loopback one, may read and change. */
  readonly tokens: readonly Token[] | undefined;
  /** Host names, in lower case and without a port, that browsers may use besides addresses. */
  readonly allowedHosts: ReadonlySet<string>;
}

/** Who asks when no token is configured. */
export const LOCAL = "local";
/** How many cookies of our name are looked at: those of other ports of this host come as well. */
const MAX_COOKIES = 8;

/** Decides who may ask what. Web pages of others in an operator's browser can reach the port, but not get past this. */
export class Access {
  #settings: AccessSettings;
  readonly #clock: Clock;
  readonly #faults: FaultLog;

  constructor(settings: AccessSettings, { clock, faults }: { clock: Clock; faults: FaultLog }) {
    this.#settings = settings;
    this.#clock = clock;
    this.#faults = faults;
  }

  /**
   * Applies other tokens and names from now on; sessions of tokens that are gone end.
   * @returns whether the tokens are others than before
   */
  reconfigure(settings: AccessSettings): boolean {
    const before = JSON.stringify(this.#settings.tokens);
    this.#settings = settings;
    return JSON.stringify(settings.tokens) !== before;
  }

  /**
   * Refuses names that are not ours: a foreign name that is made to lead to this address (DNS rebinding) gives a
   * foreign page our origin. A browser cannot be made to send an address that is not the one it asks.
   * @throws {Problem} 421
   */
  checkHost(url: URL): void {
    const host = url.hostname;
    const address = host.startsWith("[") ? host.slice(1, -1) : host;
    if (canonicalAddress(address) !== undefined || this.#settings.allowedHosts.has(host)) return;
    throw new Problem(421, `Host ${JSON.stringify(host)} is not one of http.allowedHosts, nor an address`);
  }

  /**
   * Refuses what pages of other origins have a browser send, but for a link to the page itself.
   * @throws {Problem} 403
   */
  checkOrigin({ method, headers }: Request, url: URL): void {
    const site = headers.get("sec-fetch-site");
    const isForeign = site === "cross-site" || site === "same-site";
    const isLink = (method === "GET" || method === "HEAD") && headers.get("sec-fetch-mode") === "navigate" &&
      headers.get("sec-fetch-dest") === "document" && url.pathname === "/";
    if (isForeign && !isLink) throw new Problem(403, `another site's page asks (Sec-Fetch-Site: ${site})`);
    const origin = headers.get("origin");
    if (origin === null || URL.parse(origin)?.host === url.host) return;
    // Behind a proxy with TLS the origin is https and has no port, as the Host that the proxy passes on.
    const { host } = url;
    throw new Problem(
      403,
      `Origin ${JSON.stringify(origin)} is not that of Host ${JSON.stringify(host)}; a proxy must pass Host on`,
    );
  }

  /**
   * Who asks: the name of the token, or `local`.
   * @throws {Problem} 401
   */
  async identify(request: Request, peer: string): Promise<string> {
    const { tokens } = this.#settings;
    if (tokens === undefined) return LOCAL;
    const [scheme = "", secret = ""] = (request.headers.get("authorization") ?? "").trim().split(/ +/, 2);
    if (scheme.toLowerCase() === "bearer") {
      const token = tokenOf(secret, tokens);
      if (token !== undefined) return token.name;
      this.#refused(peer);
      throw unauthorized("the token is not known");
    }
    for (const value of cookies(request)) {
      const token = await sessionHolder(value, tokens, this.#clock.wall());
      if (token !== undefined) return token.name;
    }
    throw unauthorized("a token is required: Authorization: Bearer ..., or the login of the page");
  }

  /**
   * Exchanges a token for the page's cookie.
   * @returns the `Set-Cookie` header; undefined when the token is not known
   */
  async login(secret: string, request: Request, peer: string): Promise<string | undefined> {
    const token = tokenOf(secret, this.#settings.tokens ?? []);
    if (token === undefined) {
      this.#refused(peer);
      return undefined;
    }
    return cookie(request, await issueSession(token, this.#clock.wall()), SESSION_MS / 1000);
  }

  /** Whether tokens are required at all. */
  get needsToken(): boolean {
    return this.#settings.tokens !== undefined;
  }

  #refused(peer: string): void {
    this.#faults.warn("http_login", "http: {peer} came with a token that is not known", { peer });
  }
}

/** The `Set-Cookie` header that ends a login. */
export function logoutCookie(request: Request): string {
  return cookie(request, "", 0);
}

function cookie({ headers }: Request, value: string, maxAgeSeconds: number): string {
  const isSecure = headers.get("x-forwarded-proto")?.toLowerCase() === "https";
  return `${COOKIE}=${value}; Path=/; Max-Age=${maxAgeSeconds}; HttpOnly; SameSite=Strict${isSecure ? "; Secure" : ""}`;
}

/** The values of the cookies of our name. */
function cookies({ headers }: Request): string[] {
  const own = `${COOKIE}=`;
  const parts = (headers.get("cookie") ?? "").split(";").map((part) => part.trim());
  return parts.filter((part) => part.startsWith(own)).map((part) => part.slice(own.length)).slice(0, MAX_COOKIES);
}

function unauthorized(detail: string): Problem {
  return new Problem(401, detail, { headers: { "www-authenticate": 'Bearer realm="elves-heartbeat"' } });
}
