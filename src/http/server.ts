import { retryDelayMs } from "../backoff.ts";
import type { Clock } from "../clock.ts";
import { within } from "../deadline.ts";
import { authority, canonicalAddress } from "../fleet/address.ts";
import { FaultLog, type Logger } from "../log.ts";
import type { Access } from "./access.ts";
import { readBody } from "./body.ts";
import { withHeaders } from "./headers.ts";
import { PortWatch } from "./port_watch.ts";
import { Problem, problemResponse } from "./problem.ts";
import type { Route } from "./route.ts";
import { type Match, Router } from "./router.ts";

/** How many requests may be under way; streams do not count once they have begun. */
const MAX_IN_FLIGHT = 256;
/** How long the stop waits for requests that are under way, ms. */
const DRAIN_MS = 1_000;
/** How long the stop leaves for the last bytes: Deno 2.4.2 calls an answer completed before they are written, ms. */
const FLUSH_MS = 50;
/** The longest target of a request, characters. */
const MAX_TARGET = 8_192;

/** One answered request, for the metrics. */
export interface Observation {
  readonly method: string;
  /** The path of the route, such as `/api/v1/agents/{ip}`, or `other` where there is none. */
  readonly route: string;
  readonly status: number;
  /** From the request's header to the answer's. */
  readonly seconds: number;
}

/** What a server needs. */
export interface HttpServerOptions {
  readonly hostname: string;
  /** 0 for any free port. */
  readonly port: number;
  readonly access: Access;
  readonly log: Logger;
  readonly clock: Clock;
  /** Takes note of each request. */
  readonly observe?: (request: Observation) => void;
  /** A number in [0, 1) for the jitter of retries. */
  readonly random?: () => number;
}

/** What is answered. */
export interface Content {
  readonly routes: readonly Route[];
  /** What a browser gets that comes without a login. */
  readonly loginPage: () => Response;
}

/**
 * The port of the page, the API and the metrics. Beats rank above it: when the port cannot be opened, the service goes
 * on without it, and tries again until it can.
 *
 * Deno.serve has no deadline for the header of a request, no limit on connections, and no way to cut a single one: who
 * sends half a header, or does not read, holds a descriptor for as long as he likes. Whoever lets more than this machine
 * reach the port therefore puts a reverse proxy in front. What can be bounded is: bodies in size and time, the number of
 * requests under way, the size of their targets, streams in number and memory; and when no descriptor is left for a beat,
 * all connections here are closed (measured with a limit of 1,024: from the 990th half request on, no beat was taken).
 */
export class HttpServer {
  readonly #options: HttpServerOptions;
  readonly #faults: FaultLog;
  #router = new Router([]);
  #loginPage: Content["loginPage"] | undefined;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  #watch: PortWatch | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** Ends the server that is open. */
  #abort = new AbortController();
  #failures = 0;
  #inFlight = 0;
  /** Requests whose answers are not on their way as a whole. */
  #unfinished = 0;
  #onFinished: (() => void) | undefined;
  #refusesChanges = false;
  #isStopping = false;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#faults = new FaultLog(options.log, () => options.clock.monotonic());
  }

  /** Where it is reached, with the real port; undefined while the port cannot be opened. */
  get address(): { hostname: string; port: number } | undefined {
    if (this.#server === undefined) return undefined;
    const { hostname, port } = this.#server.addr;
    return { hostname, port };
  }

  /** Opens the port and serves; when that fails, tries again in the background until it is stopped. */
  start({ routes, loginPage }: Content): void {
    this.#router = new Router(routes);
    this.#loginPage = loginPage;
    this.#open();
  }

  /** From now on only questions are answered: the stop has begun, and what would be changed might not be stored. */
  refuseChanges(): void {
    this.#refusesChanges = true;
  }

  /** Closes the port when all answers are on their way, at the latest after a second. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearTimeout(this.#retry);
    this.#watch?.stop();
    const server = this.#server;
    if (server === undefined) return;
    if (this.#unfinished > 0) await within(new Promise<void>((resolve) => this.#onFinished = resolve), DRAIN_MS);
    await within(server.finished, FLUSH_MS);
    this.#server = undefined;
    // Not shutdown(), which waits for whoever has sent half a header, or does not read.
    this.#abort.abort();
    await server.finished;
  }

  /** Closes all connections and opens the port again: there are no file descriptors left, and beats need some. */
  shed(): void {
    if (this.#server !== undefined) this.#ended(this.#server, "beats lack the file descriptors that it holds");
  }

  #open(): void {
    const { hostname, port, log } = this.#options;
    this.#abort = new AbortController();
    try {
      this.#server = Deno.serve(
        {
          hostname,
          port,
          signal: this.#abort.signal,
          onListen() {},
          onError: (cause) => withHeaders(this.#broken(cause)),
        },
        (request, { remoteAddr: { hostname }, completed }) => {
          this.#track(completed);
          return this.#serve(request, canonicalAddress(hostname) ?? hostname);
        },
      );
    } catch (cause) {
      return this.#cannotOpen(cause);
    }
    this.#failures = 0;
    const opened = this.#server;
    log.info(`page, API and metrics on http://${authority(opened.addr.hostname, opened.addr.port)}`);
    // In Deno 2.4.2 the accept loop ends when there is no file descriptor left; this tells it with the last connection.
    opened.finished.then(() => this.#ended(opened, "it ended"), (cause) => this.#ended(opened, cause));
    this.#watch = new PortWatch(opened.addr, (cause) => this.#ended(opened, cause));
  }

  #cannotOpen(cause: unknown): void {
    const { hostname, port, random } = this.#options;
    const address = authority(hostname, port);
    const why = cause instanceof Deno.errors.AddrInUse
      ? "is in use (http.port): stop what listens there, or take another"
      : "cannot be opened (http.host, http.port): {cause}";
    this.#faults.error(
      "http_listen",
      `http: {address} ${why}; beats go on without page, API and metrics, and it is tried again`,
      { address, cause },
    );
    this.#retry = setTimeout(() => this.#open(), retryDelayMs(++this.#failures, random));
  }

  #ended(server: Deno.HttpServer<Deno.NetAddr>, cause: unknown): void {
    if (this.#isStopping || this.#server !== server) return;
    this.#server = undefined;
    this.#watch?.stop();
    // Its connections would stay, and hold the descriptors for lack of which it ended.
    this.#abort.abort();
    this.#faults.error("http_ended", "http: the port does not serve any more and is opened again: {cause}", { cause });
    this.#retry = setTimeout(() => this.#open(), retryDelayMs(++this.#failures, this.#options.random));
  }

  /** Keeps in mind that an answer is to be sent; a peer that left has no use for it. */
  async #track(completed: Promise<void>): Promise<void> {
    this.#unfinished++;
    await completed.catch(() => {});
    this.#unfinished--;
    if (this.#unfinished === 0) this.#onFinished?.();
  }

  async #serve(request: Request, peer: string): Promise<Response> {
    const { clock, observe } = this.#options;
    const startMs = clock.monotonic();
    let match: Match | undefined;
    let response: Response;
    this.#inFlight++;
    try {
      response = await this.#answer(request, peer, (found) => match = found);
    } catch (cause) {
      response = cause instanceof Problem ? this.#refusal(cause, request) : this.#broken(cause);
    } finally {
      this.#inFlight--;
    }
    observe?.({
      method: request.method,
      route: match?.route.path ?? "other",
      status: response.status,
      seconds: (clock.monotonic() - startMs) / 1000,
    });
    return withHeaders(response);
  }

  async #answer(request: Request, peer: string, onMatch: (match: Match) => void): Promise<Response> {
    const url = urlOf(request);
    const found = this.#find(request.method, url);
    if (!(found instanceof Problem)) onMatch(found);
    const route = found instanceof Problem ? undefined : found.route;
    const who = route?.open === true ? "" : await this.#admit(request, { url, route, peer });
    if (found instanceof Problem) throw found;
    const body = await readBody(request, { form: found.route.form ?? false });
    return await found.route.handle({ request, url, params: found.params, body, who, peer });
  }

  /** @returns who asks; empty where that need not be known */
  async #admit(
    request: Request,
    { url, route, peer }: { url: URL; route: Route | undefined; peer: string },
  ): Promise<string> {
    // Health checks cost nothing, and a balancer must not take a busy instance for a broken one.
    if (this.#inFlight > MAX_IN_FLIGHT) throw busy("too many requests are under way");
    const isQuestion = request.method === "GET" || request.method === "HEAD";
    if (this.#isStopping || (this.#refusesChanges && !isQuestion)) throw busy("the service stops");
    const { access } = this.#options;
    access.checkHost(url);
    access.checkOrigin(request, url);
    return route?.anonymous === true ? "" : await access.identify(request, peer);
  }

  /** A browser that shows what it gets is asked for a login; everybody else is told the problem. */
  #refusal(problem: Problem, request: Request): Response {
    const page = problem.status === 401 && isNavigation(request) ? this.#loginPage?.() : undefined;
    return page ?? problemResponse(problem);
  }

  /** What would be said of the path is kept until it is known that the sender may know it. */
  #find(method: string, url: URL): Match | Problem {
    try {
      return this.#router.match(method, url.pathname);
    } catch (cause) {
      if (cause instanceof Problem) return cause;
      throw cause;
    }
  }

  #broken(cause: unknown): Response {
    this.#faults.error("http_failed", "http: a request could not be answered: {cause}", { cause });
    return problemResponse(new Problem(500, "the service failed at this; its log says why"));
  }
}

/**
 * The address that was asked for. Deno builds it by joining texts: what stands in `Host` besides a host would become
 * part of the path.
 * @throws {Problem} 400
 */
function urlOf(request: Request): URL {
  if (request.url.length > MAX_TARGET) throw new Problem(400, `the target may have ${MAX_TARGET} characters`);
  const host = request.headers.get("host");
  const url = URL.parse(request.url);
  const isPlain = host === null || /^[A-Za-z0-9_.:[\]-]{1,300}$/.test(host);
  if (url === null || !isPlain || url.username !== "" || url.password !== "") {
    throw new Problem(400, "the target or Host is malformed");
  }
  return url;
}

/** Whether a browser asks for something to show. */
function isNavigation({ method, headers }: Request): boolean {
  if (method !== "GET" && method !== "HEAD") return false;
  return headers.get("sec-fetch-mode") === "navigate" || (headers.get("accept") ?? "").includes("text/html");
}

function busy(detail: string): Problem {
  return new Problem(503, detail, { headers: { "retry-after": "1" } });
}
